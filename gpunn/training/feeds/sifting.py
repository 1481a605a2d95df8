"""Which rows of a piece of a file are wanted, and their copies into memory and out of it.

A *place* counts the rows of all orders, one after another, from the first that was asked for.
"""

from typing import Any

import numpy as np

from gpunn.backend.cpu import has_numba


class Order:
    """Rows in an order, the first of which stands at place `base`; ``inverse``: how far behind the first each row is."""

    def __init__(self, rows: np.ndarray, base: int):
        self.rows, self.base = rows, base
        self.inverse = np.empty(len(rows), np.int32)
        self.inverse[rows] = np.arange(len(rows), dtype=np.int32)

    @property
    def end(self) -> int:
        return self.base + len(self.rows)


def gather(source: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    """out[i] = source[rows[i]], of bytes."""
    if has_numba():
        from gpunn.kernels import row_copies

        row_copies.gather(source.reshape(-1), rows, out.reshape(-1), out.shape[1])
    else:
        np.take(source, rows, axis=0, out=out, mode="clip")  # "raise" would go through a buffer


def within(order: Order, lo: int, hi: int, first: int, size: int) -> np.ndarray:
    """Those of the rows lo to hi that stand at one of `size` places from the `first` on."""
    if has_numba():
        from gpunn.kernels import row_copies

        rows = np.empty(hi - lo, np.int32)
        return rows[: row_copies.within(order.inverse, lo, hi, first - order.base, size, rows)]
    behind = order.inverse[lo:hi] - (first - order.base)
    return np.flatnonzero((behind >= 0) & (behind < size)).astype(np.int32) + np.int32(lo)


def sift(
    piece: np.ndarray, shift: int, stride: int, order: Order, rows: np.ndarray, free: np.ndarray, at: int, store: Any, slots: np.ndarray
) -> None:
    """Rows into slots free[at:] of the store; slots[place] becomes the slot of each. Both are rings. Row r begins at byte
    ``shift + r * stride`` of the piece."""
    width, base = store.shape[1], order.base % len(slots)
    if has_numba():
        from gpunn.kernels import row_copies

        row_copies.sift(piece, shift, stride, width, rows, order.inverse, base, free, at, store.reshape(-1), slots)
    else:
        into = np.take(free, np.arange(at, at + len(rows)), mode="wrap")
        store[into] = np.lib.stride_tricks.sliding_window_view(piece, width)[shift + rows.astype(np.int64) * stride]
        slots[(order.inverse[rows].astype(np.int64) + base) % len(slots)] = into
