"""Means over very many places in float32, against float64, on every target."""

import numpy as np
import pytest
from kernel_targets import MARKED, TARGETS

from gpunn.kernels import pool
from gpunn.kernels.windows import Windows


@pytest.mark.parametrize("target", MARKED)
@pytest.mark.parametrize(("height", "width"), [pytest.param(283, 283, marks=pytest.mark.slow), (1, 80_000)])
def test_the_mean_of_80_000_places_is_within_a_millionth(height, width, target):
    g = Windows(height, width, 3, 1, 1, 3, height, width)
    x = np.random.default_rng(0).uniform(0, 1, (2, height * width * 3)).astype(np.float32)
    x[:, 2::3] = 0.1  # rounded the same way every time: what goes wrong in a plain sum goes wrong for all
    y = np.full((2, 3), np.nan, np.float32)
    TARGETS[target](pool.AVERAGE_POOL, [x, pool.shares_of(g, True, np.float32), g.array(), y])
    want = x.astype(np.float64).reshape(2, -1, 3).mean(axis=1)
    np.testing.assert_allclose(y, want, rtol=1e-6)
