"""Layers that are called on arrays, positions say, within the `call` of another one: their weights learn, as in Keras 3."""

import numpy as np
import pytest
from keras_twin import assert_same_weights, compute_in, keras

import gpunn
from gpunn.layers import Dense, Embedding, Layer

TOKENS = np.random.default_rng(0).integers(0, 9, (8, 5))
Y = np.random.default_rng(1).standard_normal((8, 2))


def model(lib):
    class Positions(lib.layers.Layer):
        def __init__(self):
            super().__init__()
            self.tokens, self.places = lib.layers.Embedding(9, 4), lib.layers.Embedding(5, 4)
            self.mixing = lib.Sequential([lib.layers.Dense(3, "tanh"), lib.layers.Dense(4)])

        def call(self, x):
            places = lib.ops.arange(0, lib.ops.shape(x)[-1], 1)
            return self.tokens(x) + self.places(places) + self.mixing(np.eye(5, 2))

    x = lib.layers.Input((5,))
    return lib.Model(x, lib.layers.Dense(2)(lib.layers.Flatten()(Positions()(x))))


def test_they_learn_as_in_keras(float64):
    compute_in("float64")
    ours, theirs = model(gpunn), model(keras)
    theirs.set_weights(ours.get_weights())
    before = ours.get_weights()
    for one in (ours, theirs):
        one.compile("sgd", "mse")
        one.fit(TOKENS, Y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    assert_same_weights(ours, theirs)
    assert all(not np.array_equal(a, b) for a, b in zip(before, ours.get_weights(), strict=True))


@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_weights_that_are_set_count(device):
    one, other = model(gpunn).to(device), model(gpunn).to(device)
    other.predict(TOKENS, verbose=0)
    other.set_weights(one.get_weights())
    np.testing.assert_array_equal(other.predict(TOKENS, verbose=0), one.predict(TOKENS, verbose=0))
    assert one.recordable


def test_in_a_tape(cpu):
    class Places(Layer):
        def __init__(self):
            super().__init__()
            self.places = Embedding(5, 4)

        def call(self, x):
            return x + self.places(np.arange(5))

    layer = Places()
    layer(np.zeros((2, 5, 4)))
    with gpunn.GradientTape() as tape:
        loss = gpunn.ops.sum(layer(np.zeros((2, 5, 4))))
    np.testing.assert_array_equal(tape.gradient(loss, layer.trainable_weights)[0], np.full((5, 4), 2))


def test_arrays_and_tensors_side_by_side(cpu):
    class Attends(Layer):
        def __init__(self):
            super().__init__()
            self.attention, self.last = gpunn.layers.MultiHeadAttention(1, 2), Dense(2)

        def call(self, x):
            return self.last(x) * self.attention(query=x, value=x, key=x)[..., :1] + self.last(np.ones((1, 3)))

    x = np.random.default_rng(0).standard_normal((4, 2, 3))
    layer = Attends()
    want = np.asarray(layer(x))
    given = gpunn.Input((2, 3))
    np.testing.assert_allclose(gpunn.Model(given, layer(given)).predict(x, verbose=0), want, rtol=1e-6)
