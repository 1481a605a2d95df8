"""Layers that a `call` calls on arrays and on weights: they are part of the graph, and learn."""

import keras_twin
import numpy as np
import pytest

import gpunn
from gpunn import layers, ops

keras = keras_twin.keras
RNG = np.random.default_rng(0)
IDS = RNG.integers(0, 10, (16, 6))
X, Y = RNG.normal(size=(16, 4)).astype("float32"), RNG.normal(size=(16, 1)).astype("float32")
DEVICES = pytest.mark.parametrize("device", ["cpu", "sim"])


def placed(library):
    """Tokens and their places, as in every transformer."""

    class Placed(library.layers.Layer):
        def __init__(self):
            super().__init__()
            self.tokens, self.places = library.layers.Embedding(10, 4), library.layers.Embedding(6, 4)

        def build(self, input_shape):
            self.tokens.build(input_shape)
            self.places.build((None, 6))
            self.built = True

        def call(self, x):
            return self.tokens(x) + self.places(library.ops.expand_dims(library.ops.arange(0, 6, 1), axis=0))

    x = library.layers.Input((6,))
    y = library.layers.Dense(1)(library.layers.Flatten()(Placed()(x)))
    model = (library.Model if library is gpunn else keras.Model)(x, y)
    model.compile(library.optimizers.SGD(0.1), "mse")
    return model


@DEVICES
def test_an_embedding_of_places_learns_as_in_keras(device):
    with gpunn.device(device):
        keras_twin.compute_in("float32")
        ours, theirs = placed(gpunn), placed(keras)
        before = ours.get_weights()
        theirs.set_weights(before)
        for model in (ours, theirs):
            model.fit(IDS, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        assert all((a != b).any() for a, b in zip(before, ours.get_weights(), strict=True))
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(ours.predict(IDS, verbose=0), theirs.predict(IDS, verbose=0), rtol=1e-4, atol=1e-5)


class Tokens(layers.Layer):
    """A learned token by a layer, by a model within, and by a layer with a `call` of its own."""

    def __init__(self):
        super().__init__()
        self.dense, self.own = layers.Dense(4), Doubled()
        self.model = gpunn.Sequential([layers.Input((4,)), layers.Dense(4, "tanh")])

    def build(self, input_shape):
        self.token = self.add_weight(shape=(1, 4), initializer="ones")

    def call(self, x):
        return x * self.dense(self.token) + self.model(self.token) + self.own(np.full((1, 4), 3.0, "float32"))


class Doubled(layers.Layer):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)

    def call(self, x):
        return 2 * self.dense(x)


@DEVICES
def test_a_learned_token(device):
    with gpunn.device(device):
        model = gpunn.Sequential([layers.Input((4,)), Tokens()])
        model.compile(gpunn.optimizers.SGD(0.1), "mse")
        layer = model.layers[0]

        def parts():
            return [w.numpy().copy() for w in (layer.token, *layer.dense.weights, *layer.model.weights, *layer.own.dense.weights)]

        def told(token, kernel, bias, inner_kernel, inner_bias, own_kernel, own_bias):
            inner = np.tanh(token @ inner_kernel + inner_bias)
            return X * (token @ kernel + bias) + inner + 2 * (np.full((1, 4), 3.0) @ own_kernel + own_bias)

        before = parts()
        np.testing.assert_allclose(model.predict(X, verbose=0), told(*before), rtol=1e-4, atol=1e-5)
        model.fit(X, X, batch_size=16, verbose=0)
        after = parts()
        assert all((a != b).any() for a, b in zip(before, after, strict=True))
        slope = 2 * (told(*before) - X).sum(0) / X.size  # of what is added; the layer within doubles it
        np.testing.assert_allclose(after[-1], before[-1] - 0.1 * 2 * slope, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(model.predict(X, verbose=0), told(*after), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("cpu")
def test_layers_without_weights_give_arrays():
    class Fixed(layers.Layer):
        def __init__(self):
            super().__init__()
            self.flat = layers.Flatten()

        def call(self, x):
            shift = self.flat(np.ones((1, 2, 2), "float32"))
            assert isinstance(shift, np.ndarray)
            return x + shift

    np.testing.assert_array_equal(Fixed()(X), X + 1)
    assert ops.convert_to_numpy(gpunn.Sequential([layers.Input((4,)), Fixed()]).predict(X, verbose=0)).shape == X.shape
