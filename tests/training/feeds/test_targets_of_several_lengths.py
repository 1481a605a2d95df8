"""Batches whose rows and targets are as long as each batch's longest, beside Keras: losses, metrics, weights, masks."""

import numpy as np
import pytest

import gpunn
from gpunn import Input, Model, initializers, layers, losses, metrics, ops, utils
from gpunn.optimizers import SGD

keras = pytest.importorskip("keras_twin").keras
LENGTHS, EPOCHS = (4, 6, 5, 6, 3, 9, 4), 2


def batch(number, kind):
    rng = np.random.default_rng(number)
    steps, rows = LENGTHS[number % len(LENGTHS)], 8 if number % 3 else 5
    x = rng.integers(1, 7, (rows, steps)) * (np.arange(steps) < rng.integers(1, steps + 1, rows)[:, None])
    labels, weights = (x % 3).astype("int32"), rng.random((rows, steps)).astype("float32")
    return {
        "labels": (x, labels), "weighed": (x, labels, weights), "numbers": (x, labels[..., None] / 2), "columns": (x, labels / 2),
        "one_hot": (x, np.eye(3)[labels]), "two": (x, {"a": labels, "b": x[:, :1] / 7}),
    }[kind]


def batches(library, kind, first=0):
    class Batches(library.utils.PyDataset):
        def __len__(self):
            return len(LENGTHS)

        def __getitem__(self, number):
            return batch(first + number, kind)

    return Batches()


def network(library, head, masked):
    constant = library.initializers.Constant
    x = library.Input((None,), dtype="int32")
    h = library.layers.Embedding(7, 4, mask_zero=masked, embeddings_initializer=constant(0.1))(x)
    h = library.layers.GRU(3, return_sequences=True, kernel_initializer="ones", recurrent_initializer=constant(0.2))(h)
    rising = constant(np.tile([0.1, 0.2, 0.3], (3, 1)))
    number = library.layers.Dense(1, kernel_initializer="ones", name="b")
    classes = library.layers.Dense(3, "softmax", kernel_initializer=rising, name="a")
    outputs = {"number": lambda: number(h), "classes": lambda: classes(h)}
    outputs["two"] = lambda: [classes(h), number(library.layers.GlobalAveragePooling1D()(h))]
    return library.Model(x, outputs[head]())


class Ours:
    Input, Model, layers, initializers, utils, losses, metrics, ops = Input, Model, layers, initializers, utils, losses, metrics, ops


def own_loss(ops):
    def own(y, p):
        return ops.mean(ops.square(y - p) * ops.where(y > 0, 1.0, 0.5), axis=-1)

    return own


def own_metric(ops):
    def away(y, p):
        return ops.mean(ops.abs(y - p), axis=-1)

    return away


CASES = {  # what is in a batch, the network's end, loss and metrics
    "labels": ("labels", "classes", lambda k: "sparse_categorical_crossentropy", lambda k: ["accuracy"]),
    "weighed": ("weighed", "classes", lambda k: "sparse_categorical_crossentropy", lambda k: ["accuracy"]),
    "one_hot": ("one_hot", "classes", lambda k: "categorical_crossentropy", lambda k: [k.metrics.AUC(name="auc"), "accuracy"]),
    "numbers": ("numbers", "number", lambda k: "mse", lambda k: ["mae", k.metrics.RootMeanSquaredError(name="root")]),
    "columns": ("columns", "number", lambda k: "mse", lambda k: ["mae"]),
    "own": ("numbers", "number", lambda k: own_loss(k.ops), lambda k: [own_metric(k.ops)]),
    "sum": ("numbers", "number", lambda k: k.losses.Huber(reduction="sum"), lambda k: []),
    "two": ("two", "two", lambda k: {"a": "sparse_categorical_crossentropy", "b": "mse"}, lambda k: {"a": ["accuracy"], "b": ["mae"]}),
}


def history(library, optimizer, kind, masked=False, measured=True):
    made, head, loss, measures = CASES[kind]
    model = network(library, head, masked)
    weighted = ["accuracy"] if kind == "weighed" and not masked else []
    model.compile(optimizer, loss(library), metrics=measures(library) if measured else None, weighted_metrics=weighted)
    held = batches(library, made, 40)
    found = model.fit(batches(library, made), epochs=EPOCHS, shuffle=False, verbose=0, validation_data=held).history
    return found, model.get_weights()


def same(kind, **options):
    own, weights = history(Ours, SGD(0.05), kind, **options)
    theirs, wanted = history(keras, keras.optimizers.SGD(0.05), kind, **options)
    assert sorted(own) == sorted(theirs)
    for name in own:
        np.testing.assert_allclose(own[name], theirs[name], rtol=2e-4, err_msg=name)
    for a, b in zip(weights, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("kind", CASES)
def test_as_keras(cpu, kind):
    same(kind)


@pytest.mark.parametrize("kind", ["labels", "numbers", "own", "two"])
def test_masked_as_keras(cpu, kind):
    """But for the metrics in training, in which Keras on JAX counts masked steps."""
    same(kind, masked=True, measured=False)


def test_a_loop_of_ones_own(cpu):
    """A `train_step` gets each batch as it is, too."""

    class Own(gpunn.Model):
        def train_step(self, data):
            x, y = data
            with gpunn.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
            return {"loss": loss}

    plain = network(Ours, "number", False)
    own = Own(plain.input, plain.output)
    start = plain.get_weights()
    own.compile(SGD(0.05), "mse")
    own.fit(batches(Ours, "numbers"), epochs=EPOCHS, shuffle=False, verbose=0)
    found = own.get_weights()
    plain.set_weights(start)
    plain.compile(SGD(0.05), "mse")
    plain.fit(batches(Ours, "numbers"), epochs=EPOCHS, shuffle=False, verbose=0)
    for a, b in zip(found, plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_other_axes_are_refused(cpu):
    """Lengths may differ, numbers of axes not; and targets as long as the output."""

    class Odd(utils.PyDataset):
        def __init__(self, second):
            super().__init__()
            self.second = second

        def __len__(self):
            return 2

        def __getitem__(self, number):
            return self.second if number else batch(0, "numbers")

    x, y = batch(1, "numbers")
    for second, message in (
        ((x, y[:, :3]), r"batch 2 .*does not fit.*Expected shape \(None, 6, 1\)\. Received: \(8, 3, 1\)"),
        ((np.stack([x, x], axis=-1), y), "batch 2 .*does not fit.*expected shape"),
    ):
        model = network(Ours, "number", False)
        model.compile("sgd", "mse")
        with pytest.raises(ValueError, match=message):
            model.fit(Odd(second), shuffle=False, verbose=0)


def test_metrics_by_themselves():
    """Rows weigh alike however many steps they have."""
    rng = np.random.default_rng(0)
    for name in ("MeanAbsoluteError", "BinaryAccuracy", "RootMeanSquaredError", "CosineSimilarity", "Poisson"):
        own, theirs = getattr(metrics, name)(), getattr(keras.metrics, name)()
        for steps, weighed in ((4, False), (6, False), (5, True)):
            y, p = rng.integers(0, 2, (3, steps, 2)).astype("float32"), rng.random((3, steps, 2)).astype("float32")
            weight = rng.random((3, steps)).astype("float32") if weighed else None
            for metric in (own, theirs):
                metric.update_state(y, p, sample_weight=weight)
            assert float(own.result()) == pytest.approx(float(theirs.result()), rel=1e-5), (name, steps)


def test_validation_of_other_lengths_than_those_to_learn_from(cpu):
    """Which the model says it takes."""
    model = network(Ours, "number", False)
    model.compile("sgd", "mse")
    history = model.fit(*batch(0, "numbers"), validation_data=batch(1, "numbers"), verbose=0).history
    assert history["val_loss"][0] == pytest.approx(model.evaluate(*batch(1, "numbers"), verbose=0), rel=1e-6)
    assert losses.MeanSquaredError()(batch(1, "numbers")[1], model.predict(batch(1, "numbers")[0], verbose=0)) == pytest.approx(
        history["val_loss"][0], rel=1e-5
    )
