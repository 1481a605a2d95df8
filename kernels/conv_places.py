"""What the CPU's convolutions share: tables of places and taps, borders, register tiles over them. Imported only when Numba is there."""

from typing import Any

import numpy as np
from numba import carray, njit

from gpunn.kernels.ahead_native import AHEAD
from gpunn.kernels.gemm_tiles import ROWS_N, VECTOR, VECTORS_N, by_width, gather_tile
from gpunn.kernels.lane_tiles import ask_to_write
from gpunn.kernels.linked import PLAIN
from gpunn.kernels.native import address, move, pointer, prefetch
from gpunn.kernels.tile_ends import size_of

_ARGUMENTS = "places, table, count, b, ldb, c, ldc, begin, step, rest"
TALL = max(ROWS_N, 8)  # rows of a tile of one vector: each is a sum of its own, and fewer do not keep the units busy
_narrow, _single = ([gather_tile(r, min(v, VECTORS_N), True) for v in (1, 2, 3)] for r in (ROWS_N, 1))
SHORT = 128  # terms of a sum: of fewer, memory is what a place waits for
_rows, _row = by_width(gather_tile(ROWS_N, VECTORS_N, False), _narrow, _ARGUMENTS), by_width(_single[-1], _single, _ARGUMENTS)
_tall = gather_tile(TALL, 1, True)
_fast: dict[str, Any] = {"nogil": True, "error_model": "numpy", **PLAIN}


@njit(**_fast)
def take(at, count, like):
    """-> (an array in private memory, where the next may begin)."""
    area = carray(pointer(at, like), (count,))
    return area, (at + count * area.itemsize + 63) // 64 * 64


@njit(**_fast)
def add_rows(d, columns, assign, out):
    """out (+)= the sum of the rows of a flat matrix: a bias's gradient."""
    if assign:
        out[:] = d.dtype.type(0)
    fours = d.size // (4 * columns) * 4 * columns
    for first in range(0, fours, 4 * columns):  # four at a time: each waits for the one before
        second, third, fourth = first + columns, first + 2 * columns, first + 3 * columns
        for k in range(first, first + 4 * columns, 64 // d.itemsize):
            prefetch(d, k + AHEAD // d.itemsize)
        p, q, r, s = d[first:second], d[second:third], d[third:fourth], d[fourth : fourth + columns]
        for c in range(columns):
            out[c] += (p[c] + q[c]) + (r[c] + s[c])
    for first in range(fours, d.size, columns):
        row = d[first : first + columns]
        for c in range(columns):
            out[c] += row[c]


@njit(**_fast)
def border(g):
    """-> (whether images are copied, group by group and with a border; height and width of what windows are read from)."""
    tall = (g[3, 0] - 1) * g[8, 0] + (g[6, 0] - 1) * g[10, 0] + 1
    wide = (g[4, 0] - 1) * g[9, 0] + (g[7, 0] - 1) * g[11, 0] + 1
    if g[14, 0] == 1 and g[12, 0] == 0 and g[13, 0] == 0 and tall <= g[0, 0] and wide <= g[1, 0]:
        return False, g[0, 0], g[1, 0]
    return True, tall, wide


@njit(**_fast)
def tables(g, pitch, at):
    """-> (places by window, taps, the end): how many numbers behind the first of a group's image each lies."""
    each, pools = g[2, 0] // g[14, 0], g[15, 0] * g[16, 0]
    tall, wide = g[3, 0] // g[15, 0], g[4, 0] // g[16, 0]
    places, at = take(at, tall * wide * pools, np.int32(0))
    n = 0
    for i in range(tall):
        for j in range(wide):
            for a in range(g[15, 0]):
                for b in range(g[16, 0]):
                    places[n] = ((i * g[15, 0] + a) * g[8, 0] * pitch + (j * g[16, 0] + b) * g[9, 0]) * each
                    n += 1
    taps, at = take(at, g[6, 0] * g[7, 0] * each, np.int32(0))
    k = 0
    for i in range(g[6, 0]):
        for j in range(g[7, 0]):
            for c in range(each):
                taps[k] = (i * g[10, 0] * pitch + j * g[11, 0]) * each + c
                k += 1
    return places, taps, at


@njit(**_fast)
def bordered_image(x, i, g, tall, wide, area):
    """Image i in `area`, (groups, tall, wide, a group's channels), so that a group is close together in the cache. The border stays as it
    is: zeros from the beginning."""
    height, width, cin, top, left, each = g[0, 0], g[1, 0], g[2, 0], g[12, 0], g[13, 0], g[2, 0] // g[14, 0]
    rows, n = min(height, tall - top), min(width, wide - left)
    for group in range(g[14, 0]):
        for r in range(rows):
            to, start = ((group * tall + top + r) * wide + left) * each, r * width * cin + group * each
            target, source = address(area) + to * x.itemsize, address(x) + (i * x.shape[1] + start) * x.itemsize
            if each == cin:
                move(source, target, n * cin * x.itemsize)
                continue
            for p in range(n):
                move(source + p * cin * x.itemsize, target + p * each * x.itemsize, each * x.itemsize)


@njit(**_fast)
def image_without(area, g, tall, wide, x, i):
    """What `bordered_image` does, backwards."""
    height, width, cin, top, left, each = g[0, 0], g[1, 0], g[2, 0], g[12, 0], g[13, 0], g[2, 0] // g[14, 0]
    rows, n = min(height, tall - top), min(width, wide - left)
    for group in range(g[14, 0]):
        for r in range(height):
            for p in range(width):
                start, at = (r * width + p) * cin + group * each, ((group * tall + top + r) * wide + left + p) * each
                if r < rows and p < n:
                    move(address(area) + at * x.itemsize, address(x) + (i * x.shape[1] + start) * x.itemsize, each * x.itemsize)
                else:
                    x[i, start : start + each] = area.dtype.type(0)


@njit(**_fast)
def prepared(g, like, scratch):
    """-> (whether images are copied, height, width and numbers of what a group's windows are read from, places, taps, room for the
    addresses of a tile's rows and for a copied image (zeros), the end)."""
    copied, tall, wide = border(g)
    places, taps, at = tables(g, wide, scratch)
    starts, at = take(at, TALL, np.int64(0))
    area, at = take(at, tall * wide * g[2, 0] if copied else 1, like)
    area[:] = like.dtype.type(0)
    return copied, tall, wide, tall * wide * (g[2, 0] // g[14, 0]), places, taps, starts, area, at


@njit(**_fast)
def image_at(x, i, g, copied, tall, wide, area):
    """The address of image i: of the copy in `area`, made now, where it is copied."""
    if copied:
        bordered_image(x, i, g, tall, wide, area)
        return address(area)
    return address(x) + i * x.shape[1] * x.itemsize


@njit(**_fast)
def panel(columns, size):
    """How many columns a panel takes, whole vectors: panels are of nearly equal width."""
    lanes = VECTOR // size
    panels = (columns + VECTORS_N * lanes - 1) // (VECTORS_N * lanes)
    return ((columns + panels - 1) // panels + lanes - 1) // lanes * lanes


@njit(**_fast)
def rows_at_once(columns, like):
    """How many rows a tile of so many columns takes."""
    return TALL if columns <= VECTOR // size_of(like) else ROWS_N


@njit(**_fast)
def products(zero, starts, m, table, count, b, ldb, w, c, ldc, begin, step):
    """m <= TALL rows of up to VECTORS_N vectors, those that are fewer than a tile's one by one. All but `zero`, a number, and sizes are
    addresses."""
    size = size_of(zero)
    lanes = VECTOR // size
    vectors = (w + lanes - 1) // lanes
    rest = w - (vectors - 1) * lanes
    done = 0
    if TALL > ROWS_N and m == TALL and vectors == 1:
        _tall(zero, starts, table, count, b, ldb, c, ldc, begin, step, rest)
        return
    while m - done >= ROWS_N:
        first = begin + done * step * size if begin != 0 else begin
        whole = vectors == VECTORS_N and rest == lanes
        _rows(zero, whole, vectors, starts + done * 8, table, count, b, ldb, c + done * ldc * size, ldc, first, step, rest)
        done += ROWS_N
    for q in range(done, m):
        first = begin + q * step * size if begin != 0 else begin
        _row(zero, False, vectors, starts + q * 8, table, count, b, ldb, c + q * ldc * size, ldc, first, step, rest)


@njit(**_fast)
def lines_under(g, row):
    """Of the window's row number `row`: the first line of the output where it lies on the image, and one past the last."""
    up = g[12, 0] - row * g[10, 0]
    first, last = (up + g[8, 0] - 1) // g[8, 0], (g[0, 0] - 1 + up) // g[8, 0] + 1
    return min(max(first, 0), g[3, 0]), min(max(last, 0), g[3, 0])


@njit(**_fast)
def _terms(g, at):
    """-> (for each line of the output the first of the window's rows that are on the image and one past the last, the end)."""
    terms, at = take(at, 2 * g[3, 0], np.int64(0))
    for line in range(g[3, 0]):
        first, last = 0, g[6, 0]
        while first < last and line < lines_under(g, first)[0]:
            first += 1
        while first < last and line >= lines_under(g, last - 1)[1]:
            last -= 1
        terms[2 * line], terms[2 * line + 1] = first, last
    return terms, at


@njit(**_fast)
def wide(x, w, b, g, y, lo, hi, scratch):
    """Images convolved with weights (taps, filters) and a bias (0: none), both of them addresses; rows of the window that lie above or
    below the image for all places of a tile are left out."""
    size, cout, groups, zero = size_of(y), g[5, 0], g[14, 0], y.dtype.type(0)
    copied, tall, width, plane, places, taps, starts, area, at = prepared(g, y, scratch)
    own, count, across = cout // groups, places.size, g[4, 0]
    step, row = panel(own, size), taps.size // g[6, 0]
    terms, at = _terms(g, at)
    for i in range(lo, hi):
        source = image_at(x, i, g, copied, tall, width, area)
        for group in range(groups):
            for j in range(0, own, step):
                n, column = min(step, own - j), group * own + j
                begin = b + column * size if b != 0 else b
                rows, line, end = rows_at_once(n, y), 0, across
                for p in range(0, count, rows):
                    m = min(rows, count - p)
                    for q in range(m):
                        starts[q] = source + (places[p + q] + group * plane) * size
                    if column == 0 and taps.size <= SHORT:  # to have the lines when they are written, not to wait for them then
                        ask_to_write(y, address(y) + (i * y.shape[1] + p * cout) * size + AHEAD, m * cout * size)
                    c = address(y) + (i * y.shape[1] + p * cout + column) * size
                    last = terms[2 * line + 1]  # of the first line; the first of the last
                    while end < p + m:
                        line, end = line + 1, end + across
                    first = min(terms[2 * line], last)
                    by, table = w + (first * row * cout + column) * size, address(taps) + first * row * 4
                    products(zero, address(starts), m, table, (last - first) * row, by, cout, n, c, cout, begin, 0)
                    if end == p + m and line + 1 < g[3, 0]:
                        line, end = line + 1, end + across
