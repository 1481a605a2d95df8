"""Losses that a `call` adds; layers of several tensors, and of images of any size."""

import numpy as np
import pytest
from kernel_targets import needs_gxx
from test_assigning import Averaged

import gpunn
from gpunn import layers, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3)).astype("float32")
Y = RNG.normal(size=(24, 3)).astype("float32")
DEVICES = pytest.mark.parametrize("device", ["cpu", pytest.param("sim", marks=needs_gxx)])


class Autoencoder(gpunn.Model):
    """Adds to the loss in its own `call`, in training more than otherwise; counts its calls."""

    def __init__(self):
        super().__init__()
        self.inside, self.out, self.count = layers.Dense(2), layers.Dense(3), Averaged()

    def call(self, x, training=False):
        z = self.inside(self.count(x, training=training))
        self.add_loss((2.0 if training else 1.0) * ops.mean(ops.square(z)))
        return self.out(z)


@DEVICES
def test_a_loss_that_a_models_call_adds(device):
    with gpunn.device(device):
        gpunn.utils.set_random_seed(1)
        model = Autoencoder()
        model.compile(gpunn.optimizers.SGD(0.0), "mse")
        found = model.fit(X, X, 24, verbose=0).history["loss"][0]
        kernel, bias = model.inside.get_weights()
        mean = 0.5 * X.mean(0)
        z = (X - mean) @ kernel + bias
        squares = np.square(model.predict(X, verbose=0) - X).mean()
        assert found == pytest.approx(squares + 2 * np.square(z).mean(), rel=1e-4)
        assert model.evaluate(X, X, verbose=0) == pytest.approx(squares + np.square(z).mean(), rel=1e-4)
        with gpunn.GradientTape():
            model(X)
            assert float(model.losses[0]) == pytest.approx(np.square(z).mean(), rel=1e-4)


@DEVICES
def test_what_a_layer_added_in_its_last_call(device):
    class Active(layers.Layer):
        def call(self, x):
            self.add_loss(0.5 * ops.sum(x))
            return x

    class Outer(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner, self.dense = Active(), layers.Dense(2, kernel_regularizer=gpunn.regularizers.L2(0.1))

        def call(self, x):
            return self.dense(self.inner(x))

    with gpunn.device(device):
        layer = Outer()
        assert layer.losses == []
        for x in (X, X + 1):
            layer(x)
            assert layer.losses == pytest.approx([0.1 * np.square(layer.get_weights()[0]).sum(), 0.5 * x.sum()], rel=1e-4)


class Larger(layers.Layer):
    """Blocks of channels as pixels, of images of any size."""

    def call(self, x):
        rows, height, width, channels = ops.shape(x)
        parts = ops.reshape(x, [rows, height, width, 2, 2, channels // 4])
        parts = ops.transpose(parts, [0, 1, 3, 2, 4, 5])
        return ops.reshape(parts, [rows, height * 2, 2 * width, channels // 4])


@DEVICES
def test_images_of_any_size_made_larger(device):
    """As UpSampling does it, of images whose four channels are alike; through a model, and its gradient."""
    with gpunn.device(device):
        x = layers.Input((None, None, 4))
        y = Larger()(x)
        assert y.shape == (None, None, None, 1)
        model = gpunn.Model(x, layers.Conv2D(1, 3, padding="same")(y))
        model.compile(gpunn.optimizers.SGD(0.1), "mse")
        other = gpunn.Sequential([layers.UpSampling2D(2), layers.Conv2D(1, 3, padding="same")])
        other.compile(gpunn.optimizers.SGD(0.1), "mse")
        for height, width in ((2, 3), (4, 3)):
            images = RNG.normal(size=(5, height, width, 1)).astype("float32")
            alike, truth = images.repeat(4, -1), RNG.normal(size=(5, 2 * height, 2 * width, 1)).astype("float32")
            if not other.built:
                other.build((None, height, width, 1))
            other.set_weights(model.get_weights())
            if (height, width) == (2, 3):
                np.testing.assert_allclose(model.predict(alike, verbose=0), other.predict(images, verbose=0), rtol=1e-5, atol=1e-6)
                found, expected = (m.fit(a, truth, 2, 2, shuffle=False, verbose=0).history for m, a in ((model, alike), (other, images)))
                np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-5)
            assert model.predict(alike, verbose=0).shape == truth.shape
        blocks = RNG.normal(size=(2, 2, 3, 8)).astype("float32")
        given = gpunn.Variable(blocks)
        with gpunn.GradientTape() as tape:
            large = Larger()(given)
            loss = ops.sum(large * large)
        np.testing.assert_allclose(tape.gradient(loss, given), 2 * blocks, rtol=1e-6)
        np.testing.assert_array_equal(np.asarray(large)[0, 1, 0], blocks[0, 0, 0, 4:6])


def test_a_length_that_nobody_told():
    x = layers.Input((None, 4))
    with pytest.raises(TypeError, match=r"worked out of gpunn\.ops\.shape"):
        ops.reshape(x, [ops.shape(x)[0], ops.sum(x), 4])


# ---------------------------------------------------------------------- calls of several tensors
class Given(layers.Layer):
    """Weights are arguments, as in a hypernetwork: they have no rows."""

    def call(self, x, w, b):
        return x @ w + b


@DEVICES
def test_a_layer_of_several_tensors_not_all_of_rows(device):
    with gpunn.device(device):
        w, b = RNG.normal(size=(3, 2)).astype("float32"), np.ones(2, "float32")
        layer = Given()
        np.testing.assert_allclose(layer(X, w, b), X @ w + b, rtol=1e-5, atol=1e-5)
        kernel = gpunn.Variable(w)
        with gpunn.GradientTape() as tape:
            loss = ops.sum(layer(X, kernel, b) * Y[:, :2])
        np.testing.assert_allclose(tape.gradient(loss, kernel), X.T @ Y[:, :2], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(layer(X[:5], w, b), X[:5] @ w + b, rtol=1e-5, atol=1e-5)


# ---------------------------------------------------------------------- a loss of a model made of tensors
@DEVICES
def test_a_loss_added_to_a_functional_model(device):
    """As a variational autoencoder of Keras 2 is written."""
    with gpunn.device(device):
        x = layers.Input((3,))
        z = layers.Dense(2)(x)
        y = layers.Dense(3)(z)
        model = gpunn.Model(x, y)
        model.add_loss(ops.mean(ops.square(z)))
        model.add_loss(2 * ops.mean(ops.abs(y)))
        model.compile(gpunn.optimizers.SGD(0.1))
        inner = gpunn.Model(x, z).predict(X, verbose=0)
        found = model.fit(X, batch_size=24, epochs=2, verbose=0).history["loss"]
        assert found[0] > found[1]
        expected = np.square(inner).mean() + 2 * np.abs(inner @ model.get_weights()[2] + 0).mean()
        fresh = gpunn.Model(x, [z, y])
        a, b = fresh.predict(X, verbose=0)
        assert model.evaluate(X, verbose=0) == pytest.approx(np.square(a).mean() + 2 * np.abs(b).mean(), rel=1e-4)
        assert found[0] == pytest.approx(expected, rel=0.2)
        model.compile("sgd", "mse")
        assert model.evaluate(X, Y, verbose=0) == pytest.approx(
            np.square(a).mean() + 2 * np.abs(b).mean() + np.square(b - Y).mean(), rel=1e-4
        )
    with pytest.raises(RuntimeError, match="within a layer's call"):
        model.add_loss(3.0)


@pytest.mark.usefixtures("cpu")
def test_what_a_model_added_can_be_asked_after_the_block():
    """VQ-VAE's metric of what its layer added is updated behind the tape's block; an evaluation's loss has it, too, as in Keras."""

    class Active(layers.Layer):
        def call(self, x):
            self.add_loss(ops.mean(ops.square(x)))
            return x

    class Stepped(gpunn.Model):
        def train_step(self, data):
            x, y = data
            with gpunn.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
            return {"loss": loss, "added": sum(self.losses)}

        def test_step(self, data):
            x, y = data
            return {"loss": self.compute_loss(y=y, y_pred=self(x))}

    x = layers.Input((3,))
    model = Stepped(x, Active()(layers.Dense(3)(x)))
    model.compile(gpunn.optimizers.SGD(0.0), "mse")
    found = model.fit(X, Y, batch_size=24, verbose=0).history
    predictions = model.predict(X, verbose=0)
    assert found["added"][0] == pytest.approx(np.square(predictions).mean(), rel=1e-5)
    squares = np.square(predictions - Y).mean()
    assert found["loss"][0] == pytest.approx(squares + found["added"][0], rel=1e-5)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(squares + found["added"][0], rel=1e-5)
