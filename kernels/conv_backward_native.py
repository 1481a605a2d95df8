"""The CPU's convolutions backward: gradients of images and of weights, of all places or of a pooling's winners. Needs Numba."""

from typing import Any

import numpy as np
from numba import carray, njit

from gpunn.kernels.conv_narrow_native import is_narrow, narrow_dw, narrow_dx
from gpunn.kernels.conv_places import add_rows, image_at, image_without, lines_under, panel, prepared, products, rows_at_once, take, wide
from gpunn.kernels.gemm_native import turn
from gpunn.kernels.gemm_tiles import ROWS_N, VECTOR, VECTORS_N, by_width, tile
from gpunn.kernels.linked import PLAIN
from gpunn.kernels.native import address, pointer
from gpunn.kernels.tile_ends import size_of

LONG = 6  # vectors of a tile of one row
SPARSE = 64  # taps: fewer, and a winner's sum is too short to be worth its list
_row = by_width(
    tile(1, LONG, False), [tile(1, v, True) for v in range(1, LONG + 1)], "values, ks, count, b, ldb, c, ldc, accumulate, rest"
)
_fast: dict[str, Any] = {"nogil": True, "error_model": "numpy", **PLAIN}


@njit(**_fast)
def _axpys(like, values, ks, count, b, ldb, c, n, accumulate):
    """c[:n] (+)= sum over t of values[t] * b[ks[t] * ldb :]."""
    size = like.itemsize
    lanes = VECTOR // size
    j = 0
    while j < n:
        w = min(n - j, LONG * lanes)
        vectors = (w + lanes - 1) // lanes
        rest = w - (vectors - 1) * lanes
        _row(like, w == LONG * lanes, vectors, values, ks, count, b + j * size, ldb, c + j * size, w, accumulate, rest)
        j += w


@njit(**_fast)
def _turned(w, g, at):
    """-> (weights as (filters, taps), the end)."""
    cout, taps = g[5, 0], w.shape[0]
    turned, at = take(at, cout * taps, w)
    turn(w, address(w), w.shape[1], taps, cout, address(turned), taps)
    return turned, at


@njit(**_fast)
def _as_forward(g, size):
    """Whether the image's gradient is cheaper as a convolution of the upstream one: tiles' columns are channels then, else taps."""
    each, lanes = g[2, 0] // g[14, 0], VECTOR // size
    taps = g[6, 0] * g[7, 0]
    if g[8, 0] > 1 or g[9, 0] > 1 or g[12, 0] > (g[6, 0] - 1) * g[10, 0] or g[13, 0] > (g[7, 0] - 1) * g[11, 0]:
        return False  # places of several kinds, or more border than a window reaches over
    columns, other = (each + lanes - 1) // lanes * lanes * taps, (each * taps + lanes - 1) // lanes * lanes
    return 8 * columns * g[0, 0] * g[1, 0] <= 9 * other * g[3, 0] * g[4, 0]


@njit(**_fast)
def _forward_dx(dz, w, g, dx, lo, hi, scratch):
    """Strides 1: the upstream gradient with zeros around, convolved with the window turned."""
    cin, cout, groups, taps = g[2, 0], g[5, 0], g[14, 0], g[6, 0] * g[7, 0]
    each, own = cin // groups, cout // groups
    turned, at = take(scratch, taps * own * cin, w)
    for t in range(taps):
        for group in range(groups):
            for c in range(each):
                row = w[(taps - 1 - t) * each + c, group * own : (group + 1) * own]
                for f in range(own):
                    turned[(t * own + f) * cin + group * each + c] = row[f]
    other, at = take(at, 17, np.int64(0))
    other[0], other[1], other[2], other[3], other[4], other[5] = g[3, 0], g[4, 0], cout, g[0, 0], g[1, 0], cin
    for k in range(6, 17):
        other[k] = g[k, 0]
    other[12], other[13] = (g[6, 0] - 1) * g[10, 0] - g[12, 0], (g[7, 0] - 1) * g[11, 0] - g[13, 0]
    other[15], other[16] = 1, 1
    wide(dz, address(turned), 0, other.reshape(17, 1), dx, lo, hi, at)


@njit(**_fast)
def conv_dx(dz, w, g, dx, lo, hi, scratch):
    if is_narrow(g):
        narrow_dx(dz, w, g, dx, lo, hi, scratch)
        return
    if _as_forward(g, dx.itemsize):
        _forward_dx(dz, w, g, dx, lo, hi, scratch)
        return
    size, cin, cout, groups = size_of(dx), g[2, 0], g[5, 0], g[14, 0]
    copied, tall, wide, plane, places, taps, starts, area, at = prepared(g, dx, scratch)
    turned, at = _turned(w, g, at)
    each, own, depth, count = cin // groups, cout // groups, taps.size, places.size
    identity, at = take(at, own, np.int32(0))
    for k in range(own):
        identity[k] = k
    columns, at = take(at, ROWS_N * depth, dx)
    zero = dx.dtype.type(0)
    most = VECTORS_N * (VECTOR // size)
    run = g[7, 0] * each if g[11, 0] == 1 else each
    for i in range(lo, hi):
        target = area if copied else dx[i]
        target[: tall * wide * cin] = dx.dtype.type(0)
        for group in range(groups):
            b = address(turned) + group * own * depth * size
            for p in range(0, count, ROWS_N):
                m = min(ROWS_N, count - p)
                for q in range(m):
                    starts[q] = address(dz) + (i * dz.shape[1] + (p + q) * cout + group * own) * size
                for j in range(0, depth, most):
                    n = min(most, depth - j)
                    c = address(columns) + j * size
                    products(zero, address(starts), m, address(identity), own, b + j * size, depth, n, c, depth, 0, 0)
                for q in range(m):
                    first = places[p + q] + group * plane
                    for k in range(0, depth, run):
                        to = target[first + taps[k] : first + taps[k] + run]
                        more = columns[q * depth + k : q * depth + k + run]
                        for r in range(run):
                            to[r] += more[r]
        if copied:
            image_without(area, g, tall, wide, dx, i)


@njit(**_fast)
def conv_pool_dx(dy, winners, w, g, dx, lo, hi, scratch):
    size, cin, cout, groups, pools = dx.itemsize, g[2, 0], g[5, 0], g[14, 0], g[15, 0] * g[16, 0]
    copied, tall, wide, plane, places, taps, _, area, at = prepared(g, dx, scratch)
    turned, at = _turned(w, g, at)
    each, own, depth, count = cin // groups, cout // groups, taps.size, places.size // pools
    values, at = take(at, pools * own, dx)
    filters, at = take(at, pools * own, np.int32(0))
    found, at = take(at, pools, np.int64(0))
    run = g[7, 0] * each if g[11, 0] == 1 else each
    for i in range(lo, hi):
        target = area if copied else dx[i]
        target[: tall * wide * cin] = dx.dtype.type(0)
        for group in range(groups):
            for p in range(count):
                first = p * cout + group * own
                found[:] = 0
                for c in range(own):
                    d, q = dy[i, first + c], winners[i, first + c]
                    n = q * own + found[q]
                    values[n] = d
                    filters[n] = c
                    found[q] += d != 0
                for q in range(pools):
                    if found[q] > 0:
                        place = places[p * pools + q] + group * plane
                        v, f = address(values) + q * own * size, address(filters) + q * own * 4
                        for k in range(0, depth, run):
                            b, c = address(turned) + (group * own * depth + k) * size, address(target) + (place + taps[k]) * size
                            _axpys(dx, v, f, found[q], b, depth, c, run, 1)
        if copied:
            image_without(area, g, tall, wide, dx, i)


@njit(**_fast)
def _dense_dw(source, plane, dz, places, taps, starts, g, parts, part, more):
    """parts[part] (+)= what one image gives: dz at its places. `plane`: numbers from a group's image to the next."""
    size, cout, groups = size_of(parts), g[5, 0], g[14, 0]
    own, depth, count = cout // groups, taps.size, places.size
    step, row, zero = panel(own, size), depth // g[6, 0], parts.dtype.type(0)
    total = address(parts) + part * parts.shape[1] * size
    for group in range(groups):
        for j in range(0, own, step):
            n, column = min(step, own - j), group * own + j
            rows = rows_at_once(n, parts)
            for k in range(0, depth, rows):
                m = min(rows, depth - k)
                for q in range(m):
                    starts[q] = source + (taps[k + q] + group * plane) * size
                first, last = 0, count
                if g[15, 0] * g[16, 0] == 1 and k // row == (k + m - 1) // row:  # else places are not in the order of lines
                    top, bottom = lines_under(g, k // row)
                    first, last = top * g[4, 0], max(top, bottom) * g[4, 0]
                c, up = total + (k * cout + column) * size, dz + (first * cout + column) * size
                table = address(places) + first * 4
                products(zero, address(starts), m, table, last - first, up, cout, n, c, cout, c if more else 0, cout)
    bias = carray(pointer(total + depth * cout * size, parts), (cout,))
    add_rows(carray(pointer(dz, parts), (count * cout,)), cout, not more, bias)


@njit(**_fast)
def conv_dw(x, dz, g, group, parts, lo, hi, scratch):
    if is_narrow(g):
        narrow_dw(x, dz, g, group, parts, lo, hi, scratch)
        return
    copied, tall, wide, plane, places, taps, starts, area, _ = prepared(g, parts, scratch)
    for i in range(lo, hi):
        source = image_at(x, i, g, copied, tall, wide, area)
        part, more = i // group[0], i % group[0] != 0
        _dense_dw(source, plane, address(dz) + i * dz.shape[1] * parts.itemsize, places, taps, starts, g, parts, part, more)


@njit(**_fast)
def conv_pool_dw(x, dy, winners, g, group, parts, lo, hi, scratch):
    size, cin, cout, groups, pools = parts.itemsize, g[2, 0], g[5, 0], g[14, 0], g[15, 0] * g[16, 0]
    copied, tall, wide, plane, places, taps, starts, area, at = prepared(g, parts, scratch)
    depth = taps.size
    windows = places.size // pools
    run = g[7, 0] * (cin // groups) if g[11, 0] == 1 else cin // groups
    sparse = depth >= SPARSE
    if sparse:
        total, at = take(at, (depth + 1) * cout, parts)
        values, at = take(at, windows * cout, parts)
        offsets, at = take(at, windows * cout, np.int32(0))
        found, at = take(at, cout, np.int64(0))
    else:
        total, at = take(at, places.size * cout, parts)
        values, at = take(at, 1, parts)
        offsets, at = take(at, 1, np.int32(0))
        found, at = take(at, 1, np.int64(0))
    for i in range(lo, hi):
        source = image_at(x, i, g, copied, tall, wide, area)
        part, more = i // group[0], i % group[0] != 0
        if not sparse:
            for p in range(windows):
                up, which = dy[i, p * cout : (p + 1) * cout], winners[i, p * cout : (p + 1) * cout]
                for q in range(pools):
                    row = total[(p * pools + q) * cout : (p * pools + q + 1) * cout]
                    for c in range(cout):
                        row[c] = up[c] if which[c] == q else parts.dtype.type(0)
            _dense_dw(source, plane, address(total), places, taps, starts, g, parts, part, more)
            continue
        if not more:
            total[:] = parts.dtype.type(0)
        found[:] = 0
        for p in range(windows):
            for c in range(cout):
                d = dy[i, p * cout + c]
                n = c * windows + found[c]
                values[n] = d
                offsets[n] = places[p * pools + winners[i, p * cout + c]]
                found[c] += d != 0
        for c in range(cout):
            if found[c] == 0:
                continue
            shift = c // (cout // groups) * plane
            v, o = address(values) + c * windows * size, address(offsets) + c * windows * 4
            for k in range(0, depth, run):
                _axpys(parts, v, o, found[c], source + (taps[k] + shift) * size, 1, address(total) + (c * depth + k) * size, run, 1)
            bias = total[depth * cout + c]
            for t in range(found[c]):
                bias += values[c * windows + t]
            total[depth * cout + c] = bias
        if (i + 1) % group[0] == 0 or i + 1 == x.shape[0]:
            weights = carray(pointer(address(total), parts), (cout, depth))
            out = carray(pointer(address(parts) + part * parts.shape[1] * size, parts), (depth * cout + cout,))
            turn(weights, address(weights), weights.shape[1], cout, depth, address(out), cout)
            out[depth * cout :] = total[depth * cout : depth * cout + cout]
