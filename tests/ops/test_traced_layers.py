"""Layers that give `call`: traced, differentiated, recorded, saved; beside Keras's, which compute the same."""

import keras_twin
import numpy as np
import pytest

import gpunn
from gpunn import activations, layers, ops
from gpunn.models import Model, Sequential, load_model

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((40, 5)), RNG.standard_normal((40, 3))


def classes(library):
    """The same text for both libraries."""
    k, layer = library.ops, library.layers

    class MyDense(layer.Layer):
        def __init__(self, units, activation=None, **options):
            super().__init__(**options)
            self.units, self.activation = units, library.activations.get(activation)

        def build(self, input_shape):
            self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units), initializer="glorot_uniform")
            self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

        def call(self, inputs):
            return self.activation(k.matmul(inputs, self.kernel) + self.bias)

        def get_config(self):
            return {**super().get_config(), "units": self.units, "activation": library.activations.serialize(self.activation)}

    class Residual(layer.Layer):
        def __init__(self, units, **options):
            super().__init__(**options)
            self.units = units
            self.inner = [layer.Dense(units, activation="tanh") for _ in range(2)]
            self.scale = layer.LayerNormalization()

        def build(self, input_shape):
            self.gain = self.add_weight(shape=(self.units,), initializer="ones", name="gain")
            self.inner[0].build(input_shape)
            self.inner[1].build((None, self.units))
            self.scale.build(input_shape)

        def call(self, inputs, training=False):
            z = inputs
            for one in self.inner:
                z = one(z)
            return self.scale(inputs + 2.0 * z * self.gain) * (0.5 if training else 1.0)

    class Antirectifier(layer.Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1] * 2, 4), initializer="he_normal", name="kernel", trainable=True)

        def call(self, inputs):
            inputs = inputs - k.mean(inputs, axis=-1, keepdims=True)
            both = k.concatenate([k.relu(inputs), k.relu(-inputs)], axis=-1)
            return k.matmul(both / k.sqrt(k.sum(k.square(both), axis=-1, keepdims=True) + 1e-3), self.kernel)

    class Penalised(layer.Layer):
        def call(self, inputs):
            self.add_loss(0.01 * k.sum(k.square(inputs)))
            self.add_loss(0.1 * k.mean(k.abs(inputs)))
            return k.maximum(inputs, -1.0)

    class TwoInputs(layer.Layer):
        def build(self, input_shape):
            self.mix = self.add_weight(shape=(), initializer="ones", name="mix")

        def call(self, inputs):
            a, b = inputs
            return k.where(a > b, a, b) * self.mix + k.softmax(a) * b

    class Attention(layer.Layer):
        def __init__(self, width, **options):
            super().__init__(**options)
            self.query, self.key, self.value = (layer.Dense(width) for _ in range(3))

        def call(self, x):
            q, key, v = self.query(x), self.key(x), self.value(x)
            weights = k.softmax(k.einsum("bik,bjk->bij", q, key) / 2.0, axis=-1)
            return k.mean(k.matmul(weights, v), axis=1)

    return MyDense, Residual, Antirectifier, Penalised, TwoInputs, Attention


def stack(library, which):
    MyDense, Residual, Antirectifier, Penalised, TwoInputs, Attention = classes(library)
    layer = library.layers
    given = layer.Input((5,))
    if which == "dense":
        return library.Sequential([given, MyDense(4, "tanh"), MyDense(3)])
    if which == "residual":
        return library.Sequential([given, Residual(5), layer.Dense(3)])
    if which == "antirectifier":
        return library.Sequential([given, Antirectifier(), layer.Dense(3)])
    if which == "penalised":
        return library.Sequential([given, layer.Dense(4), Penalised(), layer.Dense(3)])
    if which == "attention":
        return library.Sequential([given, layer.Dense(12), layer.Reshape((4, 3)), Attention(6), layer.Dense(3)])
    out = layer.Dense(3)(TwoInputs()([layer.Dense(4)(given), layer.Dense(4)(given)]))
    return library.Model(given, out)


WHICH = ["dense", "residual", "antirectifier", "penalised", "two", "attention"]


@pytest.mark.parametrize("which", WHICH)
def test_trains_as_keras_does(which, float64):
    keras = keras_twin.keras
    keras_twin.compute_in("float64")
    ours, theirs = stack(gpunn, which), stack(keras, which)
    theirs.set_weights(ours.get_weights())
    histories = []
    for library, model in ((gpunn, ours), (keras, theirs)):
        model.compile(library.optimizers.SGD(0.05), "mse")
        histories.append(model.fit(X, Y, batch_size=20, epochs=2, shuffle=False, verbose=0).history["loss"])
    assert ours.recordable and "Nodes:" in ours.explain(print_fn=str)
    np.testing.assert_allclose(histories[0], histories[1], rtol=1e-6)
    keras_twin.assert_same_weights(ours, theirs)
    np.testing.assert_allclose(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-6, atol=1e-9)
    once = {"batch_size": 40, "verbose": 0}
    np.testing.assert_allclose(ours.evaluate(X, Y, **once), theirs.evaluate(X, Y, **once), rtol=1e-6)


@pytest.mark.parametrize("which", WHICH)
def test_on_a_device(which, float64, sim_with):
    sim_with()
    weights = []
    for where in ("cpu", "sim"):
        with gpunn.device(where):
            gpunn.utils.set_random_seed(1)
            model = stack(gpunn, which)
            model.compile(gpunn.optimizers.SGD(0.05), "mse")
            model.fit(X, Y, batch_size=20, epochs=1, shuffle=False, verbose=0)
            weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_alone_on_arrays(float64):
    MyDense, Residual, *_ = classes(gpunn)
    layer = MyDense(4, "tanh")
    y = layer(X)
    np.testing.assert_allclose(y, np.tanh(X @ layer.kernel.numpy()), rtol=1e-12)
    assert [w.shape for w in layer.get_weights()] == [(5, 4), (4,)] and layer.count_params() == 24
    residual = Residual(5)
    np.testing.assert_allclose(residual(X, training=True), 0.5 * residual(X), rtol=1e-12)
    assert len(residual.weights) == 1 + 4 + 2 and len(residual.trainable_weights) == 7
    residual.trainable = False
    assert residual.trainable_weights == [] and not residual.inner[0].trainable


def test_frozen_and_shared(float64):
    _, Residual, *_ = classes(gpunn)
    block, given = Residual(5), layers.Input((5,))
    model = Model(given, layers.Dense(3)(block(block(given))))
    assert model.count_params() == 5 + 2 * 30 + 10 + 18
    block.trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, Y, epochs=1, verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [False] * 7 + [True] * 2


@pytest.mark.parametrize("file", ["own.npz", "own.keras", "own.weights.h5"])
def test_saved_and_loaded(file, tmp_path, float64):
    MyDense, Residual, *_ = classes(gpunn)

    class Block(Residual):
        def get_config(self):
            return {**super().get_config(), "units": self.units}

    model = Sequential([layers.Input((5,)), MyDense(5, "tanh"), Block(5), MyDense(3)])
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=1, verbose=0)
    if "weights" in file:
        model.save_weights(tmp_path / file)
        again = Sequential([layers.Input((5,)), MyDense(5, "tanh"), Block(5), MyDense(3)])
        again.load_weights(tmp_path / file)
    else:
        model.save(tmp_path / file)
        again = load_model(tmp_path / file, custom_objects={"MyDense": MyDense, "Block": Block})
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-12)


def test_dropout_that_always_drops(float64):
    class MCDropout(layers.Dropout):
        def call(self, inputs):
            return super().call(inputs, training=True)

    model = Sequential([layers.Input((5,)), MCDropout(0.5), layers.Dense(2)])
    model.compile("sgd", "mse")
    assert model.recordable
    model.fit(X, Y[:, :2], epochs=1, verbose=0)
    held = Sequential([layers.Input((5,)), MCDropout(0.5)]).predict(np.ones((30, 5)), verbose=0)
    assert set(np.unique(held)) == {0.0, 2.0}


def test_a_users_model_computes_with_operations(float64):
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.first, self.last = layers.Dense(4), layers.Dense(3)

        def call(self, x, training=False):
            h = ops.tanh(self.first(x)) * (2.0 if training else 1.0)
            return self.last(h + ops.mean(h, axis=-1, keepdims=True))

    model = Own()
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=1, verbose=0)
    assert model.recordable and [layer.name for layer in model.layers] == [model.first.name, model.last.name]


def test_what_call_returns_must_be_symbolic():
    class Wrong(layers.Layer):
        def call(self, x):
            return np.zeros(3)

    with pytest.raises(TypeError, match=r"call must return symbolic tensors. Received: ndarray"):
        Wrong()(layers.Input((3,)))
    with pytest.raises(RuntimeError, match="add_loss is called within a layer's call"):
        layers.Dense(2).add_loss(1.0)
    assert activations.get("tanh") is activations.tanh
