"""Weights that a class derived from Model adds by itself."""

import numpy as np
import pytest

from gpunn import Input, Model, layers, ops
from gpunn.utils import set_random_seed


class Own(Model):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(3)
        self.table = self.add_weight(name="table", shape=(3, 2), initializer="random_normal")
        self.offset = self.add_weight(name="offset", shape=(2,), initializer="zeros", trainable=False)

    def call(self, x):
        mixed = ops.matmul(self.hidden(x), ops.softmax(self.table))
        return mixed * ops.ones((ops.shape(x)[0], 1)) + ops.full([ops.shape(x)[0], 2], 0.5) + self.offset


X = np.random.default_rng(0).standard_normal((24, 4)).astype("float32")


def softmax(w):
    e = np.exp(w - w.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_they_learn(device):
    set_random_seed(1)
    model = Own().to(device)
    model.compile("sgd", "mse")
    before = model.predict(X, verbose=0)
    table, offset, kernel, bias = model.get_weights()
    np.testing.assert_allclose(before, (X @ kernel + bias) @ softmax(table) + 0.5 + offset, rtol=1e-5, atol=1e-6)
    model.fit(X, X[:, :2], batch_size=8, epochs=2, verbose=0)
    after = model.get_weights()
    assert not np.array_equal(after[0], table) and not np.array_equal(after[2], kernel)
    np.testing.assert_array_equal(after[1], offset)
    assert model.recordable and model.count_params() == 23 and len(model.trainable_weights) == 3


@pytest.mark.parametrize("name", ["m.weights.h5", "m.npz", "m.safetensors"])
def test_they_are_written_and_read(name, tmp_path, cpu):
    model, other = Own(), Own()
    for one in (model, other):
        one.build((None, 4))
    model.save_weights(tmp_path / name)
    other.load_weights(tmp_path / name)
    np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))


def test_within_another_model(cpu):
    x = Input((4,))
    own = Own()
    model = Model(x, layers.Dense(1)(own(x)))
    model.compile("sgd", "mse")
    before = own.get_weights()[0]
    model.fit(X, X[:, :1], epochs=1, verbose=0)
    assert model.count_params() == 26 and not np.array_equal(before, own.get_weights()[0])


def test_as_keras_reads_them(tmp_path, cpu):
    keras = pytest.importorskip("keras_twin").keras

    class Theirs(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = keras.layers.Dense(3)
            self.table = self.add_weight(name="table", shape=(3, 2), initializer="random_normal")
            self.offset = self.add_weight(name="offset", shape=(2,), initializer="zeros", trainable=False)

        def call(self, x):
            return keras.ops.matmul(self.hidden(x), keras.ops.softmax(self.table)) + 0.5 + self.offset

    ours, theirs = Own(), Theirs()
    ours.build((None, 4))
    theirs(X)
    ours.save_weights(tmp_path / "m.weights.h5")
    theirs.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(ours.predict(X, verbose=0), np.asarray(theirs(X)), rtol=1e-5, atol=1e-6)


def test_not_after_the_model_is_built(cpu):
    model = Own()
    model.build((None, 4))
    with pytest.raises(ValueError, match="before it is built"):
        model.add_weight(name="late", shape=(2,))


def test_a_build_of_the_users(cpu):
    class Wide(Model):
        def build(self, input_shape):
            self.wide = layers.Dense(input_shape[-1])

        def call(self, x):
            return self.wide(x)

    class Built(Wide):
        def build(self, input_shape):
            self.first = layers.Dense(2)
            super().build(input_shape)

        def call(self, x):
            return self.first(super().call(x))

    for kind, shape in ((Wide, (24, 4)), (Built, (24, 2))):
        model = kind()
        model.compile("sgd", "mse")
        model.fit(X, np.zeros(shape), verbose=0)
        assert model.predict(X, verbose=0).shape == shape and model.count_params() == (20 if kind is Wide else 30)
