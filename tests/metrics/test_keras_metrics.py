"""Metrics used by themselves give Keras 3's numbers: over several updates, with weights, thresholds, vectors, sequences."""

import inspect

import numpy as np
import pytest
from keras_twin import compute_in, keras
from metric_cases import CASES, bits, classes, one_hot, reals, steps

import gpunn
from gpunn import metrics

pytestmark = pytest.mark.usefixtures("cpu", "float64")
EQUAL, ROUNDED = {"rtol": 1e-9, "atol": 1e-12}, {"rtol": 2e-6, "atol": 1e-6}  # intersections over unions are float32 in Keras
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _float64(float64):
    compute_in("float64")


NOT_WEIGHED = (  # Keras takes no weights of rows for sequences there
    "Precision", "Recall", "AUC", "MeanIoU", "CosineSimilarity", "PearsonCorrelation", "ConcordanceCorrelation",
)
RUNS = [(name, i) for name, cases in CASES.items() for i in range(len(cases))]


def pair(name, options):
    return tuple(getattr(module, name)(**options) for module in (metrics, keras.metrics))


@pytest.mark.one_in(2)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "i"), RUNS)
def test_updates(name, i, weighted):
    options, make = CASES[name][i]
    mine, theirs = pair(name, options)
    near = ROUNDED if "IoU" in name else EQUAL
    for seed in (0, 1):
        t, p = make(seed=seed)
        w = np.random.default_rng(seed).integers(0, 4, len(t)).astype("int64" if "IoU" in name else "float64") if weighted else None
        if weighted and ((np.ndim(p) > 2 and name in NOT_WEIGHED) or options.get("axis") == 0):
            return
        wide = w if w is None or np.ndim(p) < 3 else np.repeat(w[:, None], 3, axis=1)
        mine.update_state(t, p, w)
        theirs.update_state(t, p, wide)
        np.testing.assert_allclose(mine.result(), np.asarray(theirs.result()), **near)
        assert np.ndim(mine.result()) or isinstance(mine.result(), float)
    mine.reset_state()
    theirs.reset_state()
    np.testing.assert_allclose(mine(t, p), np.asarray(theirs(t, p)), **near)


OF_VECTORS = ["BinaryAccuracy", "Precision", "Recall", "AUC", "TruePositives", "MeanSquaredError", "BinaryCrossentropy", "Poisson"]
OF_VECTORS += ["RootMeanSquaredError"]
OF_EACH = {
    "AUC": {"multi_label": True}, "BinaryAccuracy": {}, "FalsePositives": {"thresholds": [0.3, 0.6]}, "Precision": {"top_k": 2},
    "PrecisionAtRecall": {"recall": 0.5}, "Recall": {}, "RootMeanSquaredError": {},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "BinaryIoU": {"threshold": 0.3},
}


@pytest.mark.parametrize("name", OF_VECTORS)
def test_vectors(name):
    t, p = (a[:, 0] for a in bits())
    mine, theirs = pair(name, {})
    for part in (slice(0, 17), slice(17, 60)):
        mine.update_state(t[part], p[part])
        theirs.update_state(t[part], p[part])
    np.testing.assert_allclose(mine.result(), np.asarray(theirs.result()), **EQUAL)


@pytest.mark.parametrize("name", OF_EACH)
def test_weights_of_each_number(name):
    rng = np.random.default_rng(3)
    mine, theirs = pair(name, OF_EACH[name])
    for shape in ((9, 3), (5, 3), (1, 3)):
        t, p, w = rng.integers(0, 2, shape).astype(float), rng.uniform(size=shape), rng.uniform(0, 2, shape)
        w = (3 * w).astype("int64") if "IoU" in name else w
        mine.update_state(t, p, w)
        theirs.update_state(t, p, w)
    weigh = gpunn.function(lambda t, p, w: mine.update_state(t, p, w))
    for _ in range(3):  # as it is written, recorded, replayed
        weigh(t, gpunn.ops.multiply(p, 1.0), w)
        theirs.update_state(t, p, w)
    np.testing.assert_allclose(mine.result(), np.asarray(theirs.result()), **(ROUNDED if "IoU" in name else EQUAL))


@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_values(name):
    mine, theirs = pair(name, {})
    values, weights = RNG.standard_normal((6, 3)), RNG.uniform(0, 2, (6, 3))
    pairs = [(3.0, None), (values[0], None), (values, None), (values, weights), (values, weights[:, 0]), (values[:, 0], weights[:, :1])]
    for v, w in pairs:
        mine.update_state(v, w)
        theirs.update_state(v, w)
        np.testing.assert_allclose(mine.result(), np.asarray(theirs.result()), **EQUAL)
    mine.reset_state()
    assert mine.result() == 0.0


def test_a_function_as_a_metric():
    def off(y_true, y_pred, power=1):
        return abs(y_true - y_pred) ** power

    def biggest(y_true, y_pred):
        return np.max(y_pred)

    t, p = reals()
    for fn, options in ((off, {}), (off, {"power": 2})):
        mine, theirs = (m.MeanMetricWrapper(fn, name="off", **options) for m in (metrics, keras.metrics))
        for weight in (None, np.arange(60.0)):
            mine.update_state(t, p, weight)
            theirs.update_state(t, p, weight)
            np.testing.assert_allclose(mine.result(), np.asarray(theirs.result()), **EQUAL)
    mine = metrics.MeanMetricWrapper(biggest)
    mine.update_state(t, p)
    mine.update_state(t[:7], p[:7] / 2)
    assert mine.result() == pytest.approx((p.max() + p[:7].max() / 2) / 2) and mine.name == "biggest"


FUNCTIONS = {
    "binary_accuracy": (bits, {"threshold": 0.4}), "categorical_accuracy": (one_hot, {}), "sparse_categorical_accuracy": (classes, {}),
    "top_k_categorical_accuracy": (one_hot, {"k": 2}), "sparse_top_k_categorical_accuracy": (classes, {"k": 2}),
    "mean_squared_error": (reals, {}), "hinge": (bits, {}), "huber": (reals, {"delta": 0.3}), "kl_divergence": (reals, {}),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    make, options = FUNCTIONS[name]
    for t, p in (make(), steps(make, 4)()):
        mine, theirs = (np.asarray(getattr(m, name)(t, p, **options)) for m in (metrics, keras.metrics))
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, **EQUAL)


def test_every_name_of_keras_is_known():
    from keras.src.metrics import ALL_OBJECTS_DICT

    needs = {"IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU", "SensitivityAtSpecificity", "SpecificityAtSensitivity", "PrecisionAtRecall",
        "RecallAtPrecision"}
    absent = {"Metric", "MeanMetricWrapper", "mean_metric_wrapper", "metric"}
    for name, cls in ALL_OBJECTS_DICT.items():
        if name in absent:
            continue
        if cls.__name__ in needs:
            with pytest.raises(ValueError, match="needs arguments: give an object"):
                metrics.get(name)
        else:
            assert isinstance(metrics.get(name), metrics.Metric), name
    for name in dir(keras.metrics):
        if not name.startswith("_") and name not in absent:
            assert hasattr(metrics, name), name


def test_signatures_and_defaults_are_keras():
    for cls in metrics.CLASSES:
        theirs = getattr(keras.metrics, cls.__name__, None)
        if theirs is None or issubclass(cls, metrics.LossMetric):
            continue
        mine, other = (inspect.signature(c.__init__).parameters for c in (cls, theirs))
        assert list(mine) == list(other), cls
        for name, parameter in other.items():
            if name not in ("name", "dtype", "self"):
                assert mine[name].default == parameter.default, (cls, name)


def test_names_as_keras_gives_them():
    keras.utils.clear_session()
    from gpunn.layers.names import reset_names

    reset_names()
    for name, cases in CASES.items():
        for _ in range(2):
            mine, theirs = pair(name, cases[0][0])
            assert mine.name == theirs.name


@pytest.mark.parametrize(("name", "i"), RUNS)
def test_configurations_make_equals(name, i):
    metric = getattr(metrics, name)(**CASES[name][i][0])
    again = metrics.deserialize(metrics.serialize(metric))
    assert type(again) is type(metric) and again.get_config() == metric.get_config()


def test_any_loss_is_a_metric():
    """F-MET-07."""
    from gpunn import losses

    t, p = bits(columns=3)
    for name in ("huber", "sse", "half_mse", "focal", "dice", "tversky", "mape"):
        loss = losses.get("binary_focal_crossentropy" if name == "focal" else name)
        metric = metrics.get("binary_focal_crossentropy" if name == "focal" else name)
        expected = loss(t, p) if name != "sse" else loss(t, p) / len(p)  # a metric is a mean
        assert metric(t, p) == pytest.approx(expected, rel=1e-6), name
    assert metrics.get(losses.Huber(delta=0.1)).name == "huber_loss"


WRONG = [
    (lambda: metrics.Precision(thresholds=1.5), r"Threshold values must be in \[0, 1\]. Received: \[1.5\]"),
    (lambda: metrics.AUC(curve="RC"), 'Invalid AUC curve value: "RC"'),
    (lambda: metrics.AUC(summation_method="x"), 'Invalid AUC summation method value: "x"'),
    (lambda: metrics.AUC(num_thresholds=1), "must be an integer > 1"),
    (lambda: metrics.AUC(num_labels=3), "`num_labels` is needed only when `multi_label` is True"),
    (lambda: metrics.AUC(multi_label=True, num_labels=2)(np.eye(3), np.eye(3)), "expected num_labels=2 columns. Received: 3"),
    (lambda: metrics.SensitivityAtSpecificity(1.1), r"`specificity` must be in the range \[0, 1\]. Received: specificity=1.1"),
    (lambda: metrics.F1Score(average="mean"), "Invalid `average` argument value"),
    (lambda: metrics.FBetaScore(beta=-1.0), "Invalid `beta` argument value"),
    (lambda: metrics.F1Score()([1.0, 0.0], [1.0, 0.0, 1.0]), "targets do not fit"),
    (lambda: metrics.R2Score(num_regressors=-1), "Expected a value >= 0"),
    (lambda: metrics.R2Score()(np.zeros((2, 3, 1)), np.zeros((2, 3, 1))), "R2Score expects 2D inputs"),
    (lambda: metrics.IoU(2, [2]), r"Target class id 2 is out of range, which is \[0, 2\)"),
    (lambda: metrics.TopKCategoricalAccuracy(0), "k must be an integer of at least 1. Received: k=0"),
    (lambda: metrics.Recall(class_id=3)(np.eye(3), np.eye(3)), "the output has 3 columns. Received: class_id=3"),
    (lambda: metrics.SparseCategoricalAccuracy()([3], [[0.1, 0.2, 0.7]]), "labels must be from 0 to 2"),
    (lambda: metrics.Precision()([0.0, 1.0], [0.5, 0.5, 0.5]), "as many targets as predictions are needed. Received: 2 and 3"),
    (lambda: metrics.MeanSquaredError()([[1.0]], [[2.0]], [1.0, 2.0]), r"sample_weight: expected shape \(1,\) or \(1,\). Received: \(2,\)"),
    (lambda: metrics.get("acuracy"), "Unknown metric: 'acuracy'. Expected one of: .*accuracy.*top_k_categorical_accuracy"),
]


@pytest.mark.parametrize("i", range(len(WRONG)))
def test_what_is_refused(i):
    make, message = WRONG[i]
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", list(CASES))
def test_the_comparison_sees_a_planted_error(name, monkeypatch):
    """A result off by a hundred-thousandth; weights left out."""
    cls = getattr(metrics, name)
    result = cls.result
    monkeypatch.setattr(cls, "result", lambda m: metrics.base.plain(result(m) + 2e-5 * (1 + np.abs(result(m)))))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        test_updates(name, 0, False)


@pytest.mark.parametrize("name", ["BinaryAccuracy", "Precision", "AUC", "F1Score", "R2Score", "MeanIoU", "Hinge", "PearsonCorrelation"])
def test_the_comparison_sees_weights_that_are_left_out(name, monkeypatch):
    from gpunn.losses import targets

    monkeypatch.setattr(targets, "spread", lambda weights, shape, where: np.ones(shape))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        test_updates(name, 0, True)


@pytest.mark.parametrize("shape", [(4, 1), (4, 2)])
def test_similarity_along_another_axis_is_weighed(shape):
    ours, theirs = (module.CosineSimilarity(axis=1) for module in (metrics, keras.metrics))
    y, p, weight = RNG.standard_normal((4, 3, 2)), RNG.standard_normal((4, 3, 2)), RNG.uniform(0.5, 1.5, shape)
    for metric in (ours, theirs):
        metric.update_state(y, p, sample_weight=weight)
    np.testing.assert_allclose(ours.result(), float(theirs.result()), **ROUNDED)


def test_similarity_along_another_axis_is_weighed_in_training():
    ours = gpunn.Sequential([gpunn.layers.Input((3, 2)), gpunn.layers.Dense(2)])
    ours.compile("sgd", "mse", weighted_metrics=[metrics.CosineSimilarity(axis=1)])
    x, y, weight = RNG.standard_normal((4, 3, 2)), RNG.standard_normal((4, 3, 2)), RNG.uniform(0.5, 1.5, 4)
    alone = metrics.CosineSimilarity(axis=1)
    alone.update_state(y, ours.predict(x), sample_weight=weight)
    assert ours.evaluate(x, y, sample_weight=weight, verbose=0)[1] == pytest.approx(float(alone.result()))
