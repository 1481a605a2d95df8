"""Compiled convolutions of groups with few filters, whose vectors reach over the groups, against the reference in float64.

Groups with as many filters as channels are `test_lane_groups`' where there are vectors for them."""

import numpy as np
import pytest
from kernel_targets import needs_numba, outputs, run_numba
from test_parity import compare, truth

from gpunn.kernels import conv
from gpunn.kernels.windows import Windows

GEOMETRIES = {
    "two filters a channel, wider than a tile": Windows(4, 5, 35, 4, 5, 70, 3, 3, top=1, left=1, groups=35),
    "three filters a channel, strided": Windows(7, 6, 5, 3, 3, 15, 3, 3, 2, 2, top=1, groups=5),
    "two channels, four filters a group, dilated": Windows(9, 8, 6, 9, 8, 12, 3, 3, 1, 1, 2, 2, 2, 2, groups=3),
    "no border": Windows(5, 7, 3, 3, 5, 6, 3, 3, groups=3),
    "two channels, a filter, one dimension, strided": Windows(1, 9, 8, 1, 4, 4, 1, 2, 1, 2, groups=4),
    "places that no window reaches": Windows(6, 6, 4, 2, 3, 8, 2, 2, 3, 2, groups=4),
    "a row that no window reaches, padded": Windows(8, 5, 9, 3, 2, 27, 3, 3, 3, 3, top=1, left=1, groups=9),
    "three channels and filters": Windows(6, 5, 9, 6, 5, 9, 3, 3, top=1, left=1, groups=3),
}
ROWS = 19  # images: three parts of a weight gradient, the last of them short


def launch_of(kernel, g, dtype):
    rng = np.random.default_rng(5)

    def numbers(*shape):
        return rng.standard_normal(shape).astype(np.float32).astype(dtype)

    x, w, b = numbers(ROWS, g.height * g.width * g.channels), numbers(g.taps, g.filters), numbers(g.filters)
    dz, group = numbers(ROWS, g.places * g.filters), conv.group_of(ROWS)
    parts = -(-ROWS // group)
    name = kernel.name.replace("_lanes", "")
    blank = {"conv": (ROWS, g.places * g.filters), "conv_dx": x.shape, "conv_dw": (parts, (g.taps + 1) * g.filters)}[name]
    out, geometry = np.full(blank, np.nan, dtype), g.array()
    return {"conv": [x, w, b, geometry, out], "conv_dx": [dz, w, geometry, out], "conv_dw": [x, dz, geometry, group, out]}[name]


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
@pytest.mark.parametrize("kernel", [conv.CONV, conv.CONV_DX, conv.CONV_DW], ids=lambda k: k.name)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_as_the_reference(geometry, kernel, dtype):
    g = GEOMETRIES[geometry]
    assert g.narrow
    args = launch_of(kernel, g, dtype)
    want = truth(kernel, args)
    run_numba(kernel, args)
    compare(kernel, args, outputs(kernel, args), want, geometry)
