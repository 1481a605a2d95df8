"""Sums over the columns of each row, of an array or of an elementwise formula of several: no array of the terms is written."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.kernels.activations import linear
from gpunn.kernels.cuda_text import SUFFIX, typed
from gpunn.kernels.elementwise import numba_head
from gpunn.kernels.elementwise_cuda import elements_at_once
from gpunn.kernels.formula import Formula
from gpunn.kernels.record import REGISTRY, Kernel, columns_of, parse, register, rows_of


def row_sum(name: str, arguments: str, formula: Formula, family: str = "") -> Kernel:
    """The kernel ``<arguments>, factor:const -> total:col``: total[i] = factor * sum_j formula(arguments at i, j), made once a name.

    `arguments` is a signature's left side, of kinds full (one at least), row, col and const, as ``"x, gamma:row"``.
    """
    if name in REGISTRY:
        return REGISTRY[name]
    text = _Texts(name, arguments, formula)
    return register(
        Kernel(
            name=name, operands=text.operands, extent=lambda *a: rows_of(a[text.full]), reference=text.reference(),
            native_text=text.numba(), cuda=text.cuda, geometry="warps", formulas=tuple(formula.closure()), family=family,
            cost=lambda *a: 0.3 * columns_of(a[text.full]),
        )
    )


class _Texts:
    """The implementations of one kernel."""

    def __init__(self, name: str, arguments: str, formula: Formula):
        self.name, self.formula = name, formula
        self.operands = parse(f"{arguments}, factor:const -> total:col")
        self.given = self.operands[:-2]
        self.full = next(i for i, o in enumerate(self.given) if o.kind == "full")

    def reference(self) -> Callable[..., None]:
        function = self.formula.numpy

        def run(*arguments: Any) -> None:
            *given, factor, total = arguments
            shape = (rows_of(given[self.full]), columns_of(given[self.full]))
            shapes = {"full": shape, "row": (1, shape[1]), "col": (shape[0], 1)}
            views = [a if o.kind == "const" else a.reshape(shapes[o.kind]) for o, a in zip(self.given, given, strict=True)]
            with np.errstate(all="ignore"):
                terms = np.broadcast_to(function(*views), shape)
                total.reshape(-1)[...] = terms.sum(axis=1) * total.dtype.type(factor)

        return run

    def numba(self) -> str:
        names = [o.name for o in self.operands]
        kinds = {kind: [o.name for o in self.given if o.kind == kind] for kind in ("full", "row", "col", "const")}
        at = {"full": "{}_row_[j_]", "row": "{}[j_]", "col": "{}_value_", "const": "{}_value_"}
        call = ", ".join(at[o.kind].format(o.name) for o in self.given)
        return "\n".join(
            [
                *numba_head(self.formula, names),
                *(f"    {n}_value_ = T({n}[0])" for n in (*kinds["const"], "factor")),
                "    for i_ in range(lo_, hi_):",
                *(f"        {n}_value_ = T({n}[i_])" for n in kinds["col"]),
                *(f"        {n}_row_ = {n}[i_]" for n in kinds["full"]),
                "        sum_ = T(0)",
                f"        for j_ in range({names[self.full]}_row_.size):",
                f"            sum_ += {self.formula.name}({call})",
                "        total[i_] = sum_ * factor_value_",
            ]
        )

    def cuda(self, dtype: str) -> str:
        parameters = [f"T {o.name}" if o.kind == "const" else f"const T* __restrict__ {o.name}" for o in self.operands[:-1]]
        index = {"full": "[row_ * columns_ + j_]", "row": "[j_]"}
        loaded = [o for o in self.given if o.kind in index]
        elements = ", ".join(f"{o.name}{index[o.kind]}" for o in loaded)
        values = {"full": "v_.{}", "row": "v_.{}", "col": "{}[row_]", "const": "{}"}
        call = ", ".join(values[o.kind].format(o.name) for o in self.given)
        return typed(
            f'extern "C" __global__ void {self.name}_{SUFFIX[dtype]}({", ".join(parameters)}, T* __restrict__ total, '
            "long long rows_, long long columns_) {\n"
            "  const long long row_ = warp_row();\n"
            "  if (row_ >= rows_) return;\n"
            f"  struct values_ {{ {' '.join(f'T {o.name};' for o in loaded)} }};\n"
            "  T sum_ = T(0);\n"
            f"  at_once<{elements_at_once(self.given)}>(threadIdx.x & 31, columns_, 32, [&](long long j_) {{\n"
            f"    const values_ v_ = {{{elements}}};\n"
            "    return v_;\n"
            f"  }}, [&](long long, const values_& v_) {{ sum_ += {self.formula.name}({call}); }});\n"
            "  sum_ = warp_sum(sum_);\n"
            "  if ((threadIdx.x & 31) == 0) total[row_] = sum_ * factor;\n"
            "}\n",
            dtype,
        )


ROW_SUM = row_sum("row_sum", "x", linear.formula, "merge")
