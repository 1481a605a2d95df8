"""Regularization: the value and the gradient of sums over elements, for all parameters of a model in one launch.

A penalty is two formulas of one element and its coefficients, ``value(w, c0, c1, ...)`` and ``gradient(w, c0, c1, ...)``. Parameters are
cut into chunks of the flat vector (`segments.chunks`), each with coefficients of its own and a value of its own.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunn.kernels.cuda_text import SUFFIX, cuda_kernel, typed
from gpunn.kernels.elementwise import composed, elementwise
from gpunn.kernels.formula import Formula
from gpunn.kernels.record import REGISTRY, Kernel, first_rows, parse, register
from gpunn.kernels.row_sums import row_sum
from gpunn.kernels.segments import CHUNK


@dataclass(frozen=True)
class Penalty:
    """The kernels of one pair of formulas.

    Attributes:
        both: ``bounds, coefficients, p, scale:const, g -> g, value:col``: g += scale * gradient, and the value of each chunk.
        value: ``bounds, coefficients, p -> value:col``.
        rows: ``y, c0:const ..., factor:const -> total:col``, for a layer's output: the factor times the value of each row.
        rows_gradient: ``dy, y, scale:const, c0:const ... -> dy``: dy += scale * gradient.
        coefficients: how many of them.
    """

    both: Kernel
    value: Kernel
    rows: Kernel
    rows_gradient: Kernel
    coefficients: int


def penalty(value: Kernel, gradient: Kernel) -> Penalty:
    """The kernels for two elementwise kernels, ``w, c0, c1, ... -> value`` and the same ``-> gradient``, made once a pair.

    Raises ValueError when they are no formulas with one result, or take different arguments.
    """
    f, g = getattr(value, "formula", None), getattr(gradient, "formula", None)
    formulas = isinstance(f, Formula) and isinstance(g, Formula)
    if f is None or g is None or not formulas or not f.outputs == g.outputs == 1 or not len(f.parameters) == len(g.parameters) > 0:
        raise ValueError(
            "A penalty takes two elementwise kernels with one result and the same arguments: the value and the gradient of one element, "
            f"and its coefficients. Received: {value!r} and {gradient!r}."
        )
    names = [f"c{k}" for k in range(len(f.parameters) - 1)]
    name = f"{f.name}__{g.name}"
    arguments = ", ".join(["dy", "y", "scale:const", *(f"{c}:const" for c in names)])
    rows_gradient = composed(
        f"{name}_rows_bwd", f"{arguments} -> dy", ", ".join(["dy", "y", "scale", *names]),
        f"dy + scale * {g.name}({', '.join(['y', *names])})", {g.name: gradient},
    )
    rows = row_sum(f"{name}_rows", ", ".join(["y", *(f"{c}:const" for c in names)]), f, value.family)
    both, alone = (_kernel(name, f, slope, value.family) for slope in (g, None))
    return Penalty(both, alone, rows, rows_gradient, len(names))


def _kernel(name: str, f: Formula, g: Formula | None, family: str) -> Kernel:
    """Over chunks of the flat vector, with or without their gradient."""
    name += "_both" if g else "_value"
    if name in REGISTRY:
        return REGISTRY[name]
    text = _Texts(name, f, g)
    return register(
        Kernel(
            name=name, operands=parse(text.signature), extent=first_rows, reference=text.reference(), native_text=text.numba(),
            cuda=text.cuda, geometry="warps", formulas=tuple(text.formulas), family=family,
            cost=lambda *a: 0.2 * CHUNK,
        )
    )


class _Texts:
    """The implementations of one kernel."""

    def __init__(self, name: str, f: Formula, g: Formula | None):
        self.name, self.f, self.g = name, f, g
        self.formulas = [*f.closure(), *(h for h in (g.closure() if g else ()) if h not in f.closure())]
        self.count = len(f.parameters) - 1
        gradient = ", scale:const, g:whole -> g:whole, value:col" if g else " -> value:col"
        self.signature = f"bounds:full:i8, coefficients, p:whole{gradient}"

    def reference(self) -> Any:
        space: dict[str, Any] = {"np": np}
        for formula in self.formulas:
            exec(formula.python("numpy"), space)
        f, g = space[self.f.name], space[self.g.name] if self.g else None

        def reference(bounds: Any, coefficients: Any, p: Any, *rest: Any) -> None:
            p, value = p.reshape(-1), rest[-1].reshape(-1)
            with np.errstate(all="ignore"):
                for i, (start, end) in enumerate(bounds):
                    w, c = p[start:end], coefficients[i, : self.count]
                    value[i] = np.sum(f(w, *c))
                    if g is not None:
                        rest[1].reshape(-1)[start:end] += p.dtype.type(rest[0]) * g(w, *c)

        return reference

    def numba(self) -> str:
        call = ", ".join(["w", *(f"c{k}" for k in range(self.count))])
        return "\n".join(
            [
                *("@inlined\n" + h.python("numba") for h in self.formulas),
                f"def body({', '.join(['bounds', 'coefficients', 'p', *(['scale', 'g'] if self.g else []), 'value'])}, lo, hi, scratch):",
                "    p = p.reshape(p.size)",
                *(["    scale = T(scale[0])", "    g = g.reshape(g.size)"] if self.g else []),
                "    for i in range(lo, hi):",
                "        part = p[bounds[i, 0]:bounds[i, 1]]",
                *(["        slope = g[bounds[i, 0]:bounds[i, 1]]"] if self.g else []),
                *(f"        c{k} = coefficients[i, {k}]" for k in range(self.count)),
                "        total = T(0)",
                "        for j in range(part.size):",
                "            w = part[j]",
                f"            total += {self.f.name}({call})",
                *([f"            slope[j] += scale * {self.g.name}({call})"] if self.g else []),
                "        value[i] = total",
            ]
        )

    def cuda(self, dtype: str) -> str:
        kind, w, loaded = ("two<T>", "v.a", "two<T>{p[start + j], g[start + j]}") if self.g else ("T", "v", "p[start + j]")
        call = ", ".join([w, *(f"c{k}" for k in range(self.count))])
        parameters = ["const long long* __restrict__ bounds", "const T* __restrict__ coefficients", "const T* __restrict__ p"]
        parameters += ["T scale", "T* __restrict__ g"] if self.g else []
        parameters += ["T* __restrict__ value", "long long rows", "long long columns"]
        taken = "".join(f"  const T c{k} = coefficients[{max(self.count, 1)} * row + {k}];\n" for k in range(self.count))
        return typed(
            f'extern "C" __global__ void {self.name}_{SUFFIX[dtype]}({", ".join(parameters)}) {{\n'
            "  const long long row = warp_row();\n"
            "  if (row >= rows) return;\n"
            "  const int lane = threadIdx.x & 31;\n"
            "  const long long start = bounds[2 * row], count = bounds[2 * row + 1] - start;\n"
            f"{taken}"
            "  T total = T(0);\n"
            f"  at_once<4>(lane, count, 32, [&](long long j) {{ return {loaded}; }}, [&](long long j, {kind} v) {{\n"
            f"    total += {self.f.name}({call});\n"
            + (f"    g[start + j] = v.b + scale * {self.g.name}({call});\n" if self.g else "")
            + "  });\n"
            "  total = warp_sum(total);\n"
            "  if (lane == 0) value[row] = total;\n"
            "}\n",
            dtype,
        )


@elementwise("w, l1:const, l2:const, pull:const -> value", family="penalty")
def l1_l2(w, l1, l2, pull):
    return l1 * abs(w) + l2 * w * w


@elementwise("w, l1:const, l2:const, pull:const -> slope", family="penalty")
def l1_l2_gradient(w, l1, l2, pull):
    """`pull` is l1, or 0 where the proximal step does the absolute value's part; |w| has the slope 0 at 0, as in
    Keras on TensorFlow and PyTorch; JAX takes 1, which moves weights that are 0 away from it."""
    return 2.0 * l2 * w + (pull if w > 0.0 else (-pull if w < 0.0 else 0.0))


L1_L2 = penalty(l1_l2, l1_l2_gradient)


@elementwise("p, rate:scalar, l1:const -> p", family="penalty")
def shrink(p, rate, l1):
    """Soft threshold: the proximal step of rate * l1 * |p|, which ends at exact zeros (Daubechies, Defrise & De Mol 2004)."""
    step = rate * l1
    return 0.0 if abs(p) <= step else (p - step if p > 0.0 else p + step)


@elementwise("g -> g", family="penalty")
def cleared(g):
    return 0.0


def _add_penalty_reference(values, rows, step, sums):
    total = float(values.sum(dtype=np.float64)) * rows
    flat = sums.reshape(-1)
    flat[0] += total
    flat[1] += rows
    if flat[2] < 0 and not np.isfinite(total):
        flat[2] = float(step.reshape(-1)[0])


def _add_penalty_native(values, rows, step, sums, lo, hi, scratch):
    total = 0.0
    for i in range(values.size):
        total += np.float64(values[i])
    total *= rows[0]
    sums[0] += total
    sums[1] += rows[0]
    if sums[2] < 0 and not np.isfinite(total):
        sums[2] = np.float64(step[0])


# sums as in data.ACCUMULATE: a batch's penalty counts once for each of its rows, as its loss does
ADD_PENALTY = register(
    Kernel(
        name="add_penalty", operands=parse("values:row, rows:const:f8, step:row:i8, sums:row:f8 -> sums:row:f8"), extent=lambda *a: 1,
        reference=_add_penalty_reference, native=_add_penalty_native, cuda=cuda_kernel("penalties.cu", "add_penalty"), geometry="one",
        family="penalty",
    )
)
