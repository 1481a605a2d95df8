"""What somebody who thinks in NumPy's arrays meets on the device: arrays come back where they came from."""

import numpy as np
import pytest

import gpunn
from gpunn import layers, models

pytestmark = pytest.mark.gpu
RNG = np.random.default_rng(5)
X = RNG.standard_normal((12, 6)).astype(np.float32)


class Scaled(layers.Layer):
    """A weight of no axes."""

    def build(self, input_shape):
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones")

    def call(self, x):
        return x * self.scale


def test_a_layer_called_on_arrays_of_the_host_gives_such_arrays(device):
    with gpunn.device(device.name):
        stack = [layers.Dense(4), layers.LayerNormalization(), Scaled(), layers.Dropout(0.5), layers.Reshape((2, 2)), layers.LSTM(3)]
        y = X
        for layer in stack:
            y = layer(y, training=True)
            assert type(y) is np.ndarray, layer
        both = layers.LSTM(3, return_state=True)(X.reshape(12, 2, 3))
        assert [type(part) for part in both] == [np.ndarray] * 3
        added = layers.Add()([X, X])
    assert y.shape == (12, 3) and np.isfinite(y).all()
    np.testing.assert_array_equal(added, X + X)


def test_arrays_of_the_device_stay_there(device):
    if device.name != "gpu":
        pytest.skip("the stand-in's arrays are NumPy's")
    import cupy

    with gpunn.device("gpu"):
        layer = layers.Dense(4, "tanh")
        for call in (layer, gpunn.activations.get("gelu")):
            there = call(cupy.asarray(X))
            assert isinstance(there, cupy.ndarray)
            np.testing.assert_array_equal(there.get(), call(X))  # read on the caller's stream
        steps, mask = X.reshape(12, 3, 2), np.arange(36).reshape(12, 3) % 4 < 3
        recurrent = layers.LSTM(3)
        there = recurrent(cupy.asarray(steps), mask=cupy.asarray(mask))
        np.testing.assert_array_equal(there.get(), recurrent(steps, mask=mask))


def test_masks_of_arrays_of_the_host(device):
    tokens = np.array([[0, 1, 2], [0, 0, 3]])
    with gpunn.device(device.name):
        np.testing.assert_array_equal(layers.Embedding(5, 3, mask_zero=True).compute_mask(tokens), tokens != 0)
        mask = layers.Masking().compute_mask(np.repeat(tokens[:, :, None], 2, axis=2).astype(np.float32))
    assert type(mask) is np.ndarray
    np.testing.assert_array_equal(mask, tokens != 0)


def test_weights_of_no_axes(device):
    gpunn.utils.set_random_seed(1)
    results = []
    for name in (device.name, "cpu"):
        with gpunn.device(name):
            model = models.Sequential([layers.Input((6,)), Scaled(), layers.Dense(2)])
            model.compile("sgd", "mse")
        model.set_weights([np.float32(3), np.full((6, 2), 0.1, np.float32), np.zeros(2, np.float32)])
        model.fit(X, X[:, :2], batch_size=5, epochs=2, shuffle=False, verbose=0)
        results.append(model.get_weights())
    assert results[0][0].shape == ()
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_step_as_it_is_written_sees_arrays_of_the_host(device):
    kinds = []

    class Own(gpunn.Model):
        def train_step(self, data):
            x, y = data
            kinds.append((type(x), type(y)))
            mixed = np.float32(0.5) * x + np.ones_like(x)  # arithmetic with what NumPy makes
            with gpunn.GradientTape() as tape:
                loss = gpunn.ops.mean(gpunn.ops.square(self(mixed, training=True) - y))
            self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
            return {"loss": loss}

    weights = []
    for name in (device.name, "cpu"):
        gpunn.utils.set_random_seed(2)
        with gpunn.device(name):
            inputs = layers.Input((6,))
            model = Own(inputs, layers.Dense(2)(inputs))
        model.compile("sgd", run_eagerly=True)
        model.fit(X, X[:, :2], batch_size=6, epochs=3, verbose=0)
        weights.append(model.get_weights())
    assert kinds == [(np.ndarray, np.ndarray)] * 12
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_step_by_pullbacks(device):
    class Own(gpunn.Model):
        def train_step(self, data):
            x, y, weight = gpunn.utils.unpack_x_y_sample_weight(data)
            y_pred, backward = self.forward(x, training=True)
            _, gradient = self.compute_loss(x, y, y_pred, weight)
            backward(gradient)
            self.apply_gradients()
            return self.compute_metrics(x, y, y_pred, weight)

    found = []
    for name in (device.name, "cpu"):
        gpunn.utils.set_random_seed(2)
        with gpunn.device(name):
            inputs = layers.Input((6,))
            model = Own(inputs, layers.Dense(3, "softmax")(inputs))
        model.compile("adam", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
        history = model.fit(X, np.arange(12) % 3, batch_size=5, epochs=3, sample_weight=np.linspace(0.5, 1, 12), verbose=0).history
        found.append([history["loss"], history["accuracy"], *model.get_weights()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_reading_what_is_on_the_host_does_not_let_go_of_copies_under_way(device):
    if device.name != "gpu":
        pytest.skip("the stand-in copies at once")
    there = device.asarray(np.arange(1000, dtype=np.float32))
    assert device._sent
    device.to_numpy(np.ones(3))
    assert device._sent
    np.testing.assert_array_equal(device.to_numpy(there), np.arange(1000))
    assert not device._sent


def test_functions_of_a_users_run_in_order_with_ours(device):
    """A Lambda computes with the device's arrays by their own library; regularizers and constraints of NumPy's arrays get those."""
    seen = []

    def penalty(w):
        seen.append(type(w).__module__.partition(".")[0])
        return 0.01 * float(np.square(w).sum()), np.multiply(w, np.float32(0.02))

    def largest_of_one(w):
        seen.append(type(w).__module__.partition(".")[0])
        return np.minimum(np.asarray(w), 1.0)

    found = []
    for name in (device.name, "cpu"):
        gpunn.utils.set_random_seed(6)
        with gpunn.device(name):
            model = models.Sequential([
                layers.Input((6,)), layers.Dense(5, kernel_regularizer=penalty, kernel_constraint=largest_of_one),
                layers.Lambda(lambda a: a * 2.0 + 1.0, backward=lambda dy, a: dy * 2.0), layers.Dense(2),
            ])  # fmt: skip
        model.compile("adam", "mse")
        history = model.fit(X, X[:, :2], batch_size=5, epochs=3, verbose=0).history["loss"]
        found.append([history, model.predict(X, verbose=0), *model.get_weights()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    assert set(seen) == {"numpy", "gpunn"}  # each is tried on a symbolic tensor first
