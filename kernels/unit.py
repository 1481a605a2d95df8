"""Rows of length one, and the angles between them."""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, first_rows, matrix, parse, register


def _unit_reference(x, most, y, inverse):
    x = matrix(x)
    with np.errstate(divide="ignore"):
        inverse[...] = np.minimum(1.0 / np.sqrt(np.square(x).sum(axis=1)), x.dtype.type(most))
    matrix(y)[...] = x * inverse.reshape(-1, 1)


def _unit_native(x, most, y, inverse, lo, hi, scratch):
    T = x.dtype.type
    top = T(most[0])
    for i in range(lo, hi):
        total = T(0)
        for j in range(x.shape[1]):
            total += x[i, j] * x[i, j]
        factor = min(T(1) / np.sqrt(total), top) if total == total else total
        inverse[i] = factor
        for j in range(x.shape[1]):
            y[i, j] = x[i, j] * factor


def _unit_bwd_reference(dy, y, inverse, most, dx):
    dy, y, inverse = matrix(dy), matrix(y), inverse.reshape(-1, 1)
    free = inverse < dy.dtype.type(most)  # a shorter row is multiplied by a constant
    matrix(dx)[...] = inverse * (dy - np.where(free, y * (dy * y).sum(axis=1, keepdims=True), 0))


def _unit_bwd_native(dy, y, inverse, most, dx, lo, hi, scratch):
    T = dy.dtype.type
    top = T(most[0])
    for i in range(lo, hi):
        inner = T(0)
        for j in range(dy.shape[1]):
            inner += dy[i, j] * y[i, j]
        if not inverse[i] < top:
            inner = T(0)
        for j in range(dy.shape[1]):
            dx[i, j] = inverse[i] * (dy[i, j] - y[i, j] * inner)


def _angles_reference(product, factor, scale, slope, value):
    off = product * (1 - np.eye(product.shape[0], dtype=product.dtype))
    f = product.dtype.type(factor)
    value[...] = (0.5 * f * np.abs(off).sum(axis=1)).reshape(value.shape)
    slope[...] = product.dtype.type(factor * scale) * np.sign(off)


def _angles_native(product, factor, scale, slope, value, lo, hi, scratch):
    T = product.dtype.type
    f, s = T(factor[0]), T(factor[0] * scale[0])
    for i in range(lo, hi):
        total = -abs(product[i, i])
        for j in range(product.shape[1]):
            p = product[i, j]
            total += abs(p)
            slope[i, j] = s if p > T(0) else (-s if p < T(0) else p)
        slope[i, i] = T(0)
        value[i] = T(0.5) * f * total


def _transpose_reference(x, add, out):
    out[...] = (out + x.T) if add else x.T


def _transpose_native(x, add, out, lo, hi, scratch):
    for first in range(lo, hi, 16):  # columns of x that lie in one cache line
        for j in range(x.shape[0]):
            for i in range(first, min(first + 16, hi)):
                out[i, j] = out[i, j] + x[j, i] if add[0] != 0.0 else x[j, i]


def _record(name: str, signature: str, reference, native, cost: float, **options) -> Kernel:
    return register(
        Kernel(
            name=name, operands=parse(signature), extent=options.pop("extent", first_rows), reference=reference, native=native,
            cuda=cuda_kernel("unit.cu", name), cost=lambda x, *a: cost * columns_of(x), family="unit", **{"geometry": "warps", **options},
        )
    )


# y = x * inverse, inverse = min(1 / norm of the row, most)
UNIT_ROWS = _record("unit_rows", "x, most:const -> y, inverse:col", _unit_reference, _unit_native, 0.4)
UNIT_ROWS_BWD = _record("unit_rows_bwd", "dy, y, inverse:col, most:const -> dx", _unit_bwd_reference, _unit_bwd_native, 0.5)
# of a matrix of cosines: half of factor * sum |cosine| of each row without its diagonal, and the slopes factor * scale * sign
ANGLES = _record("angles", "product, factor:const, scale:const -> slope, value:col", _angles_reference, _angles_native, 0.5)
# out (+)= x transposed
TRANSPOSE = _record(
    "transpose", "x:whole, add:const, out -> out", _transpose_reference, _transpose_native, 1.0, extent=lambda *a: first_rows(a[-1]),
    geometry="elements",
)
