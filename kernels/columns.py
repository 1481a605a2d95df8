"""Columns of rows put elsewhere, doubled, added up; products of a row's matrices; and the formulas that merge rows.

Which column goes where stands in an index that all rows share. With these, rows are permuted, repeated, broadcast, joined and cut.
"""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.elementwise import elementwise
from gpunn.kernels.record import Kernel, columns_of, first_rows, matrix, parse, register, rows_of


def _pick_reference(x, index, width, y):
    matrix(y)[...] = matrix(x)[:, index.reshape(-1)]


def _pick_native(x, index, width, y, lo, hi, scratch):
    for i in range(lo, hi):
        for j in range(y.shape[1]):
            y[i, j] = x[i, index[j]]


def _put_reference(x, index, width, y):
    matrix(y)[:, index.reshape(-1)] = matrix(x)


def _put_native(x, index, width, y, lo, hi, scratch):
    for i in range(lo, hi):
        for j in range(x.shape[1]):
            y[i, index[j]] = x[i, j]


def _folded(x, starts, order, y, reduce):
    starts, order = starts.reshape(-1), order.reshape(-1)
    for j in range(len(starts) - 1):
        matrix(y)[:, j] = reduce(matrix(x)[:, order[starts[j] : starts[j + 1]]], axis=1)


def _sum_reference(x, starts, order, width, y):
    _folded(x, starts, order, y, np.sum)


def _largest_reference(x, starts, order, width, y):
    _folded(x, starts, order, y, np.max)


def _largest_native(x, starts, order, width, y, lo, hi, scratch):
    for i in range(lo, hi):
        for j in range(y.shape[1]):
            best = x[i, order[starts[j]]]
            for k in range(starts[j] + 1, starts[j + 1]):
                best = np.maximum(best, x[i, order[k]])
            y[i, j] = best


def _sum_native(x, starts, order, width, y, lo, hi, scratch):
    for i in range(lo, hi):
        for j in range(y.shape[1]):
            total = x.dtype.type(0)
            for k in range(starts[j], starts[j + 1]):
                total += x[i, order[k]]
            y[i, j] = total


def _dots_reference(a, b, b_wide, down, across, deep, a_out, a_in, b_out, b_in, out):
    down, across, deep, a_out, a_in, b_out, b_in = map(int, (down, across, deep, a_out, a_in, b_out, b_in))
    a, b, rows = matrix(a), matrix(b), out.shape[0]
    left = a[:, (np.arange(down)[:, None] * a_out + np.arange(deep) * a_in).reshape(-1)].reshape(rows, down, deep)
    right = b[:, (np.arange(across)[:, None] * b_out + np.arange(deep) * b_in).reshape(-1)].reshape(rows, across, deep)
    matrix(out)[...] = (left @ right.transpose(0, 2, 1)).reshape(rows, down * across)


def _dots_native(a, b, b_wide, down, across, deep, a_out, a_in, b_out, b_in, out, lo, hi, scratch):
    for r in range(lo, hi):
        for e in range(out.shape[1]):
            i, j = e // across[0], e % across[0]
            total = a.dtype.type(0)
            for k in range(deep[0]):
                total += a[r, i * a_out[0] + k * a_in[0]] * b[r, j * b_out[0] + k * b_in[0]]
            out[r, e] = total


def _columns(name: str, signature: str, reference, native, rows, cost) -> Kernel:
    return register(
        Kernel(
            name=name, operands=parse(signature), extent=rows, reference=reference, native=native, cuda=cuda_kernel("columns.cu", name),
            geometry="rows", cost=cost, family="merge",
        )
    )


def _last_rows(*arguments):
    return rows_of(arguments[-1])


# y[:, j] = x[:, index[j]], j < width
PICK_COLUMNS = _columns(
    "pick_columns", "x, index:row:i4, width:const:i8 -> y", _pick_reference, _pick_native, _last_rows,
    lambda *a: 1.0 * columns_of(a[-1]),
)
# y[:, index[j]] = x[:, j]; other columns of y, which has `width` of them, stay
PUT_COLUMNS = _columns(
    "put_columns", "x, index:row:i4, width:const:i8, y -> y", _put_reference, _put_native, first_rows, lambda x, *a: 1.0 * columns_of(x)
)
# y[:, j] = the sum of x[:, order[starts[j]]] to x[:, order[starts[j + 1] - 1]]
SUM_COLUMNS = _columns(
    "sum_columns", "x, starts:row:i4, order:row:i4, width:const:i8 -> y", _sum_reference, _sum_native, _last_rows,
    lambda x, *a: 1.0 * columns_of(x),
)
# y[:, j] = the largest of them, of which there is one at least; a NaN comes through
LARGEST_COLUMNS = _columns(
    "largest_columns", "x, starts:row:i4, order:row:i4, width:const:i8 -> y", _largest_reference, _largest_native, _last_rows,
    lambda x, *a: 1.0 * columns_of(x),
)
# out[:, i * across + j] = the sum over k < deep of a[:, i * a_out + k * a_in] * b[:, j * b_out + k * b_in]
ROW_DOTS = _columns(
    "row_dots",
    "a, b, b_wide:const:i8, down:const:i8, across:const:i8, deep:const:i8, a_out:const:i8, a_in:const:i8, b_out:const:i8, "
    "b_in:const:i8 -> out",
    _dots_reference, _dots_native, _last_rows, lambda a, b, b_wide, down, across, deep, *r: 1.0 * float(down) * float(across) * float(deep),
)


@elementwise("a, b -> y", family="merge")
def add_two(a, b):
    return a + b


@elementwise("a, b -> y", family="merge")
def subtract_two(a, b):
    return a - b


@elementwise("a, b -> y", family="merge")
def multiply_two(a, b):
    return a * b


@elementwise("a, b -> y", family="merge")
def larger_of_two(a, b):
    return maximum(a, b)  # noqa: F821


@elementwise("a, b -> y", family="merge")
def smaller_of_two(a, b):
    return minimum(a, b)  # noqa: F821


@elementwise("dy, a, b -> da, db", family="merge")
def larger_of_two_bwd(dy, a, b):
    """Where both are alike each gets half, as Keras's backends have it."""
    share = 1.0 if a > b else (0.5 if a == b else 0.0)
    return dy * share, dy * (1.0 - share)


@elementwise("x, factor:const -> x", family="merge")
def times(x, factor):
    return x * factor
