"""A division by a root is one on the CPU, too: LLVM's estimate of 1 / sqrt(x) is NaN at 0 and at infinity."""

import numpy as np
import pytest
from kernel_targets import needs_numba

import gpunn
from gpunn import layers, losses, ops
from gpunn.backend.cpu import CpuBackend
from gpunn.kernels import REGISTRY
from gpunn.kernels.elementwise import elementwise


@elementwise("x -> y")
def one_by_root(x):
    return 1.0 / sqrt(x)  # noqa: F821


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("columns", [1, 3, 40])
def test_at_zero_and_infinity(dtype, columns):
    x = np.tile(np.array([[0.0], [np.inf], [4.0]], dtype), (1, columns))
    y = np.empty_like(x)
    CpuBackend(compiled=True).launch(one_by_root, x, y)
    np.testing.assert_array_equal(y, np.tile(np.array([[np.inf], [0.0], [0.5]], dtype), (1, columns)))


@needs_numba
@pytest.mark.parametrize("columns", [1, 4, 37])
def test_a_row_of_zeros_keeps_its_direction(columns):
    x = np.ones((3, columns), np.float32)
    x[1] = 0
    y, inverse = np.empty_like(x), np.empty(3, np.float32)
    CpuBackend(compiled=True).launch(REGISTRY["unit_rows"], x, 1e12, y, inverse)
    np.testing.assert_allclose(y, x / np.sqrt(columns), rtol=1e-6)


@pytest.mark.usefixtures("cpu")
def test_in_a_model_and_a_loss():
    x = np.array([[0, 0, 0, 0], [0, 3, 0, 4]], np.float32)
    model = gpunn.Sequential([gpunn.Input((4,)), layers.UnitNormalization()])
    np.testing.assert_allclose(model.predict(x, verbose=0), x / 5, rtol=1e-6)
    found = losses.CosineSimilarity(reduction=None)(np.ones((2, 4), np.float32), x)
    np.testing.assert_allclose(np.asarray(found), [0, -0.7], rtol=1e-6)
    given = gpunn.Input((4,))
    capped = gpunn.Model(given, ops.minimum(1 / ops.sqrt(given), 100.0)).predict(x, verbose=0)
    np.testing.assert_allclose(capped[1], [100, 3**-0.5, 100, 0.5], rtol=1e-6)
