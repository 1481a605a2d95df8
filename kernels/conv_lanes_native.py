"""The CPU's convolutions whose groups have as many filters as channels, up to a vector (depthwise ones among them). Needs Numba.

A line of the output is made at a time, of lines of the image that stay in the first-level cache: a ring of as many as a window is high,
with their borders, or the image's own lines where it needs no border. Lines above and below the image are left out of the sums. The image's
gradient is the same sum over the upstream gradient with the window turned; with strides, one for each kind of place. The tiles are in
`lane_tiles`.
"""

from typing import Any

import numpy as np
from numba import carray, njit

from gpunn.kernels.conv_places import take
from gpunn.kernels.gemm_tiles import VECTOR
from gpunn.kernels.lane_layout import bring, laid_weights, lines_of, turns_of
from gpunn.kernels.lane_tiles import SIDE, TURNS, ask_to_write, line_tile
from gpunn.kernels.linked import PLAIN
from gpunn.kernels.native import address, move, pointer

PIXELS = (14, 8, 7, 4, 1) if TURNS else (8, 4, 1)  # places of a tile: as many sums as registers hold
LEAST = 8  # sums that keep the units busy: a tile of fewer takes as long
_fast: dict[str, Any] = {"nogil": True, "error_model": "numpy", **PLAIN}


def _by_pixels(side: int, turning: bool) -> Any:
    """One compiled function of many tiles."""
    arguments = "table, count, offset, w, shift, index, begin, c, step, ldc, rest"
    lines = [f"def chosen(like, pixels, {arguments}):"]
    for p in PIXELS:
        lines += [f"    {'if' if p == PIXELS[0] else 'elif'} pixels == {p}:", f"        tile_{p}(like, {arguments})"]
    space = {f"tile_{p}": line_tile(p, side, turning) for p in PIXELS}
    exec("\n".join(lines), space)
    return njit(**_fast)(space["chosen"])


_plain = _by_pixels(1, False)
_turning, _sharing = (_by_pixels(side, TURNS) for side in (1, SIDE))


@njit(**_fast)
def _pixels(n):
    """How many places the tiles of a line of n take; the last of them begins earlier where they do not divide it."""
    best, least = 1, 1 << 62
    for p in PIXELS:
        cost = (n + p - 1) // p * (max(p, LEAST) + 1)
        if p <= n and cost < least:
            best, least = p, cost
    return best


@njit(**_fast)
def _line(like, table, count, w, panel, shared, shift, index, begin, n, c, channels, step, ldc):
    """n places of the output, all their channels. `w`: a panel of vectors after another, `panel` bytes apart; `step` and `ldc`: bytes."""
    size, pixels = like.itemsize, _pixels(n)
    lanes = VECTOR // size
    for j in range(0, channels, lanes):
        rest, by, first = min(lanes, channels - j), w + j // lanes * panel, begin + j * size if begin != 0 else begin
        for start in range(0, n, pixels):
            p = min(start, n - pixels)
            offset, out = p * step + j * size, c + p * ldc + j * size
            if shared:
                _sharing(like, pixels, address(table), count, offset, by, shift, index, first, out, step, ldc, rest)
            elif shift > 0:
                _turning(like, pixels, address(table), count, offset, by, shift, index, first, out, step, ldc, rest)
            else:
                _plain(like, pixels, address(table), count, offset, by, shift, index, first, out, step, ldc, rest)


@njit(**_fast)
def _blank(like, begin, n, c, channels, ldc):
    """A line that no window reaches."""
    size = like.itemsize
    for p in range(n):
        row = carray(pointer(c + p * ldc, like), (channels,))
        row[:] = like.dtype.type(0)
        if begin != 0:
            move(begin, c + p * ldc, channels * size)


@njit(**_fast)
def conv_lanes(x, w, b, g, y, lo, hi, scratch):
    size, height, width, cout, kr, kc, sr, sc = y.itemsize, g[0, 0], g[1, 0], g[5, 0], g[6, 0], g[7, 0], g[8, 0], g[9, 0]
    dr, dc, top, left, own = g[10, 0], g[11, 0], g[12, 0], g[13, 0], cout // g[14, 0]
    wide, line = (g[4, 0] - 1) * sc + (kc - 1) * dc + 1, g[4, 0] * cout * size
    shared = own > 1 and kc == SIDE and sc == 1 and dc == 1
    shift, index, at = turns_of(own, y, scratch)
    weights, _, at = laid_weights(w, g, False, shared, at)
    slots, stride, ring, at = lines_of((kr - 1) * dr + 1, wide, width, left, cout, y, at)
    table, at = take(at, kr * kc, np.int64(0))
    pixel = stride // wide if slots > 0 else cout * size
    row = (kc * VECTOR) << shift
    for i in range(lo, hi):
        image, out, upto = address(x) + i * x.shape[1] * size, address(y) + i * y.shape[1] * size, 0
        for r in range(g[3, 0]):
            first, count, skipped = r * sr - top, 0, 0
            if slots > 0:
                last = min(first + (kr - 1) * dr, height - 1)
                upto = bring(x, image, max(first, 0), last, upto, slots, wide, stride, ring, width, left, cout)
            for k in range(kr):
                h = first + k * dr
                if h < 0:
                    skipped += 1
                elif h < height:
                    start = ring + h % slots * stride if slots > 0 else image + h * stride
                    for j in range(1 if shared else kc):
                        table[count] = start + j * dc * pixel
                        count += 1
            if count == 0:
                _blank(y, address(b), g[4, 0], out + r * line, cout, cout * size)
                continue
            ask_to_write(y, out + (r + 1) * line, line)  # the caches are to have it when it is written
            _line(
                y, table, count, weights + skipped * row, kr * row, shared, shift, index, address(b), g[4, 0], out + r * line, cout,
                sc * pixel, cout * size,
            )


@njit(**_fast)
def conv_lanes_dx(dz, w, g, dx, lo, hi, scratch):
    size, height, width, cin, kr, kc, sr, sc = dx.itemsize, g[0, 0], g[1, 0], g[2, 0], g[6, 0], g[7, 0], g[8, 0], g[9, 0]
    dr, dc, top, left, own = g[10, 0], g[11, 0], g[12, 0], g[13, 0], cin // g[14, 0]
    before = max(0, ((kc - 1) * dc - left + sc - 1) // sc)
    wide = before + (width - 1 + left) // sc + 1
    shared = own > 1 and kc == SIDE and sc == 1 and dc == 1
    shift, index, at = turns_of(own, dx, scratch)
    weights, kinds, at = laid_weights(w, g, True, shared, at)
    slots, stride, ring, at = lines_of((kr - 1) * dr // sr + 2, wide, g[4, 0], before, cin, dx, at)
    table, at = take(at, kr * kc, np.int64(0))
    pixel = stride // wide if slots > 0 else cin * size
    for i in range(lo, hi):
        image, out, upto = address(dz) + i * dz.shape[1] * size, address(dx) + i * dx.shape[1] * size, 0
        for h in range(height):
            if slots > 0:
                first, last = max(0, (h + top - (kr - 1) * dr) // sr), min((h + top) // sr, g[3, 0] - 1)
                upto = bring(dz, image, first, last, upto, slots, wide, stride, ring, g[4, 0], before, cin)
            ask_to_write(dx, out + (h + 1) * width * cin * size, width * cin * size)
            for phase in range(min(sc, width)):
                kind = 3 * (h % sr * sc + phase)
                rows, side = kinds[kind + 1], kinds[kind + 2]
                count, skipped, n = 0, 0, (width - phase + sc - 1) // sc
                for k in range(kr):
                    down = h + top - k * dr
                    if down % sr != 0:
                        continue
                    if down // sr >= g[3, 0]:
                        skipped += 1
                    elif down >= 0:
                        start = (ring + down // sr % slots * stride if slots > 0 else image + down // sr * stride) + before * pixel
                        for t in range(kc):
                            along = phase + left - (kc - 1 - t) * dc
                            if along % sc == 0 and not (shared and t > 0):
                                table[count] = start + along // sc * pixel
                                count += 1
                to = out + (h * width + phase) * cin * size
                if count == 0:
                    _blank(dx, 0, n, to, cin, sc * cin * size)
                    continue
                row = (side * VECTOR) << shift
                w_first = weights + kinds[kind] * VECTOR + skipped * row
                _line(dx, table, count, w_first, rows * row, shared, shift, index, 0, n, to, cin, pixel, sc * cin * size)
