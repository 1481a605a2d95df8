"""Compiled convolutions whose tiles' columns are filters: the borders of images, and gradients that are convolutions too."""

import numpy as np
import pytest
from kernel_targets import copies, needs_numba, outputs, run_numba
from test_lane_groups import run_pieces
from test_narrow_groups import launch_of
from test_parity import compare, truth

from gpunn.kernels import conv
from gpunn.kernels.windows import Windows

GEOMETRIES = {
    "same": Windows(9, 7, 16, 9, 7, 20, 3, 3, top=1, left=1),
    "nothing around": Windows(9, 10, 33, 7, 8, 5, 3, 3),
    "dilated, lines that half of the window misses": Windows(6, 6, 17, 6, 6, 16, 3, 3, 1, 1, 2, 2, 2, 2),
    "a window taller than the image": Windows(2, 9, 16, 2, 9, 18, 5, 5, top=2, left=2),
    "two groups": Windows(5, 8, 40, 5, 8, 34, 3, 3, top=1, left=1, groups=2),
    "what has been": Windows(1, 11, 16, 1, 11, 19, 1, 3, dilation_columns=2, left=4),
    "strided": Windows(8, 9, 16, 4, 5, 16, 3, 3, 2, 2, left=1),
    "strided, padded": Windows(9, 9, 3, 5, 5, 60, 3, 3, 2, 2, top=1, left=1),
    "places in the border alone": Windows(2, 3, 16, 8, 9, 16, 3, 3, top=4, left=4),
    "more channels than a panel": Windows(4, 5, 100, 4, 5, 7, 3, 3, top=1, left=1),
    "few channels": Windows(7, 6, 3, 7, 6, 24, 3, 3, top=1, left=1),
    "a part of a vector": Windows(9, 7, 1, 9, 7, 6, 5, 5, top=2, left=2),
    "one filter": Windows(5, 6, 3, 5, 6, 1, 3, 3, top=1, left=1),
    "one vector, two lines": Windows(2, 7, 4, 2, 7, 8, 3, 3, top=1, left=1),
    "a panel and a lane": Windows(5, 5, 4, 5, 5, 25, 3, 3, top=1, left=1),
    "one line": Windows(1, 13, 2, 1, 13, 7, 1, 3, left=1),
    "an even window": Windows(6, 7, 24, 6, 7, 24, 2, 4, top=0, left=1),
}
KERNELS = [conv.CONV, conv.CONV_DX, conv.CONV_DW]


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.name)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_as_the_reference(geometry, kernel, dtype):
    g = GEOMETRIES[geometry]
    assert not g.narrow
    args = launch_of(kernel, g, dtype)
    want = truth(kernel, args)
    run_numba(kernel, args)
    compare(kernel, args, outputs(kernel, args), want, geometry)


@needs_numba
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.name)
@pytest.mark.parametrize("geometry", ["same", "two groups"])
def test_the_same_bits_in_pieces(geometry, kernel):
    whole = launch_of(kernel, GEOMETRIES[geometry], "float32")
    pieces = copies(whole)
    run_numba(kernel, whole)
    run_pieces(kernel, pieces)
    for name, mine in outputs(kernel, pieces).items():
        np.testing.assert_array_equal(mine, outputs(kernel, whole)[name])
