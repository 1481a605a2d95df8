"""How images and weights lie for tiles whose lanes are channels (`lane_tiles`). Needs Numba."""

from typing import Any

import numpy as np
from numba import carray, njit

from gpunn.kernels.conv_places import take
from gpunn.kernels.gemm_tiles import VECTOR
from gpunn.kernels.lane_tiles import copy_vectors
from gpunn.kernels.linked import PLAIN
from gpunn.kernels.native import address, move, pointer

_fast: dict[str, Any] = {"nogil": True, "error_model": "numpy", **PLAIN}


@njit(**_fast)
def partner(channel, own, turn):
    """The channel that turn number `turn` brings to the lane of `channel`; `own` is a power of two."""
    return (channel & -own) + ((channel + turn) & (own - 1))


@njit(**_fast)
def turns_of(own, like, at):
    """-> (log2 of the turns, the address of their vectors of indices, the end)."""
    lanes, words, shift = VECTOR // like.itemsize, like.itemsize // 4, 0
    while 1 << shift < own:
        shift += 1
    index, at = take(at, own * VECTOR // 4, np.int32(0))
    index[:] = 0
    for s in range(own):
        for lane in range(lanes):  # as wide as a lane; x86 has the low half first
            index[(s * lanes + lane) * words] = partner(lane, own, s)
    return shift, address(index), at


@njit(**_fast)
def spots_of(own, columns, back, like, at):
    """-> (where the weight of each turn and lane lies among a tap's, (channels of a group, `columns`) of them, the end). `back`: lanes are
    the channels."""
    lanes = VECTOR // like.itemsize
    spots, at = take(at, own * lanes, np.int64(0))
    for s in range(own):
        for lane in range(lanes):
            other = partner(lane, own, s)
            row, column = (lane, other) if back else (other, lane)
            spots[s * lanes + lane] = (row & (own - 1)) * columns + column
    return spots, at


@njit(**_fast)
def _reached(kernel, stride, dilation, before, phase):
    """How many of a window's rows (or columns) an image's lines number `phase`, `phase` + stride, ... are under."""
    n = 0
    for i in range(kernel):
        n += (phase + before - i * dilation) % stride == 0
    return n


@njit(**_fast)
def laid_weights(w, g, back, shared, at):
    """The vectors of weights: (kind of place, panel of lanes, row of the window, tap, turn), a row's turns before its taps where `shared`.

    Forward there is one kind of place; `back`, those of one kind are under the same taps, which go from the right to the left.
    -> (address, for each kind the number of vectors before and how many of a window's rows and columns it is under, the end)."""
    cout, own, kr, kc = g[5, 0], g[5, 0] // g[14, 0], g[6, 0], g[7, 0]
    pr, pc = (g[8, 0], g[9, 0]) if back else (1, 1)
    lanes = VECTOR // w.itemsize
    panels = (cout + lanes - 1) // lanes
    kinds, at = take(at, 3 * pr * pc, np.int64(0))
    spots, at = spots_of(own, cout, back, w, at)
    vectors, at = take(at, kr * kc * own * panels * lanes, w)
    flat = carray(pointer(address(w), w), (w.size,))
    vectors[:] = w.dtype.type(0)
    n = 0
    for kind in range(pr * pc):
        side = _reached(kc, pc, g[11, 0], g[13, 0], kind % pc)
        kinds[3 * kind], kinds[3 * kind + 1], kinds[3 * kind + 2] = n, _reached(kr, pr, g[10, 0], g[12, 0], kind // pc), side
        for panel in range(panels):
            for i in range(kr):
                if (kind // pc + g[12, 0] - i * g[10, 0]) % pr != 0:
                    continue
                tap = 0
                for t in range(kc):
                    j = kc - 1 - t if back else t
                    if (kind % pc + g[13, 0] - j * g[11, 0]) % pc != 0:
                        continue
                    for s in range(own):
                        first = (n + (s * side + tap if shared else tap * own + s)) * lanes
                        some, by = vectors[first : first + lanes], spots[s * lanes : (s + 1) * lanes]
                        source = flat[(i * kc + j) * own * cout + panel * lanes :]
                        for lane in range(min(lanes, cout - panel * lanes)):
                            some[lane] = source[by[lane]]
                    tap += 1
                n += side * own
    return address(vectors), kinds, at


@njit(**_fast)
def lines_of(lines, wide, width, before, channels, like, at):
    """-> (lines of the image that are held with their borders, 0: its own are read; bytes of a line; the address; the end)."""
    lanes, size = VECTOR // like.itemsize, like.itemsize
    padded = (channels + lanes - 1) // lanes * lanes
    if before == 0 and wide <= width and padded == channels:
        return 0, width * channels * size, at, at
    held, at = take(at, lines * wide * padded, like)
    held[:] = like.dtype.type(0)
    return lines, wide * padded * size, address(held), at


@njit(**_fast)
def _copy(x, source, target, pixels, channels, padded):
    """A line of the image to where it has a border."""
    size = x.itemsize
    if channels == padded:
        copy_vectors(x, source, target, pixels * channels * size // VECTOR)
        return
    for p in range(pixels):
        move(source + p * channels * size, target + p * padded * size, channels * size)


@njit(**_fast)
def bring(x, image, first, last, upto, lines, wide, bytes_of_line, ring, width, before, channels):
    """Lines first..last of an image are put into the ring, those below number `upto` have been -> the new `upto`."""
    pixel = bytes_of_line // wide
    for h in range(max(first, upto), last + 1):
        target = ring + h % lines * bytes_of_line + before * pixel
        _copy(x, image + h * width * channels * x.itemsize, target, min(width, wide - before), channels, pixel // x.itemsize)
    return max(upto, last + 1)
