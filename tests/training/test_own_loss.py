"""Losses that compile is not given: those that a class works out in `compute_loss`, and those that layers add."""

import numpy as np
import pytest

import gpunn
from gpunn import layers, losses, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5)).astype("float32")
Y = RNG.normal(size=(40, 2)).astype("float32")
WEIGHTS = RNG.random(40).astype("float32")


class Sums(gpunn.Model):
    """Mean squares, worked out here."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        self.seen = training
        return losses.MeanSquaredError()(y, y_pred, sample_weight)


def pair(kind, **compiled):
    models = []
    for cls, loss in ((kind, None), (gpunn.Model, "mse")):
        gpunn.utils.set_random_seed(1)
        x = layers.Input((5,))
        model = cls(x, layers.Dense(2)(layers.Dense(4, "tanh")(x)))
        model.compile(gpunn.optimizers.SGD(0.1), loss, **compiled)
        models.append(model)
    return models


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_compute_loss_of_a_class(device, weights):
    """It trains, measures and evaluates as the same loss given to compile does."""
    with gpunn.device(device):
        own, other = pair(Sums, metrics=["mae"])
        how = {"sample_weight": weights, "shuffle": False, "verbose": 0, "validation_data": (X[:9], Y[:9])}
        found, expected = (model.fit(X, Y, 16, 2, **how).history for model in (own, other))
        assert own.seen is False and found.keys() == expected.keys()
        for name in ("loss", "mae", "val_loss", "val_mae"):
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, err_msg=name)
        for a, b in zip(own.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(own.evaluate(X, Y, verbose=0), other.evaluate(X, Y, verbose=0), rtol=1e-5)


@pytest.mark.usefixtures("cpu")
def test_what_a_class_lists_as_metrics_is_in_the_logs():
    class Tracked(Sums):
        def __init__(self, *arguments, **named):
            super().__init__(*arguments, **named)
            self.tracker = gpunn.metrics.Mean(name="squares")

        @property
        def metrics(self):
            return [self.tracker]

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            loss = super().compute_loss(x, y, y_pred, sample_weight)
            self.tracker.update_state(loss)
            return loss

    own, _ = pair(Tracked)
    logs = own.fit(X, Y, 20, verbose=0).history
    np.testing.assert_allclose(logs["squares"], logs["loss"], rtol=1e-6)


@pytest.mark.usefixtures("cpu")
def test_the_loss_in_a_step_is_a_tensor_or_a_number_and_a_pair():
    """A tensor for outputs of a call, a number that unpacks into itself and its gradient for those of `forward`."""
    class Stepped(gpunn.Model):
        def test_step(self, data):
            x, y = data
            loss, pair = self.compute_loss(y=y, y_pred=self(x, training=False)), self.compute_loss(y=y, y_pred=self.forward(x)[0])
            value, gradient = pair
            assert value == pair == pytest.approx(float(loss), rel=1e-6) and gradient.shape == y.shape
            tracker = self.metrics[0]
            tracker.update_state(loss)
            return {"loss": tracker.result()}

    x = layers.Input((5,))
    model = Stepped(x, layers.Dense(2)(x))
    model.compile(loss="mse")
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(np.square(model.predict(X, verbose=0) - Y).mean(), rel=1e-5)


class Added(layers.Layer):
    """Adds the mean of the squares to the loss."""

    def call(self, x):
        self.add_loss(ops.mean(ops.square(x)))
        return x


@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_a_loss_that_layers_add_alone(device):
    with gpunn.device(device):
        gpunn.utils.set_random_seed(1)
        x = layers.Input((5,))
        model = gpunn.Model(x, Added()(layers.Dense(2)(x)))
        model.compile(gpunn.optimizers.SGD(0.1))
        other = gpunn.Sequential([layers.Input((5,)), layers.Dense(2)])
        other.compile(gpunn.optimizers.SGD(0.1), lambda y_true, y_pred: ops.mean(ops.square(y_pred), axis=-1))
        other.set_weights(model.get_weights())
        found, expected = (m.fit(X, y, 8, 3, shuffle=False, verbose=0).history["loss"] for m, y in ((model, None), (other, Y)))
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        assert model.explain(print_fn=len)
        assert model.evaluate(X, verbose=0) == pytest.approx(np.square(model.predict(X, verbose=0)).mean(), rel=1e-5)


@pytest.mark.usefixtures("cpu")
def test_no_loss_at_all():
    model = gpunn.Sequential([layers.Input((5,)), layers.Dense(2)])
    model.compile()
    before = model.get_weights()
    with pytest.raises(ValueError, match="No loss to compute"):
        model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    assert model.predict(X, verbose=0).shape == (40, 2)


# ---------------------------------------------------------------------- targets of another shape than the output
class Alike(losses.Loss):
    """Contrastive: rows of one label lie near one another. Labels go with embeddings of whatever width."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        rows = gpunn.utils.normalize(y_pred, axis=1)
        labels = ops.reshape(y_true, (-1, 1))
        same = ops.cast(ops.equal(labels, ops.transpose(labels)), "float32")
        same = same / ops.sum(same, 1, keepdims=True)
        return ops.mean(ops.categorical_crossentropy(same, ops.matmul(rows, ops.transpose(rows)), from_logits=True))


class Counted(gpunn.metrics.Metric):
    """How often the label is the largest output."""

    def __init__(self):
        super().__init__(name="counted")
        self.count = self.add_variable(shape=(), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        hits = ops.reshape(y_true, (-1,)) == ops.argmax(y_pred, axis=1)
        self.count.assign_add(ops.sum(ops.cast(hits, "float32")))

    def result(self):
        return self.count.value


LABELS = RNG.integers(0, 4, (40, 1))


@pytest.mark.parametrize("labels", [LABELS, LABELS[:, 0]])
@pytest.mark.usefixtures("cpu")
def test_a_loss_of_embeddings_and_labels(labels):
    gpunn.utils.set_random_seed(1)
    model = gpunn.Sequential([layers.Input((5,)), layers.Dense(6)])
    model.compile(gpunn.optimizers.SGD(0.5), Alike())
    before = model.predict(X, verbose=0)
    unit = before / np.linalg.norm(before, axis=1, keepdims=True)
    logits = unit @ unit.T
    same = LABELS == LABELS.T
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -(same / same.sum(1, keepdims=True) * logs).sum(1).mean()
    assert model.evaluate(X, labels, verbose=0) == pytest.approx(expected, rel=1e-5)
    found = model.fit(X, labels, 40, 3, verbose=0).history["loss"]
    assert found[0] == pytest.approx(expected, rel=1e-5) and found[2] < found[0]


@pytest.mark.parametrize("labels", [LABELS, LABELS[:, 0]])
@pytest.mark.usefixtures("cpu")
def test_a_metric_of_ones_own_gets_labels_as_they_come(labels):
    model = gpunn.Sequential([layers.Input((5,)), layers.Dense(4, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[Counted()])
    found = model.evaluate(X, labels, verbose=0, return_dict=True)["counted"]
    assert found == (model.predict(X, verbose=0).argmax(1) == LABELS[:, 0]).sum()


@pytest.mark.usefixtures("cpu")
def test_why_a_loss_was_not_traced_is_said():
    class Broken(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.sum(y_pred, axis=5)

    model = gpunn.Sequential([layers.Input((5,)), layers.Dense(4)])
    model.compile("sgd", Broken())
    with pytest.raises(ValueError, match=r"its call gives: .*5"):
        model.fit(X, LABELS, verbose=0)


# ---------------------------------------------------------------------- a train_step that makes its own targets
class Denoising(gpunn.Model):
    """Learns to give back what it is given, by the loss of compile."""

    def train_step(self, data):
        with gpunn.GradientTape() as tape:
            loss = self.loss(data, self(data * 0.5, training=True))
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        return {"loss": loss}

    def test_step(self, data):
        return {"loss": self.loss(data, self(data * 0.5, training=False))}


@pytest.mark.parametrize("metrics", [None, ["mae"]])
@pytest.mark.usefixtures("cpu")
def test_a_loss_but_no_targets(metrics):
    """DDIM compiles a loss for a train_step that is given images alone."""
    gpunn.utils.set_random_seed(1)
    x = layers.Input((5,))
    model = Denoising(x, layers.Dense(5)(x))
    model.compile(gpunn.optimizers.SGD(0.1), "mse", metrics=metrics)
    found = model.fit(X, batch_size=20, epochs=3, shuffle=False, verbose=0, validation_data=(X[:8], None)).history
    assert found["loss"][2] < found["loss"][0]
    expected = np.square(model.predict(X[:8] * 0.5, verbose=0) - X[:8]).mean()
    assert found["val_loss"][2] == pytest.approx(expected, rel=1e-5)
    other = gpunn.Sequential([layers.Input((5,)), layers.Dense(5)])
    other.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"expected targets\. Received: None"):
        other.fit(X, verbose=0)


@pytest.mark.usefixtures("cpu")
def test_batches_of_another_shape_than_the_models():
    """Pairs of rows, of which the step makes what the model takes."""

    class Pairs(gpunn.Model):
        def train_step(self, data):
            first, second = data[0], data[1]
            with gpunn.GradientTape() as tape:
                loss = ops.mean(ops.square(self(first) - self(second)))
            self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
            return {"loss": loss}

    x = layers.Input((5,))
    model = Pairs(x, layers.Dense(2)(x))
    model.compile(gpunn.optimizers.SGD(0.1))

    def batches():
        for _ in range(4):
            yield X.reshape(2, 20, 5)

    first, second = model.predict(X[:20], verbose=0), model.predict(X[20:], verbose=0)
    found = model.fit(batches(), steps_per_epoch=1, epochs=3, verbose=0).history["loss"]
    assert found[0] == pytest.approx(np.square(first - second).mean(), rel=1e-5) and found[2] < found[0]
    with pytest.raises(ValueError, match="expected shape"):
        model.predict(X.reshape(2, 20, 5), verbose=0)


@pytest.mark.usefixtures("cpu")
def test_labels_of_a_model_without_outputs():
    """The forward-forward network is compiled with a loss that nothing is measured by, and has no `call`."""

    class Layerwise(gpunn.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def train_step(self, data):
            x, labels = data
            assert labels.shape == (20,)
            with gpunn.GradientTape() as tape:
                loss = ops.mean(ops.square(self.dense(x)))
            self.optimizer.apply(tape.gradient(loss, self.dense.trainable_weights), self.dense.trainable_weights)
            return {"loss": loss}

    model = Layerwise()
    model.compile("sgd", "mse", metrics=["mae"])
    found = model.fit(X, LABELS[:, 0], batch_size=20, epochs=3, shuffle=False, verbose=0).history["loss"]
    assert found[2] < found[0]
