"""Stores of tiles whose last vector has lanes that are not there: every width, nothing behind the end, what is not finite."""

import numpy as np
import pytest
from kernel_targets import needs_numba

from gpunn.kernels import conv
from gpunn.kernels.windows import Windows

BEHIND = 40  # numbers that must stay as they are


def _run(filters: int, dtype: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """-> (what the compiled kernel makes, what lies behind it, the reference), of images 3 x 5 x 2 and windows of 2 x 2."""
    from gpunn.backend.native import run_node
    from gpunn.backend.schedule import Node

    g = Windows(3, 5, 2, 2, 4, filters, 2, 2)
    rng = np.random.default_rng(filters)
    w, b = rng.standard_normal((g.taps, filters)).astype(dtype), rng.standard_normal(filters).astype(dtype)
    size = len(x) * g.places * filters
    room = np.full(size + BEHIND, 7, dtype)
    y, want = room[:size].reshape(len(x), -1), np.empty((len(x), size // len(x)), dtype)
    run_node(Node(conv.CONV, [x, w, b, g.array(), y], len(x)))
    with np.errstate(all="ignore"):
        conv.CONV.reference(x, w, b, g.array(), want)
    return y, room[size:], want


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_width(dtype):
    x = np.random.default_rng(0).standard_normal((2, 30)).astype(dtype)
    for filters in range(1, 52):
        y, behind, want = _run(filters, dtype, x)
        np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-5, err_msg=str(filters))
        assert (behind == 7).all(), filters


@needs_numba
@pytest.mark.parametrize("filters", [3, 8, 16, 21])
def test_not_finite(filters):
    x = np.random.default_rng(0).standard_normal((2, 30)).astype("float32")
    x[0, 3], x[0, 29], x[1, 11] = np.nan, np.inf, -np.inf
    y, behind, want = _run(filters, "float32", x)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(want))
    np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-5, equal_nan=True)
    assert (behind == 7).all()
