"""Asking ahead for memory whose order no hardware foresees: rows that lie anywhere, or two halves of a row. Imported only with Numba."""

from numba import njit

from gpunn.kernels.native import prefetch

AHEAD = 8192  # bytes under way: as many cache lines as a core can wait for
LINE = 64


@njit(nogil=True, error_model="numpy")
def rows_ahead(x, columns):
    """How many rows ahead a loop should ask that reads so many columns of each."""
    return AHEAD // (columns * x.itemsize + 1) + 1


@njit(nogil=True, error_model="numpy", forceinline=True)
def ask(x, row, left, right):
    """Columns left..right of a row, which need not be there. Some lines too many cost nothing."""
    first = row * x.shape[1]
    for j in range(first + left, first + right, LINE // x.itemsize):
        prefetch(x, j)
