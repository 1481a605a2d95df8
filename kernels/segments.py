"""Norms of the parts of a flat vector: of every parameter by itself, or of all of them as one part.

A vector is cut into chunks that keep within a part. `CHUNK_SQUARES` sums the squares of each chunk; a kernel made by `of_parts` adds the
chunks of each part up and makes one number of the sum; `VALUE_OF_PART` gives it to every row of 16 elements, as an elementwise kernel
takes it (kind "col"). Sums over chunks are in double and in one order, so that the result does not depend on the threads.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.kernels.cuda_text import SUFFIX, cuda_kernel, typed
from gpunn.kernels.formula import Formula
from gpunn.kernels.record import Kernel, first_rows, parse, register, rows_of

ROW = 16  # elements; every parameter starts on one
CHUNK = 2048  # elements, a multiple of a row


def chunks(start: int, end: int) -> np.ndarray:
    """The chunks of a part: (chunks, 2), where each starts and ends."""
    starts = np.arange(start, end, CHUNK)
    return np.stack([starts, np.minimum(starts + CHUNK, end)], axis=1)


def views(vector: Any, places: dict[str, tuple[int, tuple[int, ...]]]) -> dict[str, Any]:
    """The parts of a flat vector by their names: `places` says where each begins, and its shape."""
    return {name: vector[at : at + math.prod(shape)].reshape(shape) for name, (at, shape) in places.items()}


def _squares_reference(bounds, x, squares):
    flat = x.reshape(-1)
    for i, (start, end) in enumerate(bounds):
        squares.reshape(-1)[i] = np.square(flat[start:end]).sum()


def _squares_native(bounds, x, squares, lo, hi, scratch):
    flat = x.reshape(x.size)
    for c in range(lo, hi):
        part = flat[bounds[c, 0] : bounds[c, 1]]
        total = x.dtype.type(0)
        for i in range(part.size):
            total += part[i] * part[i]
        squares[c] = np.float64(total)


# bounds: (chunks, 2), where each chunk starts and ends
CHUNK_SQUARES = register(
    Kernel(
        name="chunk_squares", operands=parse("bounds:whole:i8, x:whole -> squares:col:f8"), extent=first_rows,
        reference=_squares_reference, native=_squares_native, cuda=cuda_kernel("segments.cu", "chunk_squares"), geometry="warps",
        cost=lambda *a: 0.1 * CHUNK, family="segments",
    )
)


def of_parts(name: str, function: Callable, sums: int, numbers: tuple[str, ...]) -> Kernel:
    """The kernel ``parts:whole:i8, a:row:f8 ..., <numbers>:const:f8 -> out:col:f8``: out of a part = function(sum of a, ..., *numbers).

    parts: (parts, 2), the first chunk of each and the one after its last; a: one value a chunk.
    """
    formula = Formula(function, f"{name}_of")
    names = ("a", "b")[:sums]

    def reference(parts, *rest):
        chunks, given, out = rest[:sums], rest[sums:-1], rest[-1].reshape(-1)
        for i, (first, end) in enumerate(parts):
            with np.errstate(all="ignore"):
                out[i] = formula.numpy(*(c.reshape(-1)[first:end].sum() for c in chunks), *given)

    native = "\n".join(
        [
            "@inlined", formula.python("numba"),
            f"def body(parts, {', '.join((*names, *numbers))}, out, lo, hi, scratch):",
            "    for i in range(lo, hi):",
            *(f"        {n}_total = T(0)" for n in names),
            "        for c in range(parts[i, 0], parts[i, 1]):",
            *(f"            {n}_total += {n}[c]" for n in names),
            f"        out[i] = {formula.name}({', '.join((*(f'{n}_total' for n in names), *(f'{n}[0]' for n in numbers)))})",
        ]
    )

    def cuda(dtype: str) -> str:
        pointers = "".join(f"const double* __restrict__ {n}, " for n in names)
        values = "".join(f"double {n}, " for n in numbers)
        return typed(
            f'extern "C" __global__ void {name}_{SUFFIX[dtype]}(const long long* __restrict__ parts, {pointers}{values}'
            "double* __restrict__ out, long long rows, long long columns) {\n"
            "  const long long part = warp_row();\n"
            "  if (part >= rows) return;\n"
            "  const int lane = threadIdx.x & 31;\n"
            f"  double {', '.join(f'{n}_total = 0' for n in names)};\n"
            "  for (long long c = parts[2 * part] + lane; c < parts[2 * part + 1]; c += 32) {\n"
            f"    {' '.join(f'{n}_total += {n}[c];' for n in names)}\n"
            "  }\n"
            f"  {' '.join(f'{n}_total = warp_sum({n}_total);' for n in names)}\n"
            f"  const double result = {formula.name}({', '.join((*(f'{n}_total' for n in names), *numbers))});\n"
            "  if (lane == 0) out[part] = result;\n"
            "}\n",
            dtype,
        )

    signature = f"parts:whole:i8, {', '.join(f'{n}:row:f8' for n in names)}, {''.join(f'{n}:const:f8, ' for n in numbers)}"
    return register(
        Kernel(
            name=name, operands=parse(f"{signature.rstrip(', ')} -> out:col:f8"), extent=first_rows, reference=reference,
            native_text=native, cuda=cuda, geometry="warps", formulas=tuple(formula.closure()), cost=lambda *a: 200.0, family="segments",
        )
    )


def _clip_of(squares, limit, factor):
    """What a gradient is multiplied by so that `factor` times its norm is `limit` at most."""
    return limit / maximum(sqrt(squares) * factor, limit)  # noqa: F821


def _clip_model_of(squares, limit, factor):
    """The same; a norm that is not finite gives NaN, as in Keras's global clip."""
    norm = sqrt(squares) * factor  # noqa: F821
    return limit / maximum(norm, limit) + (norm - norm)  # noqa: F821


def _ratio_of(weights, directions):
    """The length of a parameter over that of its direction, 1 where either is 0 (You et al. 2020)."""
    return sqrt(weights) / sqrt(directions) if weights > 0.0 and directions > 0.0 else 1.0  # noqa: F821


def _inverse_of(squares, epsilon):
    return 1.0 / (sqrt(squares) + epsilon)  # noqa: F821


CLIP = of_parts("clip", _clip_of, 1, ("limit", "factor"))
CLIP_MODEL = of_parts("clip_model", _clip_model_of, 1, ("limit", "factor"))
TRUST_RATIO = of_parts("trust_ratio", _ratio_of, 2, ())
INVERSE_NORM = of_parts("inverse_norm", _inverse_of, 1, ("epsilon",))


def _value_of_part_reference(part, values, out):
    out.reshape(-1)[...] = values.reshape(-1)[part.reshape(-1)]


def _value_of_part_native(part, values, out, lo, hi, scratch):
    for r in range(lo, hi):
        out[r] = out.dtype.type(values[part[r]])


# out[row] = values[part of the row]
VALUE_OF_PART = register(
    Kernel(
        name="value_of_part", operands=parse("part:col:i4, values:row:f8 -> out:col"), extent=lambda *a: rows_of(a[-1]),
        reference=_value_of_part_reference, native=_value_of_part_native, cuda=cuda_kernel("segments.cu", "value_of_part"),
        family="segments",
    )
)
