"""Linear and logistic regression against their closed forms, and against scikit-learn's."""

import numpy as np
import pytest
from sklearn import linear_model as theirs
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning

from gpunn.linear_model import LinearRegression, LogisticRegression, logit, odds
from gpunn.neural_network import MLPRegressor

pytestmark = pytest.mark.usefixtures("cpu")
X, Y = load_diabetes(return_X_y=True)
RNG = np.random.RandomState(0)
WEIGHTS = RNG.uniform(0, 2, len(Y))
DIGITS, LABELS = (part[:500] for part in load_digits(return_X_y=True))


# ---------------------------------------------------------------------- least squares
def closed_form(x, y, weights=None):
    """(X^T W X)^-1 X^T W y with a column of ones."""
    ones = np.column_stack([x, np.ones(len(x))])
    w = np.ones(len(x)) if weights is None else weights
    solution = np.linalg.solve(ones.T @ (ones * w[:, None]), ones.T @ (y.T * w).T)
    return solution[:-1], solution[-1]


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "weights"])
@pytest.mark.parametrize("targets", [Y, np.column_stack([Y, X @ np.arange(10) + RNG.standard_normal(len(Y))])], ids=["one", "two"])
def test_least_squares(targets, weights):
    model = LinearRegression().fit(X, targets, weights)
    coef, intercept = closed_form(X, targets, weights)
    np.testing.assert_allclose(model.coef_.T, coef, rtol=1e-8)
    np.testing.assert_allclose(model.intercept_, intercept, rtol=1e-10)
    np.testing.assert_allclose(model.predict(X), X @ coef + intercept, rtol=1e-9)
    assert model.n_iter_ <= 12 * targets.ndim  # about as many steps as features


def test_a_line():
    """Y = aX + b by the textbook's sums."""
    x, y = np.array([1.0, 2.0, 4.0, 7.0]), np.array([2.0, 3.0, 7.0, 8.0])
    a = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    model = LinearRegression().fit(x.reshape(-1, 1), y)
    assert (model.coef_[0], model.intercept_) == (pytest.approx(a), pytest.approx(y.mean() - a * x.mean()))


@pytest.mark.parametrize("change", [lambda x: x * np.logspace(-4, 4, 10), lambda x: x + 1000, lambda x: x[:, :1] * np.ones(3)])
def test_scales_shifts_and_repeated_columns(change):
    """Predictions do not depend on units or on where zero is; columns that say the same share the weight."""
    x = change(X)
    used = X if x.shape == X.shape else X[:, :1]
    np.testing.assert_allclose(LinearRegression().fit(x, Y).predict(x), LinearRegression().fit(used, Y).predict(used), rtol=1e-6)


@pytest.mark.parametrize("options", [{"fit_intercept": False}, {"positive": True}], ids=str)
def test_options_of_least_squares(options):
    ours, other = LinearRegression(**options).fit(X, Y), theirs.LinearRegression(**options).fit(X, Y)
    np.testing.assert_allclose(ours.coef_, other.coef_, rtol=1e-5, atol=1e-5)
    assert ours.intercept_ == pytest.approx(other.intercept_)


def test_few_steps_are_told():
    with pytest.raises(ValueError, match="tol of LinearRegression: expected a number above 0"):
        LinearRegression(tol=0).fit(X, Y)


def test_residuals_show_what_the_model_lacks():  # F-PER-10
    """A parabola's residuals follow x^2; with a column of x^2 nothing is left."""
    x = np.linspace(-2, 3, 60)
    y = 1.0 + 2.0 * x - 0.5 * x**2
    line = y - LinearRegression().fit(x[:, None], y).predict(x[:, None])
    curved = x**2 - LinearRegression().fit(x[:, None], x**2).predict(x[:, None])
    assert np.corrcoef(line, curved)[0, 1] == pytest.approx(-1.0)
    both = np.column_stack([x, x**2])
    np.testing.assert_allclose(LinearRegression().fit(both, y).predict(both), y, rtol=1e-9)


def test_interactions_need_a_hidden_layer():  # F-PER-08, CL-15
    """Balance counts for the retired only: parallel lines miss it, a hidden layer does not."""
    rng = np.random.RandomState(3)
    retired, balance = rng.randint(0, 2, 400), rng.uniform(-1, 1, 400)
    x, y = np.column_stack([retired, balance]), 1.0 + 2.0 * retired * balance
    line = LinearRegression().fit(x, y)
    net = MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", max_iter=500, random_state=0, alpha=0).fit(x, y)
    assert line.score(x, y) < 0.8 and net.score(x, y) > 0.999


def test_stacked_linear_layers_are_one():  # F-PER-09, CL-14
    options = {"solver": "lbfgs", "max_iter": 2000, "tol": 1e-9, "alpha": 0, "random_state": 0}
    net = MLPRegressor(hidden_layer_sizes=(6, 5, 4), activation="identity", **options)
    scaled = Y / 100
    net.fit(X, scaled)
    product = net.coefs_[0] @ net.coefs_[1] @ net.coefs_[2] @ net.coefs_[3]
    shift = net.predict(np.zeros((1, 10)))
    np.testing.assert_allclose(net.predict(X), X @ product[:, 0] + shift, rtol=1e-9)
    assert net.score(X, scaled) == pytest.approx(LinearRegression().fit(X, scaled).score(X, scaled), abs=1e-5)


# ---------------------------------------------------------------------- logistic
def test_odds_and_logit():
    p = np.array([0.1, 0.5, 0.9])
    np.testing.assert_allclose(odds(p), [1 / 9, 1, 9])
    np.testing.assert_allclose(1 / (1 + np.exp(-logit(p))), p)


def test_maximum_likelihood_of_a_table():
    """One yes-or-no feature: the fitted odds are the counted ones, so intercept and weight are logits of shares."""
    x = np.repeat([0, 0, 1, 1], [30, 10, 15, 45]).reshape(-1, 1)
    y = np.repeat([0, 1, 0, 1], [30, 10, 15, 45])
    model = LogisticRegression(penalty=None, tol=1e-10).fit(x, y)
    assert model.intercept_[0] == pytest.approx(logit(0.25), rel=1e-6)
    assert model.coef_[0, 0] == pytest.approx(logit(0.75) - logit(0.25), rel=1e-6)
    np.testing.assert_allclose(model.predict_proba([[0], [1]])[:, 1], [0.25, 0.75], rtol=1e-6)


def test_maximum_likelihood_of_three_classes():
    x = np.repeat([0, 0, 0, 1, 1, 1], [20, 30, 50, 60, 30, 10]).reshape(-1, 1)
    y = np.repeat([0, 1, 2, 0, 1, 2], [20, 30, 50, 60, 30, 10])
    p = LogisticRegression(C=np.inf, tol=1e-10).fit(x, y).predict_proba([[0], [1]])
    np.testing.assert_allclose(p, [[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], rtol=1e-5)


OPTIONS = [{}, {"C": 0.01}, {"fit_intercept": False}, {"class_weight": "balanced"}, {"class_weight": {0: 2.0, 1: 0.5}}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("target", [LABELS, LABELS % 2, np.array(["a", "b", "c"])[LABELS % 3]], ids=["ten", "two", "words"])
def test_logistic_regression_is_scikit_learns(options, target):
    if isinstance(options.get("class_weight"), dict) and target.dtype.kind == "U":
        options = {"class_weight": {"a": 2.0, "b": 0.5}}
    x = DIGITS / 16
    exact = {"tol": 1e-8, "max_iter": 2000}
    ours, other = LogisticRegression(**exact, **options).fit(x, target), theirs.LogisticRegression(**exact, **options).fit(x, target)
    assert ours.coef_.shape == other.coef_.shape
    np.testing.assert_allclose(ours.predict_proba(x), other.predict_proba(x), atol=2e-5)
    np.testing.assert_allclose(ours.decision_function(x), other.decision_function(x), rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(ours.predict(x), other.predict(x))
    np.testing.assert_allclose(ours.predict_log_proba(x), np.log(ours.predict_proba(x)))


def test_weights_repeat_rows():
    x, weights = DIGITS / 16, np.arange(500) % 3
    repeated = LogisticRegression(tol=1e-8, max_iter=2000).fit(np.repeat(x, weights, axis=0), np.repeat(LABELS % 2, weights))
    np.testing.assert_allclose(
        LogisticRegression(tol=1e-8, max_iter=2000).fit(x, LABELS % 2, weights).coef_, repeated.coef_, rtol=1e-3, atol=1e-4
    )


def test_warm_start_goes_on():
    model = LogisticRegression(warm_start=True, tol=1e-5, max_iter=500).fit(DIGITS / 16, LABELS)
    assert model.fit(DIGITS / 16, LABELS).n_iter_[0] <= 2


def test_too_few_steps_and_one_class():
    with pytest.warns(ConvergenceWarning, match="LogisticRegression: lbfgs stopped after 2 iterations"):
        LogisticRegression(max_iter=2).fit(DIGITS, LABELS)
    with pytest.raises(ValueError, match="only one class: 1"):
        LogisticRegression().fit(X, np.ones(len(X), int))
    with pytest.raises(ValueError, match="solver of LogisticRegression: expected one of 'lbfgs'"):
        LogisticRegression(solver="saga").fit(DIGITS, LABELS)
