"""Weights that a layer's `call` sets, whenever it runs; losses that a model's own `call` adds."""

import numpy as np
import pytest

import gpunn
from gpunn import layers, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3)).astype("float32")
Y = RNG.normal(size=(24, 3)).astype("float32")
DEVICES = pytest.mark.parametrize("device", ["cpu", "sim"])


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
