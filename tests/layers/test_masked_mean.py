"""GlobalAveragePooling1D over the steps that a mask leaves: gradient, and Keras 3."""

import numpy as np
import pytest
from keras_twin import compute_in, keras
from sequence_gradient import check

import gpunn
from gpunn.layers import GlobalAveragePooling1D

pytestmark = pytest.mark.usefixtures("float64")
X = np.random.default_rng(0).standard_normal((3, 5, 4))
MASK = np.array([[1, 0, 1, 1, 0], [0, 0, 0, 0, 1], [1, 1, 1, 1, 1]], float)


@pytest.mark.parametrize("keepdims", [False, True])
def test_gradient(keepdims, either_cpu):
    check(GlobalAveragePooling1D(keepdims=keepdims), either_cpu, [X.copy()], MASK)


def test_the_check_sees_a_gradient_off_by_a_thousandth(cpu):
    with pytest.raises(AssertionError, match="analytic"):
        check(GlobalAveragePooling1D(), cpu, [X.copy()], MASK, spoil=1.001)


@pytest.mark.parametrize("keepdims", [False, True])
def test_as_keras(keepdims):
    compute_in("float64")
    ours, theirs = (lib.layers.GlobalAveragePooling1D(keepdims=keepdims) for lib in (gpunn, keras))
    np.testing.assert_allclose(ours(X, mask=MASK), np.asarray(theirs(X, mask=MASK.astype(bool))), rtol=1e-12)
