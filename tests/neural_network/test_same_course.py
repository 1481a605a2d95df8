"""With the same seed, training takes scikit-learn's course: the same stops, losses and weights, whatever the parameters.

The courses part where scikit-learn clips: its loss of a row whose probability is below 2e-16 is 36, ours goes on growing. A line search of
"lbfgs" tries such weights after some ten iterations, and too large a rate gets there: the cases here keep away from both.
"""

import numpy as np
import pytest
from sklearn import neural_network as theirs
from sklearn.datasets import load_digits, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning

from gpunn import neural_network as ours

pytestmark = [pytest.mark.usefixtures("cpu"), pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")]


def _digits():
    x, y = load_digits(return_X_y=True)
    return x[:300] / 16, y[:300]


X, Y = _digits()
MANY = make_multilabel_classification(200, 12, n_classes=4, random_state=0)
ONE = make_regression(200, 8, noise=1.0, random_state=0)
THREE = make_regression(200, 8, n_targets=3, noise=1.0, random_state=0)
COUNTS = np.random.RandomState(0).poisson(np.exp(ONE[0][:, 0] / 2))
WEIGHTS = np.where(np.arange(300) % 7, np.random.RandomState(1).uniform(0.1, 3, 300), 0)
C, R = "MLPClassifier", "MLPRegressor"
DATA = {
    "classes": (C, X, Y), "two classes": (C, X, Y > 4), "words": (C, X, np.array(["b", "a", "c"])[Y % 3]), "labels": (C, *MANY),
    "one target": (R, ONE[0], ONE[1] / 50), "three targets": (R, THREE[0], THREE[1] / 50), "counts": (R, ONE[0], COUNTS),
    "bytes": (C, (X * 16).astype(np.uint8), Y),
}
SMALL = {"hidden_layer_sizes": (9, 5), "alpha": 0.1}
FEW = {"lbfgs": {"max_iter": 5}}
RESTLESS = {"solver": "sgd", "learning_rate_init": 0.3, "n_iter_no_change": 2, "tol": 0.01, "max_iter": 60}
EARLY = {"early_stopping": True, "learning_rate_init": 0.02, "max_iter": 60, "validation_fraction": 0.2}
CASES = {
    **{f"{a}, {s}": ("classes", {"activation": a, "solver": s, **SMALL, **FEW.get(s, {})})
       for a in ("identity", "logistic", "tanh", "relu") for s in ("sgd", "adam", "lbfgs")},
    **{f"{data}, {s}": (data, {"solver": s, **SMALL, **FEW.get(s, {})})
       for data in ("two classes", "labels", "one target", "three targets") for s in ("sgd", "adam", "lbfgs")},
    "words": ("words", SMALL), "bytes": ("bytes", {}), "defaults": ("classes", {}),
    "no penalty": ("classes", {"alpha": 0}), "no hidden layer": ("two classes", {"hidden_layer_sizes": ()}),
    "a short last batch": ("classes", {"batch_size": 64}), "one row a batch": ("one target", {"batch_size": 1, "max_iter": 3}),
    "order kept": ("classes", {"shuffle": False, "batch_size": 32}),
    "invscaling": ("classes", {"learning_rate": "invscaling", "power_t": 0.3, **RESTLESS}),
    "adaptive": ("classes", {"learning_rate": "adaptive", **RESTLESS}), "constant": ("classes", RESTLESS),
    "no momentum": ("classes", {"solver": "sgd", "momentum": 0.0}),
    "plain momentum": ("classes", {"solver": "sgd", "nesterovs_momentum": False}),
    "other betas": ("classes", {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}),
    "early stopping, classes": ("classes", EARLY), "early stopping, two classes": ("two classes", EARLY),
    "early stopping, labels": ("labels", EARLY), "early stopping, targets": ("three targets", EARLY),
    "never enough": ("two classes", {"n_iter_no_change": np.inf, "tol": 1.0, "max_iter": 15}),
    "counts, adam": ("counts", {"loss": "poisson", **SMALL}), "counts, lbfgs": ("counts", {"loss": "poisson", "solver": "lbfgs", **SMALL}),
}  # fmt: skip


def pair(kind, options, seed=3):
    return [getattr(module, kind)(random_state=seed, **{"max_iter": 12, **options}) for module in (theirs, ours)]


def assert_same(a, b, x, rtol=1e-9):
    """Everything scikit-learn's has after a fit, ours has too, with the same value."""
    size = max(np.abs(w).max() for w in a.coefs_)
    for name in ("coefs_", "intercepts_"):
        for mine, other in zip(getattr(b, name), getattr(a, name), strict=True):
            assert mine.dtype == other.dtype and mine.shape == other.shape
            np.testing.assert_allclose(mine, other, rtol=rtol, atol=rtol * size)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(a, name) == getattr(b, name), name
    for name in ("loss_", "best_loss_", "best_validation_score_", "loss_curve_", "validation_scores_"):
        one, other = getattr(a, name, "none"), getattr(b, name, "none")
        assert (one is None) == (other is None) and isinstance(one, str) == isinstance(other, str), name
        if one is not None and not isinstance(one, str):
            np.testing.assert_allclose(other, one, rtol=rtol, err_msg=name)
    if hasattr(a, "classes_"):
        np.testing.assert_array_equal(a.classes_, b.classes_)
        np.testing.assert_array_equal(a.predict(x), b.predict(x))
        for name in ("predict_proba", "predict_log_proba"):
            np.testing.assert_allclose(getattr(b, name)(x), getattr(a, name)(x), rtol=10 * rtol, atol=rtol)
    else:
        np.testing.assert_allclose(b.predict(x), a.predict(x), rtol=10 * rtol, atol=rtol * np.abs(a.predict(x)).max())


@pytest.mark.parametrize("case", CASES)
def test_same_course(case):
    data, options = CASES[case]
    kind, x, y = DATA[data]
    a, b = (e.fit(x, y) for e in pair(kind, options))
    assert_same(a, b, x, 1e-7 if "lbfgs" in case else 1e-9)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("data", ["classes", "two classes", "three targets"])
def test_weights(solver, data):
    """A batch divides by its sum of weights, and so does its penalty."""
    kind, x, y = DATA[data]
    w = WEIGHTS[: len(x)]
    a, b = (e.fit(x, y, w) for e in pair(kind, {"solver": solver, "batch_size": 64, **SMALL, **FEW.get(solver, {})}))
    assert_same(a, b, x, 1e-7 if solver == "lbfgs" else 1e-9)


def test_weights_of_held_rows():
    a, b = (e.fit(X, Y, WEIGHTS) for e in pair(C, EARLY))
    assert_same(a, b, X)


@pytest.mark.parametrize("options", [{}, {"solver": "sgd"}, {"solver": "lbfgs"}], ids=str)
def test_warm_start(options):
    """Weights, the curve and the best loss go on; moments start afresh, as scikit-learn's do."""
    a, b = pair(C, {"warm_start": True, "max_iter": 4, **SMALL, **options})
    for _ in range(3):
        a.fit(X, Y)
        b.fit(X, Y)
    assert_same(a, b, X, 1e-7)


ADAPTIVE = {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.01, "n_iter_no_change": 1, "tol": 10.0}
STEPS = [{}, {"solver": "sgd", "learning_rate": "invscaling"}, ADAPTIVE]


@pytest.mark.parametrize("options", STEPS, ids=["adam", "invscaling", "adaptive"])
@pytest.mark.parametrize("data", ["classes", "labels", "one target"])
def test_partial_fit(data, options):
    kind, x, y = DATA[data]
    a, b = pair(kind, options)
    more = {"classes": np.unique(y) if y.ndim == 1 else np.arange(4)} if kind == C else {}
    for start in (0, 70, 140):
        for e in (a, b):
            e.partial_fit(x[start : start + 70], y[start : start + 70], **more)
    assert_same(a, b, x)


def test_partial_fit_goes_on_after_fit():
    a, b = pair(C, SMALL)
    for e in (a, b):
        e.fit(X, Y)
        e.partial_fit(X[:100], Y[:100])
    assert_same(a, b, X)


def test_float32():
    """Rows of float32 are computed with in float32; sums differ in the last digits."""
    x = X.astype(np.float32)
    a, b = (e.fit(x, Y) for e in pair(C, {}))
    assert b.coefs_[0].dtype == np.float32 and b.predict_proba(x).dtype == np.float32
    assert_same(a, b, x, 2e-4)


def test_a_random_state_object_is_drawn_from_as_theirs():
    rngs = [np.random.RandomState(5), np.random.RandomState(5)]
    a, b = (e.set_params(random_state=r).fit(X, Y) for e, r in zip(pair(C, {}), rngs, strict=True))
    assert_same(a, b, X)
    assert rngs[0].randint(2**31) == rngs[1].randint(2**31)


def test_verbose_prints_what_theirs_prints(capsys):
    for options in ({}, {"early_stopping": True}, {"learning_rate": "adaptive", **RESTLESS}):
        printed = []
        for e in pair(C, {"verbose": True, **options}):
            e.fit(X, Y)
            printed.append(capsys.readouterr().out)
        assert printed[0] == printed[1] and "Iteration 2, loss = " in printed[1]
