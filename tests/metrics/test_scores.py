"""accuracy_score and confusion_matrix give scikit-learn's results; areas and R2 agree with it too."""

import numpy as np
import pytest

from gpunn import metrics

sklearn = pytest.importorskip("sklearn.metrics")
pytestmark = pytest.mark.usefixtures("cpu", "float64")
RNG = np.random.default_rng(0)
T, P, W = RNG.integers(0, 4, 50), RNG.integers(0, 4, 50), RNG.uniform(0, 2, 50)


@pytest.mark.parametrize("options", [{}, {"normalize": False}, {"sample_weight": W}, {"sample_weight": W, "normalize": False}])
def test_accuracy_score(options):
    assert metrics.accuracy_score(T, P, **options) == pytest.approx(sklearn.accuracy_score(T, P, **options), rel=1e-12)


def test_accuracy_score_of_columns_words_and_rows():
    y, pred = np.array([[0], [1], [1], [0]]), np.array([[0], [1], [0], [0]])
    assert metrics.accuracy_score(y, pred) == sklearn.accuracy_score(y, pred) == 0.75
    assert metrics.accuracy_score(y, (pred > 0.5).reshape(4)) == 0.75
    assert metrics.accuracy_score(["cat", "dog"], ["cat", "cat"]) == 0.5
    rows = RNG.integers(0, 2, (9, 2)), RNG.integers(0, 2, (9, 2))
    assert metrics.accuracy_score(*rows) == pytest.approx(sklearn.accuracy_score(*rows))
    with pytest.raises(ValueError, match="must have the same shape"):
        metrics.accuracy_score([0, 1], [0, 1, 1])


@pytest.mark.parametrize(
    "options",
    [
        {}, {"labels": [2, 0, 1]}, {"labels": [3, 1]}, {"sample_weight": W}, {"normalize": "true"}, {"normalize": "pred"},
        {"normalize": "all", "sample_weight": W}, {"labels": [0, 1, 2, 3, 9], "normalize": "true"},
    ],
)
def test_confusion_matrix(options):
    mine, theirs = (f(T, P, **options) for f in (metrics.confusion_matrix, sklearn.confusion_matrix))
    assert mine.dtype.kind == theirs.dtype.kind
    np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_confusion_matrix_of_words_and_what_it_refuses():
    np.testing.assert_array_equal(metrics.confusion_matrix(["b", "a", "b"], ["a", "a", "b"]), [[1, 0], [1, 1]])
    for options, message in (({"normalize": "rows"}, "normalize must be one of"), ({"labels": [8, 9]}, "At least one label specified")):
        with pytest.raises(ValueError, match=message):
            metrics.confusion_matrix(T, P, **options)


def test_the_metric_counts_what_the_function_counts():
    outputs = RNG.uniform(0, 1, (50, 4))
    for y in (T, np.eye(4)[T]):
        metric = metrics.ConfusionMatrix()
        metric.update_state(y[:20], outputs[:20])
        metric.update_state(y[20:], outputs[20:])
        np.testing.assert_array_equal(metric.result(), sklearn.confusion_matrix(T, outputs.argmax(axis=1)))
    bits, p = RNG.integers(0, 2, 50), RNG.uniform(0, 1, 50)
    np.testing.assert_array_equal(metrics.ConfusionMatrix(threshold=0.3)(bits, p), sklearn.confusion_matrix(bits, p >= 0.3))
    np.testing.assert_allclose(
        metrics.ConfusionMatrix()(T, outputs, W), sklearn.confusion_matrix(T, outputs.argmax(axis=1), sample_weight=W), rtol=1e-6
    )
    passed_over = metrics.ConfusionMatrix(num_classes=4, ignore_class=2)(T, outputs)
    expected = sklearn.confusion_matrix(T, outputs.argmax(axis=1))
    expected[2] = 0
    np.testing.assert_array_equal(passed_over, expected)


def test_against_scikit_learn():
    bits, p = RNG.integers(0, 2, 4000), None
    p = 1 / (1 + np.exp(-(bits - 0.5 + RNG.standard_normal(4000))))
    assert metrics.AUC(num_thresholds=2000)(bits, p) == pytest.approx(sklearn.roc_auc_score(bits, p), abs=1e-4)
    assert metrics.AUC(num_thresholds=2000, curve="PR")(bits, p) == pytest.approx(sklearn.average_precision_score(bits, p), abs=2e-3)
    assert metrics.Precision()(bits, p) == pytest.approx(sklearn.precision_score(bits, p > 0.5), rel=1e-9)
    assert metrics.Recall(thresholds=0.3)(bits, p) == pytest.approx(sklearn.recall_score(bits, p > 0.3), rel=1e-9)
    one_hot, outputs = np.eye(4)[T], RNG.uniform(0, 1, (50, 4))
    for average in ("micro", "macro", "weighted", None):
        np.testing.assert_allclose(
            metrics.F1Score(average=average)(one_hot, outputs), sklearn.f1_score(T, outputs.argmax(axis=1), average=average), atol=1e-6
        )
    y, guess = RNG.standard_normal((80, 3)), RNG.standard_normal((80, 3))
    assert metrics.R2Score()(y, guess) == pytest.approx(sklearn.r2_score(y, guess), rel=1e-9)
    assert metrics.MeanAbsoluteError()(y, guess) == pytest.approx(sklearn.mean_absolute_error(y, guess), rel=1e-9)
    for k in (1, 2, 3):
        assert metrics.SparseTopKCategoricalAccuracy(k)(T, outputs) == pytest.approx(sklearn.top_k_accuracy_score(T, outputs, k=k))


def test_scikit_learn_takes_what_predict_returns():
    from gpunn.layers import Dense, Input
    from gpunn.models import Sequential

    model = Sequential([Input((3,)), Dense(1, activation="sigmoid")])
    x, y = RNG.standard_normal((4, 3)), np.array([[0], [1], [1], [0]])
    pred = (model.predict(x, verbose=0) > 0.5).astype(int)
    assert metrics.accuracy_score(y, pred) == sklearn.accuracy_score(y, pred)
