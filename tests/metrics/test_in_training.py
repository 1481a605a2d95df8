"""Metrics in fit and evaluate: Keras's logs, summed on the device with one read an epoch; weighted ones; users' own; names; sim."""

import numpy as np
import pytest
from keras_twin import assert_same_history, keras, twins

import gpunn
from gpunn import callbacks, metrics
from gpunn.layers import Dense, Input, Reshape
from gpunn.models import Sequential, load_model

ROWS, BATCH = 75, 8
RNG = np.random.default_rng(0)
X = RNG.standard_normal((ROWS, 6))
LABELS = RNG.integers(0, 4, ROWS)
BITS = (X[:, :1] + RNG.standard_normal((ROWS, 1)) > 0).astype(float)
NUMBERS = RNG.standard_normal((ROWS, 4))
WEIGHTS = RNG.uniform(0, 2, ROWS)
NEAR = 1e-9
OPTIONS = {"batch_size": BATCH, "epochs": 2, "shuffle": False, "verbose": 0}

BINARY = [
    "accuracy", ("Precision", {}), ("Recall", {}), ("AUC", {}), ("AUC", {"curve": "PR", "name": "pr"}), ("TruePositives", {}),
    ("FalseNegatives", {"thresholds": 0.3}), ("F1Score", {"threshold": 0.5}), ("SensitivityAtSpecificity", {"specificity": 0.5}),
    ("BinaryIoU", {"dtype": "float32"}), "mse", "binary_crossentropy", "hinge", ("BinaryAccuracy", {"threshold": 0.3, "name": "low"}),
]
SPARSE = [
    "acc", ("SparseTopKCategoricalAccuracy", {"k": 2}), "sparse_categorical_crossentropy",
    ("MeanIoU", {"num_classes": 4, "sparse_y_pred": False, "dtype": "float32"}),
]
DENSE = [
    "accuracy", "categorical_accuracy", ("TopKCategoricalAccuracy", {"k": 2}), ("F1Score", {"average": "macro"}), "kl_divergence", "mae",
    ("Precision", {"top_k": 1}), ("Recall", {"class_id": 2}), ("AUC", {"multi_label": True, "num_labels": 4}), "cosine_similarity",
    ("OneHotMeanIoU", {"num_classes": 4, "dtype": "float32"}), "categorical_hinge", "poisson",
]
REAL = ["mse", ("RootMeanSquaredError", {}), "mae", "mape", "msle", ("R2Score", {}), "cosine_similarity", ("LogCoshError", {})]
MODELS = {  # (an intersection over union counts weights as whole numbers in Keras, unless its type is given)
    "binary": (1, "sigmoid", "binary_crossentropy", BITS, BINARY),
    "sparse": (4, "softmax", "sparse_categorical_crossentropy", LABELS, SPARSE),
    "dense": (4, "softmax", "categorical_crossentropy", np.eye(4)[LABELS], DENSE),
    "real": (4, None, "mse", NUMBERS, REAL),
}


def both(kind, weighted=False):
    """(ours, theirs), with metrics as asked for, weighted or not."""
    units, end, loss, _, asked = MODELS[kind]
    keras.utils.clear_session()
    gpunn.layers.names.reset_names()
    ours, theirs = twins([("Dense", {"units": 5, "activation": "tanh"}), ("Dense", {"units": units, "activation": end})], "sgd", loss)
    for module, model in ((gpunn, ours), (keras, theirs)):
        made = [m if isinstance(m, str) else getattr(module.metrics, m[0])(**m[1]) for m in asked]
        model.compile(model.optimizer if module is gpunn else "sgd", loss, **{"weighted_metrics" if weighted else "metrics": made})
    return ours, theirs


@pytest.mark.one_in(3)
@pytest.mark.usefixtures("float64", "cpu")
@pytest.mark.parametrize("weighted", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize("kind", [pytest.param(k, marks=pytest.mark.slow) if k == "dense" else k for k in MODELS])
def test_logs_are_keras(kind, weighted):
    y = MODELS[kind][3]
    ours, theirs = both(kind, weighted)
    options = OPTIONS | ({"sample_weight": WEIGHTS} if weighted else {})
    held = (X[:27], y[:27], WEIGHTS[:27]) if weighted else (X[:27], y[:27])  # a short batch of 3, as ROWS have one
    with np.errstate(all="ignore"):
        before = ours.backend.reads
        mine = ours.fit(X, y, validation_data=held, **options)
        assert ours.backend.reads - before == 4, "one read for each epoch and each validation"
    assert_same_history(mine, theirs.fit(X, y, validation_data=held, **options), NEAR)
    again, other = (m.evaluate(X, y, verbose=0, return_dict=True, batch_size=BATCH) for m in (ours, theirs))
    assert set(again) == set(other)
    for name, value in other.items():
        np.testing.assert_allclose(again[name], value, rtol=1e-5, atol=NEAR, err_msg=name)


@pytest.mark.usefixtures("float64", "cpu")
def test_metrics_and_weighted_metrics_side_by_side():
    """Names that meet: a second one is numbered, a weighted one says so."""
    asked = ["accuracy", "mse", "mse", ("Precision", {}), ("Precision", {})]
    models = []
    for module, model in zip((gpunn, keras), both("binary"), strict=True):
        made = [m if isinstance(m, str) else getattr(module.metrics, m[0])(name="p") for m in asked]
        model.compile("sgd", "binary_crossentropy", metrics=made, weighted_metrics=["accuracy", "mse", "mae"])
        models.append(model)
    ours, theirs = models
    mine, other = (m.fit(X, BITS, sample_weight=WEIGHTS, class_weight=None, **OPTIONS) for m in (ours, theirs))
    assert_same_history(mine, other, NEAR)
    assert ours.metrics_names[1:] == ["accuracy", "mse", "mse_1", "p", "p_1", "weighted_accuracy", "weighted_mse", "mae"]


@pytest.mark.usefixtures("float64", "cpu")
def test_class_weights_reach_weighted_metrics():
    ours, theirs = both("sparse", weighted=True)
    options = OPTIONS | {"class_weight": {0: 0.2, 3: 2.0}}
    assert_same_history(ours.fit(X, LABELS, **options), theirs.fit(X, LABELS, **options), NEAR)


@pytest.mark.usefixtures("float64", "cpu")
def test_accuracy_goes_by_the_targets():
    """With a loss that takes anything, labels make it sparse and rows of columns categorical."""
    for y, kind in ((LABELS, metrics.SparseCategoricalAccuracy), (np.eye(4)[LABELS], metrics.CategoricalAccuracy)):
        model = Sequential([Input((6,)), Dense(4, activation="softmax")])
        model.compile("sgd", lambda t, p: (np.zeros(len(p)), np.zeros_like(p)), ["accuracy"])
        accuracy = model.evaluate(X, y, verbose=0)[1]
        assert accuracy == np.mean(model.predict(X, verbose=0).argmax(axis=1) == LABELS) and type(model._setup.metrics[0]) is kind


@pytest.mark.usefixtures("float64", "cpu")
def test_sequences():
    x, y = RNG.standard_normal((ROWS, 6)), RNG.integers(0, 4, (ROWS, 3))
    layers = [("Reshape", {"target_shape": (3, 2)}), ("Dense", {"units": 4, "activation": "softmax"})]
    names = ["accuracy", "sparse_categorical_crossentropy", "sparse_top_k_categorical_accuracy"]
    for weights in (None, RNG.uniform(0, 2, (ROWS, 3))):
        models = twins(layers, "sgd", "sparse_categorical_crossentropy", names)
        for model in models:
            model.compile("sgd", "sparse_categorical_crossentropy", metrics=names, weighted_metrics=["sparse_categorical_accuracy"])
        mine, theirs = (m.fit(x, y, sample_weight=weights, **OPTIONS) for m in models)
        assert_same_history(mine, theirs, NEAR)


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("ignored", [99, -1, 0])
def test_labels_that_the_loss_ignores_count_as_any_other(ignored):
    """As in Keras: right where the output of this number is the largest."""
    y = LABELS.copy()
    y[::3] = ignored
    model = Sequential([Input((6,)), Dense(4, activation="softmax")])
    model.compile("sgd", gpunn.losses.SparseCategoricalCrossentropy(ignore_class=ignored), ["accuracy"])
    assert model.evaluate(X, y, verbose=0)[1] == pytest.approx(np.mean(model.predict(X, verbose=0).argmax(axis=1) == y))


@pytest.mark.usefixtures("cpu")
def test_a_metric_keeps_the_last_numbers_and_batches_can_be_looked_at():
    auc, seen = metrics.AUC(name="auc"), []

    class Look(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(logs["auc"])

    model = Sequential([Input((6,)), Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", [auc])
    history = model.fit(X, BITS, epochs=1, batch_size=25, callbacks=[Look()], verbose=0).history
    assert auc.result() == history["auc"][0] == seen[-1] and len(seen) == 3
    assert model.evaluate(X, BITS, verbose=0)[1] == auc.result()


class Biggest(metrics.Metric):
    """A user's own, as Keras users write them."""

    def __init__(self, name="biggest", **options):
        super().__init__(name=name, **options)
        self.top, self.weight = self.add_weight(name="top", initializer="zeros"), self.add_variable((2,), "zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.top.assign(max(float(self.top), float(np.max(y_pred))))
        self.weight.assign_add([len(y_true), 0.0 if sample_weight is None else np.sum(sample_weight)])

    def result(self):
        return float(self.top)


def error_of_rows(y_true, y_pred):
    return np.mean(np.abs(y_true - y_pred), axis=-1)


def mean_error(ops, y_true, y_pred):
    return metrics.MeanAbsoluteError().record(ops, y_true, y_pred)


mean_error.recordable = True


@pytest.mark.parametrize("own", [error_of_rows, mean_error, lambda t, p: np.abs(t - p)])
@pytest.mark.usefixtures("float64")
def test_a_users_function(own, either_cpu):
    model = Sequential([Input((6,)), Dense(4)])
    model.compile("sgd", "mse", ["mae", own], weighted_metrics=["mae", own])
    history = model.fit(X, NUMBERS, sample_weight=WEIGHTS, validation_split=0.2, verbose=0, batch_size=BATCH).history
    name = own.__name__.strip("<>")
    for prefix in ("", "val_"):
        assert history[f"{prefix}{name}"] == pytest.approx(history[f"{prefix}mae"], rel=1e-12)
        assert history[f"{prefix}weighted_{name}"] == pytest.approx(history[f"{prefix}weighted_mae"], rel=1e-12)
    text = model.explain(print_fn=str)
    assert (f"metric {name}: a function of NumPy arrays" in text) == (own is not mean_error) == ("Not recorded" in text)


@pytest.mark.usefixtures("cpu")
def test_a_users_class(tmp_path):
    model = Sequential([Input((6,)), Dense(4)])
    model.compile("sgd", "mse", [Biggest()], weighted_metrics=[Biggest("heavy")])
    history = model.fit(X, NUMBERS, sample_weight=WEIGHTS, epochs=2, verbose=0).history
    assert history["biggest"] == history["heavy"]
    heavy = model._setup.metrics[1]
    np.testing.assert_allclose(heavy.weight.numpy(), [ROWS, WEIGHTS.sum()], rtol=1e-6)
    model.evaluate(X, NUMBERS, verbose=0)
    assert float(heavy.top) == pytest.approx(model.predict(X, verbose=0).max(), rel=1e-6) and heavy.weight.numpy()[1] == 0
    model.save(tmp_path / "m.npz")
    again = load_model(tmp_path / "m.npz", custom_objects={"Biggest": Biggest})
    assert again.evaluate(X, NUMBERS, verbose=0) == pytest.approx(model.evaluate(X, NUMBERS, verbose=0))


@pytest.mark.usefixtures("cpu")
class Counted(metrics.Metric):
    """Counts rows; its result is the variable itself, its value, or an array of no axes, as users write it."""

    def __init__(self, kind):
        super().__init__(name=kind)
        self.rows = self.add_variable(shape=(), name="rows", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.rows.assign_add(len(np.asarray(y_true)))

    def result(self):
        return {"variable": self.rows, "value": self.rows.value, "array": np.array(self.rows.value)}[self.name]


def test_a_result_of_no_axes_is_a_number_in_the_logs():
    model = Sequential([Input((6,)), Dense(1)])
    model.compile("sgd", "mse", metrics=[Counted("variable"), Counted("value"), Counted("array")])
    history = model.fit(X, BITS, validation_data=(X[:5], BITS[:5]), epochs=2, verbose=0).history
    for kind in ("variable", "value", "array"):
        assert history[kind] == [ROWS, ROWS] and history[f"val_{kind}"] == [5, 5] and type(history[kind][0]) is float
    assert model.evaluate(X, BITS, verbose=0)[1:] == [ROWS] * 3 and "values=array(75.)" in repr(model.metrics[1].rows)


def test_saved_with_the_model(tmp_path):
    model = Sequential([Input((6,)), Dense(1, activation="sigmoid")])
    more = [metrics.AUC(curve="PR", name="pr"), metrics.Precision(thresholds=[0.2, 0.7], name="p"), metrics.F1Score(threshold=0.5)]
    asked = ["accuracy", "huber", *more]
    model.compile("sgd", gpunn.losses.BinaryFocalCrossentropy(gamma=1.0), asked, weighted_metrics=[metrics.Recall(name="r")])
    model.fit(X, BITS, verbose=0)
    model.save(tmp_path / "m.npz")
    again = load_model(tmp_path / "m.npz")
    assert again.metrics_names == model.metrics_names
    for a, b in zip(again.evaluate(X, BITS, verbose=0), model.evaluate(X, BITS, verbose=0), strict=True):
        np.testing.assert_allclose(a, b)


@pytest.mark.parametrize("kind", MODELS)
def test_on_a_device(kind, sim_with):
    """The CUDA text of every metric, recorded and replayed, counts what the CPU counts; and the same bits in any order of threads."""
    units, end, loss, y, asked = MODELS[kind]
    logs = {}
    for where, order in (("cpu", "forward"), ("sim", "forward"), ("sim", "shuffled")):
        sim_with(order=order)
        with gpunn.device(where):
            gpunn.utils.set_random_seed(5)
            model = Sequential([Input((6,)), Dense(5, activation="tanh"), Dense(units, activation=end)])
            made = [m if isinstance(m, str) else getattr(metrics, m[0])(**{"name": f"{m[0]}{i}", **m[1]}) for i, m in enumerate(asked)]
            model.compile("sgd", loss, made, weighted_metrics=[m for m in asked if isinstance(m, str)])
            before = model.backend.reads
            logs[where, order] = model.fit(X, y, sample_weight=WEIGHTS, epochs=2, batch_size=BATCH, verbose=0).history
            assert model.backend.reads - before == 2
    for name, values in logs["cpu", "forward"].items():
        np.testing.assert_allclose(logs["sim", "forward"][name], values, rtol=1e-4, atol=1e-5, err_msg=name)
        np.testing.assert_array_equal(logs["sim", "shuffled"][name], logs["sim", "forward"][name], err_msg=name)


@pytest.mark.usefixtures("cpu")
def test_what_compile_refuses():
    model = Sequential([Input((6,)), Dense(4)])
    for asked, message in (
        ([metrics.Mean()], "Expected one of targets and predictions"),
        (["iou"], "Unknown metric: 'iou'"), (["MeanIoU"], "needs arguments: give an object, MeanIoU"),
    ):
        with pytest.raises(ValueError, match=message):
            model.compile("sgd", "mse", asked)
    model.compile("sgd", "mse", [metrics.Recall()])
    with pytest.raises(ValueError, match=r"Metric recall.*: targets do not fit|Loss mean_squared_error: targets do not fit"):
        model.fit(X, LABELS, verbose=0)
    deep = Sequential([Input((6,)), Reshape((3, 2)), Dense(4)])
    deep.compile("sgd", "mse", [metrics.R2Score()])
    with pytest.raises(ValueError, match="R2Score expects 2D inputs"):
        deep.fit(X, np.zeros((ROWS, 3, 4)), verbose=0)
