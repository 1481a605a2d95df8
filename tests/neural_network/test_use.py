"""The estimators where scikit-learn's tools use them, and what they do with odd input."""

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn import neural_network
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gpunn
from gpunn.neural_network import MLPClassifier, MLPRegressor

pytestmark = [pytest.mark.usefixtures("cpu"), pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")]
X, Y = (part[:400] for part in load_digits(return_X_y=True))


def small(kind=MLPClassifier, **options):
    return kind((16,), random_state=0, **{"max_iter": 20, "learning_rate_init": 0.01, **options})


def piped(kind):
    return make_pipeline(StandardScaler(), small(kind))


def test_pipeline_and_cross_validation():
    ours, theirs = (cross_val_score(piped(kind), X, Y, cv=3) for kind in (MLPClassifier, neural_network.MLPClassifier))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("jobs", [1, 2])
def test_grid_search_also_in_processes(jobs):
    """With two jobs the fits run in processes of joblib's; to scikit-learn's end in any case."""
    grid = {"mlpclassifier__alpha": [1e-4, 100.0], "mlpclassifier__solver": ["adam", "sgd"]}
    ours = GridSearchCV(piped(MLPClassifier), grid, cv=2, n_jobs=jobs).fit(X, Y)
    theirs = GridSearchCV(piped(neural_network.MLPClassifier), grid, cv=2).fit(X, Y)
    assert ours.best_params_ == theirs.best_params_
    np.testing.assert_allclose(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=1e-12)


def test_clone_has_parameters_and_nothing_learned():
    model = small(alpha=0.5).fit(X, Y)
    copy = clone(model)
    assert copy.get_params() == model.get_params() and not hasattr(copy, "coefs_")
    with pytest.raises(NotFittedError):
        copy.predict(X)


def test_a_pickled_estimator_goes_on_to_the_bit():
    one = small(solver="sgd").partial_fit(X[:200], Y[:200], classes=range(10))
    other = pickle.loads(pickle.dumps(one))
    for model in (one, other):
        model.partial_fit(X[200:], Y[200:])
    for a, b in zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        np.testing.assert_array_equal(a, b)
    assert all(isinstance(v, (np.ndarray, np.generic)) for v in one.coefs_)


def test_what_is_learned_is_plain_and_counts():
    """Weights that somebody has changed are what `predict` uses."""
    model = small().fit(X, Y)
    model.intercepts_[-1] = model.intercepts_[-1] + 1000.0 * (np.arange(10) == 3)
    assert (model.predict(X) == 3).all()


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_without_numba_and_on_the_sim(solver, either_cpu):
    """The same fit on NumPy alone, compiled, and through the GPU's code on the CPU."""
    fits = []
    for name in ("cpu", "sim"):
        with gpunn.device(name):
            fits.append(small(solver=solver, max_iter=3, batch_size=32).fit(X[:80] / 16, Y[:80], np.arange(80) % 3))
    assert fits[0].loss_ == pytest.approx(fits[1].loss_, rel=1e-9)
    np.testing.assert_allclose(fits[0].predict_proba(X / 16), fits[1].predict_proba(X / 16), rtol=1e-7)


@pytest.mark.parametrize("kind", [scipy.sparse.csr_array, scipy.sparse.csc_matrix])
def test_sparse_rows_are_made_dense(kind):
    np.testing.assert_array_equal(small().fit(kind(X), Y).predict_proba(kind(X)), small().fit(X, Y).predict_proba(X))


def test_bytes_are_numbers():
    """An image's bytes stay bytes in memory and give what their numbers give."""
    x = X.astype(np.uint8)
    np.testing.assert_allclose(small().fit(x, Y).predict_proba(x), small().fit(X, Y).predict_proba(X), rtol=1e-12)


def test_feature_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X[:, :3], columns=["a", "b", "c"])
    model = small().fit(frame, Y)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"] and model.n_features_in_ == 3
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.rename(columns={"a": "z"}))


def test_one_class_alone():
    model = small().fit(X, np.full(len(X), "all"))
    assert (model.predict(X) == "all").all() and model.classes_.tolist() == ["all"]


def test_early_stopping_keeps_the_best_over_warm_starts():
    """(scikit-learn's weights go on changing under those it has kept.)"""
    model = small(early_stopping=True, warm_start=True, max_iter=30).fit(X, Y)
    kept = [c.copy() for c in model.coefs_]
    model.set_params(learning_rate_init=1e-12, max_iter=2).fit(X, Y)
    assert len(model.validation_scores_) > 2
    for a, b in zip(kept, model.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_interrupted(monkeypatch):
    """Ctrl-C ends the training; what was learned so far is kept."""
    from gpunn.neural_network.network import Epochs

    run = Epochs.run

    def interrupted(self, order=None):
        interrupted.left -= 1
        if interrupted.left < 0:
            raise KeyboardInterrupt
        return run(self, order)

    interrupted.left = 3
    monkeypatch.setattr(Epochs, "run", interrupted)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = small().fit(X, Y)
    assert model.n_iter_ == 3 and len(model.loss_curve_) == 3 and model.predict(X).shape == Y.shape


BAD = [
    ({"activation": "swish"}, "activation of MLPClassifier: expected one of 'identity', 'logistic', 'tanh', 'relu'. Received: .*'swish'"),
    ({"solver": "rmsprop"}, "solver of MLPClassifier: expected one of 'lbfgs', 'sgd', 'adam'"),
    ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes of MLPClassifier: expected a positive integer or a sequence of them"),
    ({"hidden_layer_sizes": "10"}, "hidden_layer_sizes"), ({"alpha": -1}, "alpha.*a number of at least 0. Received: alpha=-1"),
    ({"batch_size": 0}, "batch_size.*one of 'auto' or an integer of at least 1"),
    ({"learning_rate_init": 0}, "learning_rate_init.*above 0"),
    ({"momentum": 1.5}, "momentum.*at most 1"), ({"beta_1": 1.0}, "beta_1.*below 1"), ({"max_iter": 2.5}, "max_iter.*an integer"),
    ({"random_state": "x"}, "random_state"), ({"shuffle": "yes"}, "shuffle.*True or False"), ({"n_iter_no_change": 0}, "n_iter_no_change"),
    ({"validation_fraction": 1.0}, "validation_fraction"), ({"tol": float("nan")}, "tol"), ({"learning_rate": "cyclic"}, "learning_rate"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), BAD, ids=[str(b[0]) for b in BAD])
def test_bad_parameters(options, message):
    with pytest.raises(ValueError, match=message):
        small().set_params(**options).fit(X, Y)


def test_bad_input_leaves_a_fitted_estimator_as_it_was():
    model = small().fit(X, Y)
    before = model.predict_proba(X)
    w = np.ones(len(X))
    state = dict(vars(model))
    for arguments, message in (
        ((X[:, :5], Y % 3, w[:-1]), r"sample_weight of MLPClassifier: expected shape \(400,\)"),
        ((X[:, :5], Y[:-1]), "inconsistent numbers of samples"),
        ((X, Y, w[:-1]), r"sample_weight of MLPClassifier: expected shape \(400,\)"),
        ((X, Y, w * np.nan), "sample_weight.*finite"), ((X, Y, 0 * w), "sample_weight.*at least one weight that is not zero"),
        ((X, np.stack([Y, Y % 3], axis=1)), "y of MLPClassifier: expected one class a row"), ((np.full_like(X, np.inf), Y), "infinity"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            model.fit(*arguments)
        assert vars(model) == state
        np.testing.assert_array_equal(model.predict_proba(X), before)


def test_refusals():
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        small().partial_fit(X, Y)
    with pytest.raises(ValueError, match="not the same as on last call to partial_fit"):
        small().partial_fit(X, Y, classes=range(10)).partial_fit(X, Y, classes=range(9))
    with pytest.raises(ValueError, match=r"has classes not in `self.classes_`: \[9\]"):
        small().partial_fit(X[Y < 9], Y[Y < 9], classes=range(9)).partial_fit(X, Y)
    with pytest.raises(ValueError, match="does not support early_stopping"):
        small(early_stopping=True).partial_fit(X, Y, classes=range(10))
    with pytest.raises(ValueError, match="validation set is too small"):
        small(early_stopping=True, validation_fraction=0.001).fit(X, Y)
    with pytest.raises(ValueError, match="the same classes as in the previous call to fit"):
        small(warm_start=True).fit(X, Y).fit(X, Y % 3)
    with pytest.raises(ValueError, match=r"warm_start.*hidden_layer_sizes.*\[64, 16, 10\].*\[64, 8, 10\]"):
        small(warm_start=True).fit(X, Y).set_params(hidden_layer_sizes=(8,)).fit(X, Y)
    with pytest.raises(ValueError, match="weights that are not finite"):
        MLPRegressor(solver="sgd", learning_rate_init=1e6, max_iter=5).fit(X, Y)
    with pytest.raises(ValueError, match=r"at least 0\. Received: -1"):
        MLPRegressor(loss="poisson").fit(X, np.r_[-1.0, Y[1:]])
    assert not hasattr(MLPClassifier(solver="lbfgs"), "partial_fit") and hasattr(MLPClassifier(), "partial_fit")


def test_a_batch_larger_than_the_data_is_clipped():
    with pytest.warns(UserWarning, match="batch_size=500 is larger than the 400 rows"):
        small(batch_size=500, max_iter=1).fit(X, Y)


@pytest.mark.filterwarnings("default")
def test_an_end_without_convergence_is_told():
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(2\) reached"):
        small(max_iter=2).fit(X, Y)
    with pytest.warns(ConvergenceWarning, match="lbfgs stopped after 2 iterations.*increase max_iter"):
        small(max_iter=2, solver="lbfgs").fit(X, Y)


@pytest.mark.filterwarnings("error")
def test_its_warnings_are_told_and_filtered_as_those_of_scikit_learn():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ConvergenceWarning, module="sklearn")
        small(max_iter=2).fit(X, Y)
        small(max_iter=2, solver="lbfgs").fit(X, Y)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        small(max_iter=1, batch_size=500).fit(X, Y)
    assert len(told) == 2 and {w.filename for w in told} == {__file__}


def test_without_scikit_learn_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import gpunn\n"
        "for name in ('neural_network', 'linear_model'):\n"
        "    try: getattr(gpunn, name)\n"
        "    except ImportError as error: assert 'pip install \"gpunn[sklearn]\"' in str(error), error\n"
        "    else: raise SystemExit(f'gpunn.{name} came without scikit-learn')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
