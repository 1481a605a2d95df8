"""GroupQueryAttention: gradients with masks, shares of Keras's, and what it refuses."""

import numpy as np
import pytest
from keras_twin import compute_in, keras
from sequence_gradient import check

from gpunn.layers import GroupQueryAttention

pytestmark = pytest.mark.usefixtures("float64")
RNG = np.random.default_rng(0)


def inputs():
    return [RNG.standard_normal((3, n, w)) for n, w in ((4, 4), (5, 3), (5, 2))]


def test_gradient(either_cpu):
    masks = [RNG.integers(0, 2, (3, n)).astype(float) for n in (4, 5, 5)]
    check(GroupQueryAttention(3, 4, 2, dropout=0.3), either_cpu, inputs(), masks)
    with pytest.raises(AssertionError, match="analytic"):
        check(GroupQueryAttention(3, 4, 2), either_cpu, inputs(), masks, spoil=1.001)


def test_values_and_shares_of_keras(cpu):
    compute_in("float64")
    ours, theirs = GroupQueryAttention(2, 6, 3), keras.layers.GroupQueryAttention(2, 6, 3)
    query, value, key = inputs()
    pairs = RNG.integers(0, 2, (3, 4, 5))
    pairs[:, :, 0] = 1
    want, shares = theirs(query, value, key, attention_mask=pairs.astype(bool), return_attention_scores=True)
    ours.ensure_built([(None, *a.shape[1:]) for a in (query, value, key)])
    ours.set_weights([np.asarray(w) for w in theirs.get_weights()])
    mine, own = ours(query, value, key, attention_mask=pairs, return_attention_scores=True)
    np.testing.assert_allclose(mine, np.asarray(want), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(own, np.asarray(shares), rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(ours(query, value, key, attention_mask=pairs[:, None]), mine)
    with pytest.raises(ValueError, match=r"expected an attention_mask of shape \(3, 4, 5\). Received: \(3, 5, 4\)"):
        ours(query, value, key, attention_mask=pairs.swapaxes(1, 2))
    assert GroupQueryAttention.from_config(ours.get_config()).get_config() == ours.get_config()


def test_errors(cpu):
    with pytest.raises(ValueError, match=r"'g': num_query_heads must be a multiple of num_key_value_heads.*=4, num_key_value_heads=3"):
        GroupQueryAttention(2, 4, 3, name="g")
    with pytest.raises(ValueError, match="'g': there are no windows and gates"):
        GroupQueryAttention(2, 4, 2, use_gate=True, name="g")
