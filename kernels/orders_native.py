"""An epoch's order of rows in compiled code that holds no lock: the same order as `gpunn.random.permutation` and `grouped` make with NumPy.

Sorting by a random word with ties in order of the index is a stable sort of the words, and bringing the rows of a batch into order of their
label and number is two stable counting sorts: all of it is linear in the rows. Imported only when Numba is there.
"""

import numba
import numpy as np
from numba import njit

from gpunn.kernels import philox

MASK = np.uint64(philox.MASK)
BITS = 11  # of a word that one pass sorts by
BINS = 1 << BITS
_block = numba.njit(getattr(philox.philox_block, "py_func", philox.philox_block), nogil=True, cache=True)


@njit("void(i8,u8,u8,u8,i4[::1])", nogil=True, cache=True)
def shuffle(n, seed, stream, step, order):
    """order = 0..n-1 sorted by the first n words of (seed, stream, step)."""
    words, other = np.empty(n + 3, np.uint32), np.empty(n, np.uint32)
    s0, s1, k0, k1 = step & MASK, step >> np.uint64(32), seed & MASK, seed >> np.uint64(32)
    for q in range((n + 3) // 4):
        a, b, c, d = _block(np.uint64(q), stream, s0, s1, k0, k1)
        words[4 * q], words[4 * q + 1], words[4 * q + 2] = a, b, c
        if 4 * q + 3 < n:
            words[4 * q + 3] = d
    rows = np.empty(n, np.int32)
    for i in range(n):
        order[i] = i
    for turn in range(3):
        down = np.uint32(BITS * turn)
        starts = np.zeros(BINS + 1, np.int64)
        for i in range(n):
            starts[((words[i] >> down) & np.uint32(BINS - 1)) + 1] += 1
        for k in range(BINS):
            starts[k + 1] += starts[k]
        for i in range(n):
            k = (words[i] >> down) & np.uint32(BINS - 1)
            to = starts[k]
            starts[k] = to + 1
            other[to], rows[to] = words[i], order[i]
        for i in range(n):
            words[i], order[i] = other[i], rows[i]


@njit("void(i4[::1],i4[::1],i8,i8)", nogil=True, cache=True)
def group(order, labels, batch, classes):
    """The rows of every batch of the order by their label, those of a label by their number. Labels are from 0 to classes - 1."""
    n = order.size
    place, by_label = np.empty(labels.size, np.int32), np.empty(n, np.int32)
    chosen = np.zeros(labels.size, np.bool_)
    for i in range(n):
        place[order[i]], chosen[order[i]] = i // batch, True
    starts = np.zeros(classes + 1, np.int64)
    for i in range(n):
        starts[labels[order[i]] + 1] += 1
    for k in range(classes):
        starts[k + 1] += starts[k]
    for row in range(labels.size):  # in order of their number
        if chosen[row]:
            to = starts[labels[row]]
            starts[labels[row]] = to + 1
            by_label[to] = row
    at = np.arange(0, n + batch, batch)
    for i in range(n):
        row = by_label[i]
        order[at[place[row]]] = row
        at[place[row]] += 1
