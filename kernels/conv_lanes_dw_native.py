"""Gradients of weights of convolutions whose groups have as many filters as channels, up to a vector: see `conv_lanes_native`.

Where the sums of a tile are of one line of the window, lines of the image outside of it are left out. Needs Numba.
"""

from typing import Any

import numpy as np
from numba import carray, njit

from gpunn.kernels.conv_places import add_rows, take
from gpunn.kernels.gemm_tiles import VECTOR
from gpunn.kernels.lane_layout import bring, lines_of, spots_of, turns_of
from gpunn.kernels.lane_tiles import SIDE, TURNED, TURNS, gradient_tile
from gpunn.kernels.linked import PLAIN
from gpunn.kernels.native import address, pointer

_most, _some, _few = (gradient_tile(n, 1) for n in (9, 3, 1))
_turned_3, _turned_1 = ({s: gradient_tile(n, s if TURNS else 1) for s in (2, 4, TURNED)} for n in (SIDE, 1))
_t3_2, _t3_4, _t3_8 = _turned_3.values()
_t1_2, _t1_4, _t1_8 = _turned_1.values()
_fast: dict[str, Any] = {"nogil": True, "error_model": "numpy", **PLAIN}


@njit(**_fast)
def _add(like, taps, turns, x, table, d, rows, columns, across, down, d_across, d_down, index, first, total, rest):
    if turns == 1:
        if taps == 9:
            _most(like, x, table, d, rows, columns, across, down, d_across, d_down, index, first, total, rest)
        elif taps == SIDE:
            _some(like, x, table, d, rows, columns, across, down, d_across, d_down, index, first, total, rest)
        else:
            _few(like, x, table, d, rows, columns, across, down, d_across, d_down, index, first, total, rest)
    elif taps == SIDE:
        if turns == 2:
            _t3_2(like, x, table, d, rows, columns, across, down, d_across, d_down, index, first, total, rest)
        elif turns == 4:
            _t3_4(like, x, table, d, rows, columns, across, down, d_across, d_down, index, first, total, rest)
        else:
            _t3_8(like, x, table, d, rows, columns, across, down, d_across, d_down, index, first, total, rest)
    elif turns == 2:
        _t1_2(like, x, table, d, rows, columns, across, down, d_across, d_down, index, first, total, rest)
    elif turns == 4:
        _t1_4(like, x, table, d, rows, columns, across, down, d_across, d_down, index, first, total, rest)
    else:
        _t1_8(like, x, table, d, rows, columns, across, down, d_across, d_down, index, first, total, rest)


@njit(**_fast)
def _chosen(left, own):
    """How many of `left` taps the next tile of a weight gradient takes."""
    if own == 1 and left >= 9:
        return 9
    return SIDE if left >= SIDE else 1


@njit(**_fast)
def _laid(total, g, own, lanes, spots, out):
    """The sums, (panel, tiles' taps, turns of a tile, tap, turn), as (taps, filters)."""
    cout, count, turns = g[5, 0], g[6, 0] * g[7, 0], min(own, TURNED)
    n = 0
    for j in range(0, cout, lanes):
        t = 0
        while t < count:
            taps = _chosen(count - t, own)
            for s in range(0, own, turns):
                for tap in range(t, t + taps):
                    for turn in range(s, s + turns):
                        some, by = total[n * lanes : (n + 1) * lanes], spots[turn * lanes : (turn + 1) * lanes]
                        target = out[tap * own * cout + j :]
                        for lane in range(min(lanes, cout - j)):
                            target[by[lane]] = some[lane]
                        n += 1
            t += taps


@njit(**_fast)
def conv_lanes_dw(x, dz, g, group, parts, lo, hi, scratch):
    size, height, width, cout, kr, kc, sr, sc = parts.itemsize, g[0, 0], g[1, 0], g[5, 0], g[6, 0], g[7, 0], g[8, 0], g[9, 0]
    dr, dc, top, left, own = g[10, 0], g[11, 0], g[12, 0], g[13, 0], cout // g[14, 0]
    count, turns, lanes = kr * kc, min(own, TURNED), VECTOR // size
    panels = (cout + lanes - 1) // lanes
    tall, wide = (g[3, 0] - 1) * sr + (kr - 1) * dr + 1, (g[4, 0] - 1) * sc + (kc - 1) * dc + 1
    _, index, at = turns_of(own, parts, scratch)
    slots, stride, area, at = lines_of(tall, wide, width if top == 0 and tall <= height else 0, left, cout, parts, at)
    pixel = stride // wide if slots > 0 else cout * size
    spots, at = spots_of(own, cout, True, parts, at)
    offsets, at = take(at, count, np.int64(0))
    total, at = take(at, count * own * panels * lanes, parts)
    for t in range(count):
        offsets[t] = t // kc * dr * stride + t % kc * dc * pixel
    for i in range(lo, hi):
        if i % group[0] == 0:
            total[:] = parts.dtype.type(0)
        out = carray(pointer(address(parts) + i // group[0] * parts.shape[1] * size, parts), (count * own * cout + cout,))
        add_rows(dz[i], cout, i % group[0] == 0, out[count * own * cout :])
        image, d, line = address(x) + i * x.shape[1] * size, address(dz) + i * dz.shape[1] * size, g[4, 0] * cout * size
        if slots > 0:
            bring(x, image, 0, min(height, tall - top) - 1, 0, tall, wide, stride, area + top * stride, width, left, cout)
            image = area
        to = address(total)
        for j in range(0, cout, lanes):
            t = 0
            while t < count:
                taps = _chosen(count - t, own)
                begin, end = 0, g[3, 0]
                if t // kc == (t + taps - 1) // kc:  # lines outside of the image add nothing
                    above = top - t // kc * dr
                    begin, end = max(0, (above + sr - 1) // sr), min(end, (height - 1 + above) // sr + 1)
                for s in range(0, own, turns):
                    if begin < end:
                        start, up = image + begin * sr * stride + j * size, d + begin * line + j * size
                        _add(
                            parts, taps, turns, start, address(offsets) + t * 8, up, end - begin, g[4, 0], sc * pixel, sr * stride,
                            cout * size, line, index, index + s * VECTOR, to, min(lanes, cout - j),
                        )
                    to += taps * turns * VECTOR
                t += taps
        if (i + 1) % group[0] == 0 or i + 1 == x.shape[0]:
            _laid(total, g, own, lanes, spots, out)
