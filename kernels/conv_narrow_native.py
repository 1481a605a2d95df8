"""The CPU's convolutions of many small groups (a few filters a channel among them): vectors reach over the groups' filters. Needs Numba.

Each filter sees but its group's channels, so tiles of the ordinary kind would use a lane or two of a vector. Here the image is laid out
with a channel for every filter, once for each of a group's channels ("planes"); then filter f of every sum needs number f only. Backward
the upstream gradient is laid out with zeros around, so that the image's gradient is a convolution of it with the window turned (with
strides one for each kind of place).
"""

from typing import Any

import numpy as np
from numba import carray, njit

from gpunn.kernels.conv_places import add_rows, border, take
from gpunn.kernels.gemm_tiles import ROWS_N, VECTOR, VECTORS_N, by_width, gather_tile
from gpunn.kernels.linked import PLAIN
from gpunn.kernels.native import address, move, pointer
from gpunn.kernels.windows import NARROW

FEW = 3  # rows of the middle tile: the taps of a 3 x 3 window are three of them
_ARGUMENTS = "starts, table, count, b, ldb, c, ldc, begin, step, rest"
_narrow = [[gather_tile(r, min(v, VECTORS_N), True, True) for v in (1, 2, 3)] for r in (ROWS_N, FEW, 1)]
_many, _few, _one = (by_width(gather_tile(ROWS_N, VECTORS_N, False, True) if n is _narrow[0] else n[-1], n, _ARGUMENTS) for n in _narrow)
_fast: dict[str, Any] = {"nogil": True, "error_model": "numpy", **PLAIN}


@njit(**_fast)
def is_narrow(g):
    return g[14, 0] > 1 and g[5, 0] // g[14, 0] <= NARROW


@njit(**_fast)
def _tile(like, rows, vectors, rest, starts, table, count, b, ldb, c, ldc, begin, step):
    if rows == ROWS_N:
        whole = vectors == VECTORS_N and rest == VECTOR // like.itemsize
        _many(like, whole, vectors, starts, table, count, b, ldb, c, ldc, begin, step, rest)
    elif rows == FEW:
        _few(like, False, vectors, starts, table, count, b, ldb, c, ldc, begin, step, rest)
    else:
        _one(like, False, vectors, starts, table, count, b, ldb, c, ldc, begin, step, rest)


@njit(**_fast)
def _sums(like, source, rows, starts, table, b, ldb, n, c, ldc, begin, step):
    """c[r, :n] = begin[r, :n] + sum over t of source[rows[r] + table[t] + column] * b[t, column], for all rows."""
    size = like.itemsize
    lanes = VECTOR // size
    most = VECTORS_N * lanes
    panels = (n + most - 1) // most
    panel = ((n + panels - 1) // panels + lanes - 1) // lanes * lanes
    for j in range(0, n, panel):
        w = min(panel, n - j)
        vectors = (w + lanes - 1) // lanes
        rest = w - (vectors - 1) * lanes
        r, left = 0, rows.size
        while left > 0:
            m = ROWS_N if left >= ROWS_N and left != 3 * FEW else FEW if left >= FEW else 1
            for q in range(m):
                starts[q] = source + (rows[r + q] + j) * size
            first = begin + (r * step + j) * size if begin != 0 else begin
            by, out = b + j * size, c + (r * ldc + j) * size
            _tile(like, m, vectors, rest, address(starts), address(table), table.size, by, ldb, out, ldc, first, step)
            r += m
            left -= m


@njit(**_fast)
def _windows(g, wide, plane, at):
    """-> (places, taps plane by plane, the end): how many numbers behind the first of a laid out image each lies."""
    cout, each = g[5, 0], g[2, 0] // g[14, 0]
    places, at = take(at, g[3, 0] * g[4, 0], np.int32(0))
    for i in range(g[3, 0]):
        for j in range(g[4, 0]):
            places[i * g[4, 0] + j] = (i * g[8, 0] * wide + j * g[9, 0]) * cout
    taps, at = take(at, g[6, 0] * g[7, 0] * each, np.int32(0))
    for i in range(g[6, 0]):
        for j in range(g[7, 0]):
            for k in range(each):
                taps[(i * g[7, 0] + j) * each + k] = (i * g[10, 0] * wide + j * g[11, 0]) * cout + k * plane
    return places, taps, at


@njit(**_fast)
def _lay_out(x, i, g, tall, wide, area):
    """Image i in planes of (tall, wide, filters), each filter's place taken by the channel it sees; the border stays as it is."""
    height, width, cin, cout, top, left = g[0, 0], g[1, 0], g[2, 0], g[5, 0], g[12, 0], g[13, 0]
    each, own = cin // g[14, 0], cout // g[14, 0]
    plane = tall * wide * cout
    rows, n = min(height, tall - top), min(width, wide - left)
    for r in range(rows):
        to, start = ((top + r) * wide + left) * cout, r * width * cin
        for k in range(each):
            for p in range(n):
                first = k * plane + to + p * cout
                target, source = area[first : first + cout], x[i, start + p * cin : start + (p + 1) * cin]
                for group in range(g[14, 0]):
                    value = source[group * each + k]
                    for f in range(group * own, (group + 1) * own):
                        target[f] = value


@njit(**_fast)
def _prepared(g, like, scratch):
    """-> (height and width of a laid out image, places, taps, room for starts, room for an image, its border zero)."""
    _, tall, wide = border(g)
    plane = tall * wide * g[5, 0]
    places, taps, at = _windows(g, wide, plane, scratch)
    starts, at = take(at, ROWS_N, np.int64(0))
    area, _ = take(at, plane * (g[2, 0] // g[14, 0]), like)
    area[:] = like.dtype.type(0)
    return tall, wide, places, taps, starts, area


@njit(**_fast)
def narrow(x, w, b, g, y, lo, hi, scratch):
    cout = g[5, 0]
    tall, wide, places, taps, starts, area = _prepared(g, y, scratch)
    for i in range(lo, hi):
        _lay_out(x, i, g, tall, wide, area)
        _sums(y, address(area), places, starts, taps, address(w), cout, cout, address(y) + i * y.shape[1] * y.itemsize, cout, address(b), 0)


@njit(**_fast)
def _phases(w, g, above, before, wide, at):
    """Places of an image whose numbers are sums over the same taps: with strides every `stride`-th, `phases` kinds of them in all.

    -> (taps, weights in their order, where those of each phase begin, the end)."""
    cout, each, kr, kc, sr, sc = g[5, 0], g[2, 0] // g[14, 0], g[6, 0], g[7, 0], g[8, 0], g[9, 0]
    taps, at = take(at, kr * kc, np.int32(0))
    begins, at = take(at, sr * sc + 1, np.int64(0))
    weights, at = take(at, kr * kc * each * cout, w)
    n = 0
    for phase in range(sr * sc):
        begins[phase] = n
        for i in range(kr):
            for j in range(kc):
                down, along = phase // sc + g[12, 0] - i * g[10, 0], phase % sc + g[13, 0] - j * g[11, 0]
                if down % sr == 0 and along % sc == 0:
                    taps[n] = ((down // sr + above) * wide + along // sc + before) * cout
                    first = (i * kc + j) * each
                    for k in range(each):
                        for f in range(cout):
                            weights[(n * each + k) * cout + f] = w[first + k, f]
                    n += 1
    begins[sr * sc] = n
    return taps, weights, begins, at


@njit(**_fast)
def narrow_dx(dz, w, g, dx, lo, hi, scratch):
    size, height, width, cin, cout, sr, sc = dx.itemsize, g[0, 0], g[1, 0], g[2, 0], g[5, 0], g[8, 0], g[9, 0]
    each, own = cin // g[14, 0], cout // g[14, 0]
    above, before = (g[6, 0] - 1) * g[10, 0] // sr + 1, (g[7, 0] - 1) * g[11, 0] // sc + 1
    tall, wide = (height - 1 + g[12, 0]) // sr + 1 + above, (width - 1 + g[13, 0]) // sc + 1 + before
    whole = sr == 1 and sc == 1  # all places at once, else line by line
    places, at = take(scratch, height * width if whole else width, np.int32(0))
    for p in range(places.size):
        places[p] = (p // width * wide + p % width) * cout
    taps, weights, begins, at = _phases(w, g, above, before, wide, at)
    starts, at = take(at, ROWS_N, np.int64(0))
    area, at = take(at, tall * wide * cout, dx)
    plane, at = take(at, ROWS_N * cout, dx)
    area[:] = dx.dtype.type(0)
    rows, columns = min(g[3, 0], tall - above), min(g[4, 0], wide - before)
    for i in range(lo, hi):
        for r in range(rows):
            source, target = address(dz) + (i * dz.shape[1] + r * g[4, 0] * cout) * size, ((r + above) * wide + before) * cout * size
            move(source, address(area) + target, columns * cout * size)
        for phase in range(sr * sc):
            begin, end = begins[phase], begins[phase + 1]
            some, first = taps[begin:end], address(weights) + begin * each * cout * size
            n = height * width if whole else (width - phase % sc + sc - 1) // sc
            for u in range(1 if whole else (height - phase // sc + sr - 1) // sr):
                source = address(area) + u * wide * cout * size
                to = ((phase // sc + u * sr) * width + phase % sc) * cin
                for k in range(each):
                    for p in range(0, n, ROWS_N):
                        m = min(ROWS_N, n - p)
                        by = first + k * cout * size
                        _sums(dx, source, places[p : p + m], starts, some, by, each * cout, cout, address(plane), cout, 0, 0)
                        for q in range(m):
                            for group in range(g[14, 0]):
                                total = dx.dtype.type(0)
                                for f in range(group * own, (group + 1) * own):
                                    total += plane[q * cout + f]
                                dx[i, to + (p + q) * sc * cin + group * each + k] = total


@njit(**_fast)
def narrow_dw(x, dz, g, group, parts, lo, hi, scratch):
    size, cout = parts.itemsize, g[5, 0]
    tall, wide, places, taps, starts, area = _prepared(g, parts, scratch)
    for i in range(lo, hi):
        more = i % group[0] != 0
        _lay_out(x, i, g, tall, wide, area)
        total = address(parts) + i // group[0] * parts.shape[1] * size
        upstream = address(dz) + i * dz.shape[1] * size
        _sums(parts, address(area), taps, starts, places, upstream, cout, cout, total, cout, total if more else 0, cout)
        bias = carray(pointer(total + taps.size * cout * size, parts), (cout,))
        add_rows(dz[i], cout, not more, bias)
