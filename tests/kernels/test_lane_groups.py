"""Compiled convolutions of groups with as many filters as channels, whose lanes are channels, against the reference in float64."""

import ctypes

import numpy as np
import pytest
from kernel_targets import copies, needs_numba, outputs, run_numba
from test_narrow_groups import ROWS, launch_of
from test_parity import compare, truth

from gpunn.backend.cpu import CpuBackend
from gpunn.kernels import conv
from gpunn.kernels.windows import Windows

GEOMETRIES = {
    "depthwise, wider than a tile": Windows(4, 5, 70, 4, 5, 70, 3, 3, top=1, left=1, groups=70),
    "no border": Windows(5, 7, 3, 3, 5, 3, 3, 3, groups=3),
    "whole vectors, read in place": Windows(9, 9, 32, 4, 4, 32, 3, 3, 2, 2, groups=32),
    "one dimension, strided": Windows(1, 9, 8, 1, 4, 8, 1, 2, 1, 2, groups=4),
    "places that no window reaches": Windows(6, 6, 4, 2, 3, 4, 2, 2, 3, 2, groups=4),
    "a row that no window reaches, padded": Windows(8, 5, 9, 3, 2, 9, 3, 3, 3, 3, top=1, left=1, groups=9),
    "places in the border alone": Windows(1, 2, 4, 5, 6, 4, 3, 3, top=3, left=3, groups=4),
    "a window of one place": Windows(3, 3, 16, 1, 1, 16, 3, 3, groups=2),
    "lines of a tile and more": Windows(3, 31, 6, 3, 31, 6, 3, 3, top=1, left=1, groups=3),
    "lines of two tiles, groups of eight": Windows(3, 28, 24, 3, 28, 24, 3, 3, top=1, left=1, groups=3),
    "seven places, groups of four, dilated": Windows(9, 7, 20, 9, 7, 20, 3, 3, 1, 1, 2, 2, 2, 2, groups=5),
    "groups of sixteen": Windows(6, 14, 48, 6, 14, 48, 3, 3, top=1, left=1, groups=3),
    "groups of sixteen, strided, windows of two": Windows(7, 9, 32, 3, 4, 32, 2, 2, 2, 2, groups=2),
    "groups of eight, strided": Windows(8, 9, 16, 4, 5, 16, 3, 3, 2, 2, left=1, groups=2),
    "windows of five": Windows(6, 12, 18, 6, 12, 18, 5, 5, top=2, left=2, groups=18),
    "windows of five, groups of two": Windows(6, 11, 4, 6, 11, 4, 5, 5, top=2, left=2, groups=2),
    "what has been, dilated": Windows(1, 10, 8, 1, 10, 8, 1, 3, dilation_columns=3, left=6, groups=2),
    "windows of one": Windows(4, 5, 8, 4, 5, 8, 1, 1, groups=2),
}
LARGE = Windows(180, 180, 2, 180, 180, 2, 3, 3, top=1, left=1, groups=2)  # a vector for every two channels
KERNELS = [conv.CONV_LANES, conv.CONV_LANES_DX, conv.CONV_LANES_DW]


def possible(g, dtype="float32"):
    return g.by_lanes(CpuBackend().turning // np.dtype(dtype).itemsize or 1)


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.name)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_as_the_reference(geometry, kernel, dtype):
    g = GEOMETRIES[geometry]
    if not possible(g, dtype):
        pytest.skip("no vectors of so many numbers that can be turned")
    args = launch_of(kernel, g, dtype)
    want = truth(kernel, args)
    run_numba(kernel, args)
    compare(kernel, args, outputs(kernel, args), want, geometry)


@needs_numba
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.name)
@pytest.mark.parametrize("geometry", ["lines of a tile and more", "groups of sixteen", "groups of eight, strided", "windows of five"])
def test_the_same_bits_in_pieces(geometry, kernel):
    """A task is any range of images (for sums, of whole groups of them): what it leaves must not depend on where it began."""
    g = GEOMETRIES[geometry]
    if not possible(g):
        pytest.skip("no vectors that can be turned")
    whole = launch_of(kernel, g, "float32")
    pieces = copies(whole)
    run_numba(kernel, whole)
    run_pieces(kernel, pieces)
    for name, mine in outputs(kernel, pieces).items():
        np.testing.assert_array_equal(mine, outputs(kernel, whole)[name])


def run_pieces(kernel, arguments):
    from gpunn.backend.native import Replay
    from gpunn.backend.schedule import Node, Schedule

    step = conv.group_of(ROWS)
    node = Node(kernel, arguments, ROWS)
    tasks = [(0, 1, lo, min(lo + step, ROWS)) for lo in reversed(range(0, ROWS, step))]
    Replay(Schedule([node], np.array(tasks, np.int64), np.array([[0, len(tasks)]], np.int64), 0.0), 1)(1)


@needs_numba
@pytest.mark.parametrize("g", [*GEOMETRIES.values(), LARGE], ids=[*GEOMETRIES, "large"])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.name)
def test_nothing_beyond_what_it_was_given(g, kernel):
    """Private memory ends where `scratch` says, and no output is written beyond its end."""
    from gpunn.kernels import native

    if not possible(g):
        pytest.skip("no vectors that can be turned")
    args = launch_of(kernel, g, "float32")
    size, guard = kernel.scratch(*args), 1 << 20
    area = np.full(size + 2 * guard, 0x5A, np.uint8)
    first = -area.ctypes.data % 64
    block, keep = native.words(kernel, args)
    out = args[-1]
    wide = np.full(out.size + 64, np.nan, np.float32)
    block[3 * (len(args) - 1)] = wide.ctypes.data
    entry = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_int64] * 3)(native.entry(kernel, np.dtype(np.float32)))
    table = np.array(block, np.int64)
    entry(table.ctypes.data, 0, ROWS, area.ctypes.data + first)
    assert keep and (area[first + size :] == 0x5A).all()
    assert np.isnan(wide[out.size :]).all() and not np.isnan(wide[: out.size]).any()
