"""A user's own train_step and test_step: as the built-in ones where they do the same, and what may be written in them."""

import numpy as np
import pytest
from kernel_targets import needs_gxx

import gpunn
from gpunn import layers as L
from gpunn.utils import unpack_x_y_sample_weight
from gpunn.utils.dataset import Dataset

rng = np.random.default_rng(0)
X = rng.standard_normal((50, 6)).astype(np.float32)
LABELS, WEIGHTS = X[:, :3].argmax(axis=1).astype(np.int32), rng.uniform(0.5, 2, 50).astype(np.float32)


class Plain(gpunn.Model):
    def __init__(self, **named):
        super().__init__(**named)
        self.first, self.drop = L.Dense(8, "relu", kernel_constraint="max_norm"), L.Dropout(0.2)
        self.last = L.Dense(3, "softmax", kernel_regularizer="l2")

    def call(self, x):
        return self.last(self.drop(self.first(x)))


class Handed(Plain):
    """The built-in steps, by super."""

    def train_step(self, data):
        return super().train_step(data)

    def test_step(self, data):
        return super().test_step(data)


class Written(Plain):
    """The same written out."""

    def train_step(self, data):
        x, y, weight = unpack_x_y_sample_weight(data)
        y_pred, backward = self.forward(x, training=True)
        _, gradient = self.compute_loss(x, y, y_pred, weight)
        backward(gradient)
        self.apply_gradients()
        return self.compute_metrics(x, y, y_pred, weight)


def compiled(kind, **options):
    gpunn.utils.set_random_seed(1)
    model = kind(name="own")
    model.compile(options.pop("optimizer", "adam"), "sparse_categorical_crossentropy", ["accuracy"], **options)
    return model


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", [Handed, Written])
def test_what_does_the_same_gives_the_same(kind, weighted, either_cpu):
    found = []
    for one in (Plain, kind):
        model = compiled(one, weighted_metrics=["accuracy"] if weighted else None)
        more = {"sample_weight": WEIGHTS} if weighted else {}
        history = model.fit(X, LABELS, epochs=3, batch_size=16, validation_data=(X, LABELS), verbose=0, **more).history
        found.append((history, model.get_weights(), model.evaluate(X, LABELS, verbose=0), model.train_on_batch(X, LABELS)))
    (history, weights, *numbers), (other, others, *more) = found
    if weighted:  # the logs are not: Keras's `loss` is over the number of rows, an own step's is what it makes it
        history.pop("loss"), other.pop("loss")
    for name in history:
        np.testing.assert_allclose(history[name], other[name], rtol=1e-5, err_msg=name)
    for a, b in zip(weights, others, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    for a, b in zip(numbers, more, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4)


@needs_gxx
def test_on_a_simulated_device():
    weights = []
    for device in ("cpu", "sim"):
        with gpunn.device(device):
            model = compiled(Written)
        model.fit(X, LABELS, epochs=2, batch_size=16, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


class Adversarial(Plain):
    """Learns a batch moved against it too: a second forward and backward pass adds to the gradients."""

    def __init__(self, **named):
        super().__init__(**named)
        self.moved = gpunn.metrics.Mean("moved")

    def train_step(self, data):
        x, y, _ = unpack_x_y_sample_weight(data)
        y_pred, backward = self.forward(x, training=False)
        loss, gradient = self.compute_loss(x, y, y_pred)
        towards = backward(gradient)
        away = x + 0.1 * np.sign(towards)
        other, backward = self.forward(away, training=False)
        worse, gradient = self.compute_loss(away, y, other)
        backward(gradient)
        self.apply_gradients()
        self.moved.update_state([worse - loss])
        return {"loss": loss, "moved": self.moved.result()}


def test_an_own_way_to_train(cpu):
    model = compiled(Adversarial)
    before = model.evaluate(X, LABELS, verbose=0)[0]
    history = model.fit(X, LABELS, epochs=20, batch_size=16, verbose=0).history
    assert set(history) == {"loss", "moved"} and model.evaluate(X, LABELS, verbose=0)[0] < before
    assert all(m > 0 for m in history["moved"]), "the gradient of the inputs leads uphill"
    assert model.moved.count == 4, "what is kept as an attribute begins anew in every epoch"
    assert model.train_on_batch(X[:8], LABELS[:8], return_dict=True).keys() == {"loss", "moved"}


def test_several_outputs(cpu):
    class Two(gpunn.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = L.Dense(2, name="a"), L.Dense(1, name="b")

        def call(self, x):
            return [self.a(x), self.b(x)]

    class Own(Two):
        def train_step(self, data):
            return super().train_step(data)

    weights = []
    for kind in (Two, Own):
        gpunn.utils.set_random_seed(2)
        model = kind()
        model.compile("sgd", ["mse", "mae"], loss_weights=[1.0, 0.5])
        model.fit(X, [X[:, :2], X[:, :1]], epochs=2, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_a_loss_that_is_not_finite_is_told(cpu):
    class Broken(Plain):
        def train_step(self, data):
            super().train_step(data)
            return {"loss": np.nan}

    with pytest.warns(RuntimeWarning, match="NaN or infinite at step 1 of epoch 1"):
        compiled(Broken).fit(X, LABELS, verbose=0)


class Nothing(Plain):
    def train_step(self, data):
        return None


class Regularized(Written):
    def __init__(self, **named):
        super().__init__(**named)
        self.last = L.Dense(3, "softmax", activity_regularizer="l2", name="last")


@pytest.mark.parametrize(("kind", "optimizer", "message"), [
    (Nothing, "adam", r"'own': train_step must return a dict of numbers by name, \{'loss': \.\.\.\}\. Received: None"),
    (Handed, gpunn.optimizers.Adam(loss_scale_factor=8.0), r"'own': with an own train_step losses are not scaled"),
    (Regularized, "adam", r"'own': by pullbacks a step gets no penalties of outputs.*Received: last"),
])
def test_errors(kind, optimizer, message, cpu):
    model = compiled(kind, optimizer=optimizer)
    model.build((None, 6))
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        model.fit(X, LABELS, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_data_in_three_parts():
    assert unpack_x_y_sample_weight((1, 2)) == (1, 2, None) and unpack_x_y_sample_weight(1) == (1, None, None)
    with pytest.raises(ValueError, match=r"Expected data as \(x, y\) or \(x, y, sample_weight\). Received: 4 parts"):
        unpack_x_y_sample_weight((1, 2, 3, 4))


class Alike(gpunn.Model):
    """Metric learning: three images a row, two of one kind, and nothing else."""

    def __init__(self):
        super().__init__()
        self.code = gpunn.Sequential([L.Input((4, 4, 1)), L.Flatten(), L.Dense(3)])

    def train_step(self, data):
        one, same, other = data if len(data) == 3 else data[0]  # of arrays in a list they are x, as in Keras
        with gpunn.GradientTape() as tape:
            codes = [self.code(v) for v in (one, same, other)]
            near, far = (gpunn.ops.sum(gpunn.ops.square(codes[0] - v), axis=-1) for v in codes[1:])
            loss = gpunn.ops.mean(gpunn.ops.maximum(near - far + 0.5, 0.0))
        weights = self.code.trainable_weights
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        return {"loss": loss}


@pytest.mark.usefixtures("cpu")
def test_batches_of_more_than_x_y_and_weights():
    """Three arrays that are alike in shape are x together, of a data set as of a list; weights are numbers of rows or positions."""
    images, weights = rng.standard_normal((3, 40, 4, 4, 1)).astype(np.float32), []
    for given in (Dataset.from_tensor_slices(tuple(images)).batch(8), list(images)):
        gpunn.utils.set_random_seed(1)
        model = Alike()
        model.compile("sgd")
        history = model.fit(given, epochs=4, batch_size=8 if isinstance(given, list) else None, shuffle=False, verbose=0).history
        assert history["loss"][-1] < history["loss"][0]
        weights.append(model.code.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
