"""Constraints: weights put back where they may be, after an update.

All of Keras's norm constraints are one formula: vectors of norm n are scaled by `norm_factor`. MaxNorm: low 0, rate 1; UnitNorm: low = high
= 1, rate 1.
"""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.elementwise import elementwise
from gpunn.kernels.record import Kernel, columns_of, first_rows, matrix, parse, register, rows_of

NORM_EPSILON = 1e-7  # Keras's: a vector of zeros stays one


@elementwise("w -> w", family="constraint")
def non_negative(w):
    return maximum(w, 0.0)  # noqa: F821


@elementwise("norm, low:const, high:const, rate:const -> factor", family="constraint")
def norm_factor(norm, low, high, rate):
    wanted = rate * minimum(maximum(norm, low), high) + (1.0 - rate) * norm  # noqa: F821
    return wanted / (norm + NORM_EPSILON)


def _factors(squares, low, high, rate):
    norms = np.sqrt(squares)
    factors = np.empty((squares.size, 1), norms.dtype)
    norm_factor.reference(norms.reshape(-1, 1), low, high, rate, factors)
    return factors.reshape(squares.shape)


def _columns_reference(w, low, high, rate, factor):
    w = matrix(w)
    with np.errstate(all="ignore"):
        factor[...] = _factors(np.square(w).sum(axis=0), low, high, rate).reshape(factor.shape)
    w *= factor.reshape(-1)


_COLUMNS_NATIVE = """
def body(w, low, high, rate, factor, lo, hi, scratch):
    factor = factor[lo:hi]
    factor[:] = T(0)
    for r in range(w.shape[0]):
        row = w[r, lo:hi]
        for j in range(factor.size):
            factor[j] += row[j] * row[j]
    a, b, c = T(low[0]), T(high[0]), T(rate[0])
    for j in range(factor.size):
        factor[j] = norm_factor(math.sqrt(factor[j]), a, b, c)
    for r in range(w.shape[0]):
        row = w[r, lo:hi]
        for j in range(factor.size):
            row[j] *= factor[j]
"""


def _rows_reference(w, low, high, rate):
    w = matrix(w)
    with np.errstate(all="ignore"):
        w *= _factors(np.square(w).sum(axis=1), low, high, rate).reshape(-1, 1)


_ROWS_NATIVE = """
def body(w, low, high, rate, lo, hi, scratch):
    a, b, c = T(low[0]), T(high[0]), T(rate[0])
    for i in range(lo, hi):
        row = w[i]
        total = T(0)
        for j in range(row.size):
            total += row[j] * row[j]
        factor = norm_factor(math.sqrt(total), a, b, c)
        for j in range(row.size):
            row[j] *= factor
"""


def _native(text: str) -> str:
    return "\n".join(["@inlined\n" + norm_factor.formula.python("numba"), text])


NORM_COLUMNS = register(  # the norm of each column of a matrix; `factor` is where the factors are kept in between
    Kernel(
        name="norm_columns", operands=parse("w:whole, low:const, high:const, rate:const -> w:whole, factor:row"),
        extent=lambda w, *a: columns_of(w), reference=_columns_reference, native_text=_native(_COLUMNS_NATIVE),
        cuda=cuda_kernel("constraints.cu", "norm_columns"), geometry="columns", cost=lambda w, *a: 0.3 * rows_of(w), grain=32,
        formulas=norm_factor.formulas, family="constraint",
    )
)
NORM_ROWS = register(  # of each row
    Kernel(
        name="norm_rows", operands=parse("w, low:const, high:const, rate:const -> w"), extent=first_rows, reference=_rows_reference,
        native_text=_native(_ROWS_NATIVE), cuda=cuda_kernel("constraints.cu", "norm_rows"), geometry="warps",
        cost=lambda w, *a: 0.3 * columns_of(w), formulas=norm_factor.formulas, family="constraint",
    )
)
