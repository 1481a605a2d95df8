"""What the CPU's recurrent kernels are made of: products of a few rows, and small loops over one row. Imported only when Numba is there."""

from typing import Any

from numba import njit

from gpunn.kernels.gemm import BLOCK_K, BLOCK_ROWS
from gpunn.kernels.gemm_native import _carve, _pack_rows, _panels_n, turn
from gpunn.kernels.gemm_tiles import ROWS_N, VECTOR, VECTORS_N
from gpunn.kernels.linked import APART, PLAIN
from gpunn.kernels.native import FAST, address, widest

ROWS = BLOCK_ROWS  # rows that go through all steps together at most
_fast: dict[str, Any] = {"nogil": True, "error_model": "numpy", **PLAIN}
_apart: Any = njit(nogil=True, error_model="numpy", fastmath=eval(FAST), **APART)
carve, address_of = _carve, address


@njit(**_fast)
def product(a, at, k, right, line, n, out, row, end, column, more, packed, ks, counts, spare):
    """out[row:end, column:column+n] (+)= a[row:end, at:at+k] @ right, a matrix at address `right` whose rows are `line` numbers apart."""
    size = out.itemsize
    for k0 in range(0, k, BLOCK_K):
        k1 = min(k0 + BLOCK_K, k)
        _pack_rows(a, row, end, at + k0, at + k1, packed, ks, counts)
        _panels_n(
            ROWS_N, VECTORS_N * (VECTOR // size), packed, ks, counts, k1 - k0, right + k0 * line * size, line, n, out, row, end, column,
            1 if k0 > 0 else more, spare, 0,
        )


@njit(**_fast)
def transposed(u, at):
    """u.T at the address `at`."""
    turn(u, address(u), u.shape[1], u.shape[0], u.shape[1], at, u.shape[0])


@_apart
def copy(source, target):
    widest()
    for j in range(target.size):
        target[j] = source[j]


@_apart
def clear(target):
    for j in range(target.size):
        target[j] = target.dtype.type(0)


@_apart
def times(source, factor, target):
    widest()
    for j in range(target.size):
        target[j] = source[j] * factor[j]


@_apart
def add(source, target):
    widest()
    for j in range(target.size):
        target[j] += source[j]


@_apart
def add_times(source, factor, target):
    widest()
    for j in range(target.size):
        target[j] += source[j] * factor[j]

