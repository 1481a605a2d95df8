"""Masks go along a graph's edges, and losses and weighted metrics weigh by them, as in Keras 3; states go from one layer to another."""

import numpy as np
import pytest
from keras_twin import assert_same_weights
from test_functional_keras import OPTIONS, pair

pytestmark = [pytest.mark.usefixtures("cpu"), pytest.mark.filterwarnings("ignore:Layer '(flatten|rms):UserWarning")]
RNG = np.random.default_rng(8)
STEPS = RNG.standard_normal((15, 5, 3))
STEPS[3, 2:] = STEPS[7] = STEPS[10, 4:] = 0.0
SOMEWHERE = np.where(RNG.random((15, 5, 1)) < 0.5, STEPS[::-1], 0.0)
SOMEWHERE[:, 0] = 1.0
FILLED = np.where(RNG.random((15, 5, 1)) < 0.5, STEPS, 0.0)
FILLED[:, 1] = -1.0
WORDS = RNG.integers(0, 6, (15, 4))
WORDS[:, :3] = 1 + WORDS[:, :3] % 5  # padding at the end: Keras forgets the mask of a layer that is given states
TARGETS, CLASSES = RNG.standard_normal((15, 5, 2)), RNG.integers(0, 4, (15, 4))


def masked(k):
    """A mask through merges to an output of steps."""
    x = k.Input((5, 3))
    h = k.layers.Masking()(x)
    a, b = k.layers.Dense(4, activation="tanh")(h), k.layers.Dense(4)(k.layers.Dropout(0.0)(h))
    return k.Model(x, k.layers.Dense(2)(k.layers.Multiply()([a, b]))), STEPS, TARGETS


def joined(k):
    """Masks side by side along the features."""
    x = k.Input((5, 3))
    h = k.layers.Masking()(x)
    both = k.layers.Concatenate()([h, k.layers.Dense(2)(h)])
    return k.Model(x, k.layers.Dense(2)(both)), STEPS, TARGETS


def normalized(k):
    """Masked steps have no part in a batch's statistics."""
    x = k.Input((5, 3))
    h = k.layers.BatchNormalization(momentum=0.5)(k.layers.Masking()(x))
    h = k.layers.BatchNormalization(axis=1, scale=False)(k.layers.Dense(4, activation="tanh")(h))
    return k.Model(x, k.layers.Dense(2)(h)), STEPS, TARGETS


def scaled(k):
    """A mask goes through numbers scaled, and ends at an RMS normalization."""
    x = k.Input((5, 3))
    h = k.layers.Rescaling(0.5, 0.1)(k.layers.Masking()(x))
    ends = k.layers.LSTM(2)(k.layers.RMSNormalization()(h))
    return k.Model(x, k.layers.Dense(2)(k.layers.Add()([h, k.layers.RepeatVector(5)(k.layers.Dense(3)(ends))]))), STEPS, TARGETS


def merged(name):
    """A masked input with one that has no mask, and with another that is masked elsewhere, in either order."""

    def build(k):
        x, other = k.Input((5, 3)), k.Input((5, 3))
        a, b, plain = k.layers.Masking()(x), k.layers.Masking()(other), k.layers.Dense(3)(x)
        layer = getattr(k.layers, name)()
        pairs = [k.layers.Flatten()(layer(pair)) for pair in ([a, plain], [plain, a], [a, b], [b, a, b])]
        mean = k.layers.GlobalAveragePooling1D()(k.layers.Concatenate()([a, b]))
        h = k.layers.Concatenate()([*pairs, k.layers.GlobalAveragePooling1D()(k.layers.Concatenate()([plain, a])), mean])
        return k.Model([x, other], k.layers.Dense(2)(h)), [FILLED, SOMEWHERE], TARGETS[:, 0]

    return build


def translated(k):
    """Words with a mask, and the states of one layer as the first of another."""
    given, said = k.Input((4,), name="given"), k.Input((4,), name="said")
    embed = k.layers.Embedding(6, 3, mask_zero=True)
    _, h, c = k.layers.LSTM(4, return_state=True)(embed(given))
    out = k.layers.LSTM(4, return_sequences=True)(embed(said), initial_state=[h, c])
    return k.Model([given, said], k.layers.Dense(4, activation="softmax")(out)), [WORDS, WORDS[::-1].copy()], CLASSES


CASES = {
    "masked": (masked, "mae", None), "joined": (joined, "mse", None),
    "normalized": (normalized, "mse", None), "scaled": (scaled, "mse", None),
    **{name: (merged(name), "mse", None) for name in ("Multiply", "Maximum", "Minimum")},
    "weights of steps": (masked, "mse", RNG.uniform(0, 2, (15, 5))), "translated": (translated, "sparse_categorical_crossentropy", None),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_twenty_steps(case, float64):
    build, loss, weights = CASES[case]
    metrics = {} if case == "translated" else {"metrics": ["mae"], "weighted_metrics": ["mse"]}
    ours, theirs, x, y = pair(build, loss=loss, **metrics)
    history = [model.fit(x, y, sample_weight=weights, **OPTIONS) for model in (ours, theirs)]
    losses = [h.history["loss"] for h in history]  # Keras's metrics lose the masks in fit, on JAX
    np.testing.assert_allclose(*losses, rtol=1e-5, atol=1e-6)
    assert_same_weights(ours, theirs, 1e-6)
    np.testing.assert_allclose(ours.evaluate(x, y), theirs.evaluate(x, y, verbose=0, batch_size=256), rtol=1e-5)


def test_the_loss_of_masked_steps_is_nothing(float64):
    """Whatever stands where the mask is 0."""
    results = []
    for value in (0.0, 7.0):
        ours, _, x, y = pair(masked, loss="mse")
        ours.set_weights([np.full(w.shape, 0.1) for w in ours.get_weights()])
        other = np.where((STEPS == 0).all(axis=-1, keepdims=True), value, y)
        results.append(ours.fit(x, other, **OPTIONS).history["loss"])
    np.testing.assert_allclose(*results, rtol=1e-12)
