"""The CPU's gather. Rows of a batch lie anywhere in memory: those that come next are asked for ahead. Imported only with Numba."""

import numpy as np
from numba import njit

from gpunn.kernels.ahead_native import LINE, rows_ahead
from gpunn.kernels.native import prefetch


@njit(nogil=True, error_model="numpy")
def _copy(data, order, start, s, out, first, end, left, right):
    """Columns left..right of rows first..end of the batch."""
    wide = data.shape[1]
    flat, lines = data.reshape(data.size), LINE // data.itemsize
    ahead = rows_ahead(data, right - left)
    for r in range(first, end):
        if r + ahead < end:
            at = np.int64(order[start + r + ahead]) * wide
            for j in range(at + left, at + right, lines):
                prefetch(flat, j)
        source, target = data[order[start + r], left:right], out[r, left:right]
        for j in range(target.size):
            target[j] = out.dtype.type(source[j]) * s


@njit(nogil=True, error_model="numpy")
def gather_rows(data, order, position, scale, out, lo, hi, scratch):
    _copy(data, order, position[0], out.dtype.type(scale[0]), out, lo, hi, 0, out.shape[1])


@njit(nogil=True, error_model="numpy")
def gather_columns(data, order, position, scale, out, lo, hi, scratch):
    _copy(data, order, position[0], out.dtype.type(scale[0]), out, 0, out.shape[0], lo, hi)
