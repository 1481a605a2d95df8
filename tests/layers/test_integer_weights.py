"""Whole numbers as weights that do not learn, counters and tables: as Keras's in graphs and steps, and in files."""

import numpy as np
import pytest
from keras_twin import compute_in, keras

import gpunn
from gpunn import layers
from gpunn.models import load_model

X = np.random.default_rng(0).standard_normal((8, 4))
Y = np.ones((8, 1))


def counting(library):
    class Counting(library.layers.Layer):
        """Counts its train steps, and takes columns in the order of a table."""

        def build(self, input_shape):
            more = {"trainable": False, "dtype": np.int32 if library is gpunn else "int32"}
            self.steps = self.add_weight(name="steps", shape=(), initializer="zeros", **more)
            self.order = self.add_weight(name="order", shape=(4,), initializer="zeros", **more)

        def call(self, x, training=False):
            if training:
                self.steps.assign(self.steps + 1)
            return library.ops.take(x, self.order, axis=1) * library.ops.cast(self.order, x.dtype)

    return Counting


def made(library):
    of = library.layers
    model = library.Sequential([of.Input((4,)), of.Dense(4), counting(library)(), of.Dense(1)])
    model.compile(library.optimizers.SGD(0.001), "mse")
    model.layers[1].order.assign([2, 0, 3, 1])
    return model


def test_in_a_step(either_cpu, float64):
    compute_in("float64")
    ours, theirs = made(gpunn), made(keras)
    theirs.set_weights(ours.get_weights())
    for model in (ours, theirs):
        model.fit(X, Y, batch_size=2, epochs=3, shuffle=False, verbose=0)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-6)
    counted = ours.layers[1]
    assert counted.steps.numpy() == 12 and counted.steps.dtype == "int32" and ours.recordable
    np.testing.assert_array_equal(np.arange(4)[np.asarray(counted.order)], [2, 0, 3, 1])
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X, verbose=0), rtol=1e-6)


def test_on_a_device():
    with gpunn.device("sim"):
        model = made(gpunn)
        model.fit(X, Y, batch_size=2, verbose=0)
        assert model.layers[1].steps.numpy() == 4


@pytest.mark.usefixtures("cpu")
def test_at_once():
    layer = counting(gpunn)()
    layer.build((None, 4))
    layer.steps.assign_add(3)
    layer.order.assign([1.7, 0.0, 3.0, 2.0])  # as Keras has it, the part before the point
    np.testing.assert_array_equal(layer.order.numpy(), [1, 0, 3, 2])
    assert layer.steps.numpy() == 3 and layer.steps.numpy().dtype == np.int32
    with pytest.raises(ValueError, match=r"Cannot assign to .*steps: a step keeps whole numbers up to 8388608. Received: 33554432"):
        layer.steps.assign(2**25)
    assert layers.Layer().add_weight(shape=(2,), dtype="int32").dtype == "float32"  # what learns is a float


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("name", ["model.keras", "model.npz", "model.weights.h5", "model.safetensors"])
def test_in_files(name, tmp_path):
    model, path = made(gpunn), tmp_path / name
    model.fit(X, Y, verbose=0)
    if name in ("model.keras", "model.npz"):
        model.save(path)
        other = load_model(path, custom_objects={"Counting": type(model.layers[1])})
    else:
        model.save_weights(path)
        other = made(gpunn)
        other.load_weights(path)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
