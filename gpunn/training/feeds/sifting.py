"""Windows of an order: which rows of a file belong to one, and their copies into memory and out of it."""

from typing import Any

import numpy as np

from gpunn.backend.cpu import has_numba


class Window:
    """Places `first` to `end` of an order; ``inverse``: the place of every row. What stands at place first + i lies in slot slots[i]."""

    def __init__(self, order: np.ndarray, inverse: np.ndarray, first: int, end: int):
        self.rows, self.inverse, self.first = order[first:end], inverse, first
        self.slots = np.empty(end - first, np.int32)
        self.used = 0
        self.piece, self.waits = 0, 0  # the next piece to be read, and how many are being read
        self.whole = False  # none is left to be read


def gather(source: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    """out[i] = source[rows[i]], of bytes."""
    if has_numba():
        from gpunn.kernels import row_copies

        row_copies.gather(source.reshape(-1), rows, out.reshape(-1), out.shape[1])
    else:
        np.take(source, rows, axis=0, out=out, mode="clip")  # "raise" would go through a buffer


def count(window: Window, lo: int, hi: int) -> int:
    """How many of the rows lo to hi belong to a window."""
    if has_numba():
        from gpunn.kernels import row_copies

        return row_copies.count(window.inverse, lo, hi, window.first, len(window.rows))
    return len(_within(window, lo, hi))


def sift(buffer: np.ndarray, shift: int, stride: int, window: Window, lo: int, hi: int, free: np.ndarray, at: int, store: Any) -> None:
    """Those of the rows lo to hi that belong to a window into slots free[at:], a ring, of the store. Row r begins at byte
    ``shift + r * stride`` of the buffer."""
    width = store.shape[1]
    if has_numba():
        from gpunn.kernels import row_copies

        row_copies.sift(
            buffer, shift, stride, width, window.inverse, lo, hi, window.first, free, at, store.reshape(-1), window.slots
        )
    else:
        rows = _within(window, lo, hi)
        slots = np.take(free, np.arange(at, at + len(rows)), mode="wrap")
        store[slots] = np.lib.stride_tricks.sliding_window_view(buffer, width)[shift + rows * stride]
        window.slots[window.inverse[rows] - window.first] = slots


def _within(window: Window, lo: int, hi: int) -> np.ndarray:
    place = window.inverse[lo:hi] - window.first
    return lo + np.flatnonzero((place >= 0) & (place < len(window.rows)))
