"""MultiHeadAttention against numeric differences and Keras 3."""

import numpy as np
import pytest
from keras_twin import assert_same_weights, compute_in, keras
from sequence_gradient import check

import gpunn
from gpunn.layers import MultiHeadAttention

pytestmark = pytest.mark.usefixtures("float64")
ROWS, STEPS, PLACES = 3, 4, 5
OPTIONS = {
    "plain": ({"num_heads": 2, "key_dim": 3}, {}),
    "sizes": ({"num_heads": 2, "key_dim": 3, "value_dim": 2, "output_shape": 5, "use_bias": False}, {"use_causal_mask": True}),
}


def inputs(count=3, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((ROWS, n, w)) for n, w in ((STEPS, 4), (PLACES, 3), (PLACES, 2))[:count]]


def masks(seed=1):
    rng = np.random.default_rng(seed)
    queries, values, keys = (rng.integers(0, 2, (ROWS, n)).astype(float) for n in (STEPS, PLACES, PLACES))
    values[0] = 0
    return queries, values, keys, rng.integers(0, 2, (ROWS, STEPS, PLACES)).astype(float)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("option", OPTIONS)
def test_gradient(option, count, either_cpu):
    layer = MultiHeadAttention(**OPTIONS[option][0], dropout=0.3)
    given = inputs(count)
    queries, values, keys, _ = masks()
    check(layer, either_cpu, given, queries if count == 1 else [queries, values, keys][:count])


def test_the_check_sees_a_gradient_off_by_a_thousandth(cpu):
    with pytest.raises(AssertionError, match="analytic"):
        check(MultiHeadAttention(2, 3), cpu, inputs(), list(masks()[:3]), spoil=1.001)


@pytest.mark.parametrize("option", OPTIONS)
def test_values_and_shares_of_keras(option):
    compute_in("float64")
    options, called = OPTIONS[option]
    ours, theirs = (lib.layers.MultiHeadAttention(**options) for lib in (gpunn, keras))
    query, value, key = inputs()
    queries, values, keys, pairs = masks()
    pairs[:, :, 0] = 1
    values[0], keys[0] = 1, 1  # where every place is masked Keras's shares are the raw scores' on this path
    queries[...] = 1
    given = {"query_mask": queries, "value_mask": values, "key_mask": keys, "attention_mask": pairs}
    more = {**{n: m.astype(bool) for n, m in given.items()}, "return_attention_scores": True, **called}
    other, shares = theirs(query, value, key, **more)
    ours.ensure_built([(None, *a.shape[1:]) for a in (query, value, key)])
    ours.set_weights([np.asarray(w) for w in theirs.get_weights()])
    mine, own = ours(query, value, key, **more)
    with gpunn.GradientTape():
        np.testing.assert_array_equal(ours(query, value, key, **more)[0].numpy(), mine)
    left = (values * keys)[:, None, None, :] * pairs[:, None] * (np.tri(STEPS, PLACES) if called else 1)
    some = np.broadcast_to(left.sum(axis=3) > 0, own.shape[:3])
    np.testing.assert_allclose(own[some], np.asarray(shares)[some], rtol=1e-6, atol=1e-9)
    kept = some.all(axis=1)
    np.testing.assert_allclose(mine[kept], np.asarray(other)[kept], rtol=1e-6, atol=1e-9)


def test_masks_by_name_are_of_one_call(cpu):
    layer, (query, value) = MultiHeadAttention(2, 3), inputs(2)
    seen = masks()[1].astype(bool)
    seen[0] = [True, False, True, False, False]
    given = gpunn.ops.convert_to_tensor(value)
    with gpunn.GradientTape() as tape:
        tape.watch(given)
        y = layer(query, given, value_mask=seen)
        other = layer(query, given)
        loss = gpunn.ops.sum(y * y)
    slope = tape.gradient(loss, given).numpy()
    assert (slope[~seen] == 0).all() and (slope[seen] != 0).any()
    np.testing.assert_allclose(other.numpy(), layer(query, value), rtol=1e-12)


@pytest.mark.filterwarnings("ignore:Layer:UserWarning")  # Keras says that the mask ends at Flatten, as it should
def test_twenty_steps_of_a_small_transformer():
    compute_in("float64")
    gpunn.utils.set_random_seed(3)
    models = []
    for lib in (gpunn, keras):
        tokens = lib.layers.Input((STEPS,))
        x = lib.layers.Embedding(7, 4, mask_zero=True)(tokens)
        attended = lib.layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)
        x = lib.layers.LayerNormalization()(lib.layers.Add()([x, attended]))
        out = lib.layers.Dense(2)(lib.layers.Flatten()(lib.layers.Dense(3)(x)))
        model = lib.Model(tokens, out) if hasattr(lib, "Model") else lib.models.Model(tokens, out)
        model.compile(optimizer=lib.optimizers.SGD(0.02), loss="mse")  # Adam blows up the rounding of a gradient of 0, the keys' bias
        models.append(model)
    ours, theirs = models
    theirs.set_weights(ours.get_weights())
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 7, (6, STEPS)), rng.standard_normal((6, 2))
    x[:, 0] = 1 + x[:, 0] % 6
    theirs.fit(x, y, epochs=10, batch_size=3, shuffle=False, verbose=0)
    ours.fit(x, y, epochs=10, batch_size=3, shuffle=False, verbose=0)
    assert_same_weights(ours, theirs)
