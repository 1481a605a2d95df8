"""Loops by tape over layers of every kind give the weights that `fit` gives for the same batches."""

import numpy as np
import pytest

import gpunn
from gpunn import GradientTape, losses, ops, optimizers
from gpunn import layers as L

pytestmark = pytest.mark.usefixtures("cpu")
rng = np.random.default_rng(0)
SEQUENCES, IMAGES = rng.standard_normal((24, 5, 4)).astype(np.float32), rng.standard_normal((24, 6, 6, 2)).astype(np.float32)
TOKENS = rng.integers(0, 9, (24, 5)).astype(np.float32)
LABELS = rng.integers(0, 3, 24)


class Gated(L.Layer):
    """A user's layer: weights, a layer within, a loss of its own, another graph in training."""

    def __init__(self, **named):
        super().__init__(**named)
        self.inner = L.Dense(4, "tanh", kernel_regularizer="l2")

    def build(self, input_shape):
        self.inner.build(input_shape)
        self.scale = self.add_weight(name="scale", shape=(4,), initializer="ones")

    def call(self, x, training=None):
        y = self.inner(x) * self.scale
        self.add_loss(0.1 * ops.mean(y * y))
        return ops.relu(y) * 2.0 if training else ops.relu(y)


def residual():
    x = gpunn.Input((5, 4))
    y = L.MultiHeadAttention(2, 3, dropout=0.2)(x, x)
    y = L.LayerNormalization()(L.Add()([x, L.Dropout(0.2)(y)]))
    return gpunn.Model(x, L.Dense(3)(L.GlobalAveragePooling1D()(y)))


def nested():
    inner = gpunn.Sequential([gpunn.Input((5, 4)), L.Dense(6, "relu", activity_regularizer="l2"), L.Dropout(0.3)])
    x = gpunn.Input((5, 4))
    return gpunn.Model(x, L.Dense(3)(L.Flatten()(L.TimeDistributed(L.Dense(4))(inner(x)))))


KINDS = {
    "recurrent": (SEQUENCES, lambda: gpunn.Sequential([gpunn.Input((5, 4)), L.LSTM(6, dropout=0.3, recurrent_dropout=0.2), L.Dense(3)])),
    "both ways": (SEQUENCES, lambda: gpunn.Sequential([gpunn.Input((5, 4)), L.Bidirectional(L.GRU(3, dropout=0.3)), L.Dense(3)])),
    "masked": (TOKENS, lambda: gpunn.Sequential([gpunn.Input((5,)), L.Embedding(9, 4, mask_zero=True), L.LSTM(6), L.Dense(3)])),
    "images": (IMAGES, lambda: gpunn.Sequential([
        gpunn.Input((6, 6, 2)), L.Conv2D(4, 3, padding="same", use_bias=False), L.BatchNormalization(), L.ReLU(), L.MaxPooling2D(),
        L.SpatialDropout2D(0.3), L.Flatten(), L.Dense(3),
    ])),
    "attention": (SEQUENCES, residual),
    "nested": (SEQUENCES, nested),
    "own": (SEQUENCES, lambda: gpunn.Sequential([gpunn.Input((5, 4)), Gated(), L.Flatten(), L.Dense(3)])),
}


@pytest.mark.parametrize("kind", KINDS)
def test_as_fit(kind):
    x, make = KINDS[kind]
    loss_of = losses.SparseCategoricalCrossentropy(from_logits=True)
    found = []
    for taped in (False, True):
        gpunn.utils.set_random_seed(3)
        model, optimizer, values = make(), optimizers.Adam(0.01), []
        if taped:
            for _ in range(3):
                for at in (0, 8, 16):
                    with GradientTape() as tape:
                        loss = loss_of(LABELS[at : at + 8], model(x[at : at + 8], training=True)) + sum(model.losses)
                    optimizer.apply(tape.gradient(loss, model.trainable_weights), model.trainable_weights)
                    values.append(float(loss))
            values = np.reshape(values, (3, 3)).mean(axis=1)
        else:
            model.compile(optimizer, loss_of)
            values = model.fit(x, LABELS, batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"]
        found.append((values, model.get_weights()))
    (values, weights), (others, more) = found
    np.testing.assert_allclose(others, values, rtol=1e-4)
    for a, b in zip(weights, more, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_twice(kind):
    """A persistent tape gives the same gradients again: random masks too, and the values are those the loss was made of."""
    x, make = KINDS[kind]
    model = make()
    with GradientTape(persistent=True) as tape:
        loss = losses.SparseCategoricalCrossentropy(from_logits=True)(LABELS, model(x, training=True)) + sum(model.losses)
        value = float(loss)
        model(x, training=True)  # draws other numbers
    first = tape.gradient(loss, model.trainable_weights)
    again = tape.gradient(loss, model.trainable_weights)
    assert float(loss) == value
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
