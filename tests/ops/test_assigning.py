"""Weights that a layer's `call` sets, whenever it runs; variables of layers."""

import numpy as np
import pytest
from kernel_targets import needs_gxx

import gpunn
from gpunn import layers, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3)).astype("float32")
Y = RNG.normal(size=(24, 3)).astype("float32")
DEVICES = pytest.mark.parametrize("device", ["cpu", pytest.param("sim", marks=needs_gxx)])


class Summed(layers.Layer):
    """The sum of all rows so far."""

    def build(self, input_shape):
        self.total = self.add_weight(shape=(input_shape[-1],), initializer="zeros", trainable=False)

    def call(self, x):
        self.total.assign_add(ops.sum(x, axis=0))
        return self.total


@DEVICES
def test_a_sum_that_goes_on(device):
    with gpunn.device(device):
        layer = Summed()
        first, second = layer(X[:8]), layer(X[8:])
        np.testing.assert_allclose(first, X[:8].sum(0), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(second, X.sum(0), rtol=1e-5, atol=1e-5)
        with gpunn.GradientTape():
            third = layer(X)
        np.testing.assert_allclose(third, 2 * X.sum(0), rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(layer.get_weights()[0], third)


class Averaged(layers.Layer):
    """x less the moving mean of its batches, which training moves; a count of the steps."""

    def build(self, input_shape):
        self.mean = self.add_weight(shape=(input_shape[-1],), initializer="zeros", trainable=False)
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x, training=False):
        if training:
            self.mean.assign(0.5 * self.mean + 0.5 * ops.mean(x, axis=0))
            self.steps.assign_add(1.0)
        return x - self.mean


@DEVICES
def test_a_moving_mean(device):
    with gpunn.device(device):
        model = gpunn.Sequential([layers.Input((3,)), Averaged(), layers.Dense(3)])
        model.compile("sgd", "mse")
        model.fit(X, Y, 8, 2, shuffle=False, verbose=0)
        mean = np.zeros(3)
        for k in (0, 1, 2, 0, 1, 2):
            mean = 0.5 * mean + 0.5 * X[8 * k : 8 * k + 8].mean(0)
        found, steps, kernel, _ = model.get_weights()
        np.testing.assert_allclose(found, mean, rtol=1e-5)
        assert steps == 6
        bias = model.get_weights()[3]
        np.testing.assert_allclose(model.predict(X, verbose=0), (X - found) @ kernel + bias, rtol=1e-5, atol=1e-5)
        model.evaluate(X, Y, verbose=0)
        np.testing.assert_array_equal(model.get_weights()[0], found)


class Masked(layers.Layer):
    """PixelCNN's: the kernel of the convolution within is masked before every call."""

    def __init__(self, mask):
        super().__init__()
        self.mask, self.conv = mask, layers.Conv2D(2, 3, padding="same")

    def build(self, input_shape):
        self.conv.build(input_shape)

    def call(self, x):
        self.conv.kernel.assign(self.conv.kernel * self.mask)
        return self.conv(x)


@DEVICES
def test_a_kernel_that_is_masked_before_it_is_used(device):
    """As a constraint that masks it after every step."""
    mask, images = np.zeros((3, 3, 1, 2), "float32"), RNG.normal(size=(8, 4, 4, 1)).astype("float32")
    mask[:1], mask[1, 0] = 1, 1
    with gpunn.device(device):
        model = gpunn.Sequential([layers.Input((4, 4, 1)), Masked(mask), layers.Activation("tanh"), layers.Conv2D(1, 1)])
        other = gpunn.Sequential([
            layers.Input((4, 4, 1)), layers.Conv2D(2, 3, padding="same", activation="tanh", kernel_constraint=lambda w: w * mask),
            layers.Conv2D(1, 1),
        ])
        other.set_weights([w * mask if i == 0 else w for i, w in enumerate(model.get_weights())])
        for m in (model, other):
            m.compile(gpunn.optimizers.SGD(0.1), "mse")
            m.fit(images, images, 4, 3, shuffle=False, verbose=0)
        np.testing.assert_allclose(model.predict(images, verbose=0), other.predict(images, verbose=0), rtol=1e-5, atol=1e-6)
        assert not (model.get_weights()[0] * (1 - mask)).any()


class Twice(layers.Layer):
    """Reads its weight, sets it, and reads it again."""

    def build(self, input_shape):
        self.w = self.add_weight(shape=(3,), initializer="ones")

    def call(self, x):
        before = x * self.w
        self.w.assign(self.w * 2.0)
        return before + 10.0 * (x * self.w)


@DEVICES
def test_before_and_after(device):
    """Values are those of the moment; the gradient is the weight's, whatever it was set from."""
    with gpunn.device(device):
        layer = Twice()
        layer.build((None, 3))
        x = gpunn.Variable(X)
        with gpunn.GradientTape() as tape:
            y = layer(x)
            loss = ops.sum(y * Y)
        np.testing.assert_allclose(y, 21 * X, rtol=1e-5)
        by_w, by_x = tape.gradient(loss, [layer.w, x])
        np.testing.assert_allclose(by_w, 11 * (X * Y).sum(0), rtol=1e-4)
        np.testing.assert_allclose(by_x, 21 * Y, rtol=1e-5)
        np.testing.assert_array_equal(layer.w.numpy(), [2, 2, 2])
        np.testing.assert_allclose(layer(X), 42 * X, rtol=1e-5)


@pytest.mark.usefixtures("cpu")
def test_a_value_of_another_shape():
    class Wrong(Summed):
        def call(self, x):
            self.total.assign(x)
            return x

    with pytest.raises(ValueError, match=r"Cannot assign to .*: expected shape \(3,\)"):
        Wrong()(X)


class Codes(layers.Layer):
    """VQ-VAE's: a variable that is an attribute is a weight of the layer."""

    def __init__(self):
        super().__init__()
        self.codes = gpunn.Variable(np.ones((3, 2), "float32"), name="codes")
        self.calls = gpunn.Variable(0)

    def call(self, x):
        return x @ self.codes


@DEVICES
def test_a_variable_of_a_layer_learns(device):
    with gpunn.device(device):
        layer = Codes()
        assert [p.name for p in layer.trainable_weights] == [f"{layer.name}/codes"] and layer.weights == [layer.codes]
        x = layers.Input((3,))
        model = gpunn.Model(x, layer(x))
        model.compile(gpunn.optimizers.SGD(0.1), "mse")
        model.fit(X, Y[:, :2], 24, verbose=0)
        expected = 1 - 0.1 * X.T @ (X @ np.ones((3, 2)) - Y[:, :2]) / 24
        np.testing.assert_allclose(layer.codes.numpy(), expected, rtol=1e-5)
        layer.codes = layer.codes
        assert len(model.weights) == 1


# ---------------------------------------------------------------------- lengths that only the arrays tell


@DEVICES
def test_in_a_function_that_is_recorded(device):
    """A layer's assignment is done in each replay; a variable that the function itself counts up keeps it from being recorded."""
    with gpunn.device(device):
        layer, optimizer = Averaged(), gpunn.optimizers.SGD(0.0)
        dense = layers.Dense(1)
        model = gpunn.Sequential([layers.Input((3,)), layer, dense])
        counter = gpunn.Variable(0)

        @gpunn.function
        def step(x):
            with gpunn.GradientTape() as tape:
                loss = ops.mean(ops.square(model(x, training=True)))
            optimizer.apply(tape.gradient(loss, model.trainable_weights), model.trainable_weights)
            return loss

        @gpunn.function
        def counted(x):
            counter.assign_add(2)
            return ops.sum(x) * counter

        for _ in range(4):
            step(X)
            last = counted(X)
        assert layer.steps.numpy() == 4
        np.testing.assert_allclose(layer.mean.numpy(), X.mean(0) * (1 - 0.5**4), rtol=1e-5)
        assert int(counter) == 8 and float(last) == pytest.approx(8 * X.sum(), rel=1e-4)
