"""The CPU's order of a row: short runs by counting, then runs merged two by two, so that a row of n takes n log n. Needs Numba."""

from typing import Any

import numpy as np
from numba import njit

from gpunn.kernels.conv_places import take
from gpunn.kernels.linked import PLAIN

ALONE, RUN = 256, 32  # a row, and a run of a longer one, in which it is quicker to count for each element those before it, many at once
_fast: dict[str, Any] = {"nogil": True, "error_model": "numpy", **PLAIN}


@njit(**_fast)
def _before(v, w):
    """Whether v stands before w, and not only as it came: what is no number behind all."""
    return (v < w) | ((w != w) & (v == v))


@njit(**_fast)
def _count(x, i, j, start, stop):
    """How many elements of x[i, start:stop] come before x[i, j]."""
    v, before = x[i, j], 0
    if v != v:
        for n in range(start, stop):
            before += (x[i, n] == x[i, n]) | (n < j)
        return before
    for n in range(start, stop):
        w = x[i, n]
        before += (w < v) | ((w == v) & (n < j))
    return before


@njit(**_fast)
def _merge(values, places, start, middle, stop, out, to):
    """Two runs side by side as one; of equal elements the first run's come first. Which comes next is chosen without a branch, which no
    processor would foresee."""
    left, right, t = start, middle, start
    while (left < middle) & (right < stop):
        v, w = values[left], values[right]
        second = _before(w, v)
        out[t] = w if second else v
        to[t] = places[right] if second else places[left]
        right += np.int64(second)
        left += 1 - np.int64(second)
        t += 1
    while left < middle:
        out[t], to[t] = values[left], places[left]
        left, t = left + 1, t + 1
    while right < stop:
        out[t], to[t] = values[right], places[right]
        right, t = right + 1, t + 1


@njit(**_fast)
def order(x, at, lo, hi, scratch):
    T, width = x.dtype.type, x.shape[1]
    first, end = take(scratch, width, T(0))
    second, end = take(end, width, T(0))
    here, end = take(end, width, np.int32(0))
    there, end = take(end, width, np.int32(0))
    for i in range(lo, hi):
        if width <= ALONE:
            for j in range(width):
                at[i, _count(x, i, j, 0, width)] = T(j)
            continue
        for start in range(0, width, RUN):
            stop = min(start + RUN, width)
            for j in range(start, stop):
                n = start + _count(x, i, j, start, stop)
                first[n], here[n] = x[i, j], j
        values, out, places, to, size = first, second, here, there, RUN
        while size < width:
            for start in range(0, width, 2 * size):
                _merge(values, places, start, min(start + size, width), min(start + 2 * size, width), out, to)
            values, out, places, to, size = out, values, to, places, 2 * size
        for j in range(width):
            at[i, j] = T(places[j])
