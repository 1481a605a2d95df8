"""ReversibleEmbedding: gradients of the way back, masks, and what it refuses."""

import numpy as np
import pytest
from gradient import check_layer

import gpunn
from gpunn.layers import ReversibleEmbedding

RNG = np.random.default_rng(0)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("options", [{}, {"tie_weights": False}, {"logit_soft_cap": 1.5}])
def test_gradient_of_the_way_back(options, either_cpu):
    layer, x = ReversibleEmbedding(7, 4, **options), RNG.standard_normal((3, 5, 4))
    layer.ensure_built((None, 5))
    if not options.get("tie_weights", True):  # the table is not used
        layer.parameters[0].frozen = True
    check_layer(layer, x, reverse=True)
    with pytest.raises(AssertionError, match="analytic"):
        check_layer(layer, x, reverse=True, spoil=1.001)


def test_masks_end_on_the_way_back(cpu):
    tokens = gpunn.Input((5,))
    table = ReversibleEmbedding(7, 4, mask_zero=True)
    h = table(tokens)
    assert table(h, reverse=True).shape == (None, 5, 7)
    pooled = gpunn.Model(tokens, gpunn.layers.GlobalAveragePooling1D()(h))
    scores = gpunn.Model(tokens, gpunn.layers.GlobalAveragePooling1D()(table(h, reverse=True)))
    x, values = np.array([[3, 1, 0, 0, 0]]), table.get_weights()[0]
    np.testing.assert_allclose(pooled.predict(x, verbose=0)[0], values[[3, 1]].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(scores.predict(x, verbose=0)[0], (values[x[0]] @ values.T).mean(axis=0), rtol=1e-5, atol=1e-8)


def test_errors(cpu):
    with pytest.raises(ValueError, match=r"'r': called with reverse=True it takes \(..., 4\).*\(2, 5, 3\)"):
        layer = ReversibleEmbedding(7, 4, name="r")
        layer.ensure_built((None, 5))
        layer.forward(np.ones((2, 5, 3), np.float32), reverse=True)
    with pytest.raises(ValueError, match=r"'r': logit_soft_cap must be a positive number. Received: -1"):
        ReversibleEmbedding(7, 4, logit_soft_cap=-1, name="r")
    with pytest.raises(ValueError, match=r"'r': reverse_dtype must be the layer's, 'float32'. Received: 'float16'"):
        ReversibleEmbedding(7, 4, reverse_dtype="float16", name="r")
