"""The threshold unit: gates, the festival, chained decisions, the learning rule (EX-01 to EX-07, CL-55, CL-56 and F-PER-01 to 05)."""

import warnings
from itertools import product

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import Perceptron as Theirs

from gpunn.datasets import gates
from gpunn.linear_model import Perceptron

pytestmark = pytest.mark.usefixtures("cpu")
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
FACTORS = np.array(list(product([0, 1], repeat=3)))


def rule(**options):
    """From zeros, in the order of the table, until there is no mistake."""
    return Perceptron(tol=None, shuffle=False, **{"max_iter": 100, **options})


# ---------------------------------------------------------------------- set by hand
@pytest.mark.parametrize("unit", [Perceptron([1, 1, 1], bias=-2), Perceptron([1, 1, 1], threshold=2)])
def test_any_two_factors_make_a_festival(unit):  # EX-01
    assert [tuple(r) for r in FACTORS[unit.predict(FACTORS) == 1]] == [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1)]


def test_the_pub_is_necessary_or_decides_alone():  # EX-02
    assert [tuple(r) for r in FACTORS[Perceptron([1, 1, 10], threshold=11).predict(FACTORS) == 1]] == [(0, 1, 1), (1, 0, 1), (1, 1, 1)]
    assert (Perceptron([1, 1, 10], threshold=10).predict(FACTORS) == FACTORS[:, 2]).all()


@pytest.mark.parametrize(
    ("weights", "bias", "sums", "gate"),
    [([1, 1], -2, [-2, -1, -1, 0], "and"), ([1, 1], -1, [-1, 0, 0, 1], "or"), ([4, 5], -6, [-6, -1, -2, 3], "and")],
    ids=["EX-03", "EX-04", "EX-06"],
)
def test_gates(weights, bias, sums, gate):
    """(In EX-06 the table's rows stand in another order.) A sum of 0 is a yes."""
    unit = Perceptron(weights, bias)
    assert unit.decision_function(X).tolist() == sums
    assert unit.predict(X).tolist() == gates.load_data(gate)[0][1].tolist()


def test_xor_by_two_layers_of_decisions():  # EX-05
    hidden = np.column_stack([Perceptron([1, 1], bias=b).predict(X) for b in (-1, -2)])
    assert Perceptron([1, -2], bias=-1).predict(hidden).tolist() == [0, 1, 1, 0]


def test_the_answer_jumps_where_a_sigmoid_moves_on():  # CL-55
    dz = 1e-6
    below, above = Perceptron([1.0], bias=-dz), Perceptron([1.0], bias=0.0)
    assert (below.predict([[0.0]]), above.predict([[0.0]])) == (0, 1)
    sigmoid = 1 / (1 + np.exp(-np.array([-dz, 0.0])))
    assert sigmoid[1] - sigmoid[0] == pytest.approx(0.25 * dz, rel=1e-6)


# ---------------------------------------------------------------------- the rule
@pytest.mark.parametrize(("gate", "epochs", "weights", "bias"), [("and", 6, [2, 1], -3), ("or", 4, [1, 1], -1)])
def test_the_rule_on_gates(gate, epochs, weights, bias):  # EX-07
    unit = rule().fit(X, gates.load_data(gate)[0][1])
    assert (unit.n_iter_, unit.coef_.tolist(), unit.intercept_.tolist()) == (epochs, [weights], [bias])
    assert unit.converged_ and unit.mistakes_[-1] == 0 and unit.t_ == 4 * epochs + 1


def test_the_rule_never_learns_xor():  # EX-07, EX-05
    with pytest.warns(ConvergenceWarning, match="no epoch without a mistake in max_iter=100. Perhaps no hyperplane separates"):
        unit = rule().fit(X, [0, 1, 1, 0])
    assert unit.n_iter_ == 100 and not unit.converged_ and min(unit.mistakes_) > 0


def test_exactly_the_separable_gates_are_learned():  # CL-56
    learned = []
    for outputs in product([0, 1], repeat=4):
        if len(set(outputs)) == 1:  # never and always: one class alone needs no teaching
            learned.append(outputs)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            unit = rule().fit(X, np.array(outputs))
        assert unit.converged_ == bool((unit.predict(X) == outputs).all())
        learned += [outputs] * unit.converged_
    assert len(learned) == 14 and (0, 1, 1, 0) not in learned and (1, 0, 0, 1) not in learned


def by_hand(x, y, epochs, eta=1.0, w=None, b=0.0, sample_weight=None):
    w = np.zeros(x.shape[1]) if w is None else np.array(w, float)
    for _ in range(epochs):
        for i, (row, t) in enumerate(zip(x, y, strict=True)):
            step = eta * (t - float(row @ w + b >= 0)) * (1.0 if sample_weight is None else sample_weight[i])
            w, b = w + step * row, b + step
    return w, b


def test_corrections_are_the_rules():
    """w += eta (t - y) x and b += eta (t - y), row after row; a weight multiplies its row's correction."""
    rng = np.random.default_rng(0)
    x, y, weights = rng.standard_normal((40, 3)), rng.integers(0, 2, 40), rng.uniform(0, 2, 40)
    start = {"weights": [0.5, -1.0, 2.0], "bias": 0.25}
    with pytest.warns(ConvergenceWarning):
        unit = rule(max_iter=3, eta0=0.1, **start).fit(x, y, sample_weight=weights)
    w, b = by_hand(x, y, 3, 0.1, start["weights"], start["bias"], weights)
    np.testing.assert_allclose(unit.coef_[0], w, rtol=1e-12)
    assert unit.intercept_[0] == pytest.approx(b)


def test_one_epoch_at_a_time():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((40, 3)), np.array(["no", "yes"])[rng.integers(0, 2, 40)]
    unit = rule()
    for _ in range(3):
        unit.partial_fit(x, y, classes=["yes", "no"])
    np.testing.assert_allclose(unit.coef_[0], by_hand(x, (y == "yes").astype(int), 3)[0], rtol=1e-12)
    assert set(unit.predict(x)) == {"no", "yes"} and unit.n_iter_ == 1 and unit.t_ == 121


def test_a_unit_for_each_class():
    """Each learns its class against the others; like scikit-learn's on the same data."""
    for load, least in ((load_iris, 0.6), (load_digits, 0.93)):
        x, y = load(return_X_y=True)
        ours, theirs = Perceptron().fit(x, y), Theirs().fit(x, y)
        assert ours.coef_.shape == theirs.coef_.shape and ours.intercept_.shape == theirs.intercept_.shape
        assert ours.decision_function(x).shape == theirs.decision_function(x).shape
        assert ours.score(x, y) > max(least, theirs.score(x, y) - 0.05)


def test_without_an_intercept():
    unit = rule(fit_intercept=False).fit(X[1:], [0, 1, 1])
    assert unit.intercept_.tolist() == [0.0] and unit.converged_ and unit.coef_[0, 1] < 0 <= unit.coef_[0, 0]


@pytest.mark.parametrize(("penalty", "share"), [("l2", (0, 1)), ("l1", (1, 0)), ("elasticnet", (0.3, 0.7))])
def test_a_penalty_shrinks(penalty, share):
    """Every step also takes eta0 * alpha times the penalty's gradient off the weights as they were."""
    x, y, alpha = np.array([[1.0, -2.0]] * 2), [0, 1], 0.1
    unit = rule(penalty=penalty, alpha=alpha, l1_ratio=0.3, max_iter=1, weights=[1.0, 1.0])
    with pytest.warns(ConvergenceWarning):
        unit.fit(x, y)
    w, b = np.ones(2), 0.0
    for row, t in zip(x, y, strict=True):
        error = t - float(row @ w + b >= 0)
        w, b = w + error * row - alpha * (share[0] * np.sign(w) + share[1] * w), b + error
    np.testing.assert_allclose(unit.coef_[0], w, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8"])
@pytest.mark.parametrize("sample_weight", [None, np.arange(150) % 3 + 0.5])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_early_stopping_takes_any_numbers(dtype, sample_weight):
    x, y = load_iris(return_X_y=True)
    x = np.round(x * 10).astype(dtype)
    options = {"early_stopping": True, "max_iter": 8, "random_state": 3}
    found, double = (Perceptron(**options).fit(rows, y, sample_weight=sample_weight) for rows in (x, x.astype(float)))
    np.testing.assert_allclose(found.coef_, double.coef_, rtol=1e-9)
    assert found.coef_.dtype == np.float64 and found.score(x, y) > 0.5


def test_early_stopping_and_tol_end_it():
    x, y = load_digits(return_X_y=True)
    for options in ({"early_stopping": True}, {"tol": 0.01}):
        unit = Perceptron(**options).fit(x, y > 4)
        assert 5 <= unit.n_iter_ < 200 and not unit.converged_


def test_warm_start_and_given_starts():
    unit = rule(warm_start=True, max_iter=3)
    with pytest.warns(ConvergenceWarning):
        unit.fit(X, [0, 0, 0, 1])
    unit.fit(X, [0, 0, 0, 1])
    assert unit.converged_ and unit.n_iter_ == 3 and unit.coef_.tolist() == [[2, 1]]
    assert rule().fit(X, [0, 0, 0, 1], coef_init=[2, 1], intercept_init=-3).n_iter_ == 1


def test_refusals():
    for unit, message in (
        (Perceptron([1, 1], bias=1, threshold=1), "give bias or threshold"), (Perceptron([1, 1], bias=[1, 2]), "a bias each"),
        (Perceptron(eta0=0), "eta0 of Perceptron: expected a number above 0. Received: eta0=0"), (Perceptron(penalty="l3"), "penalty"),
        (Perceptron([1, 1, 1]), r"expected weights \(1, 2\).*Received: \(1, 3\)"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            unit.fit(X, [0, 0, 0, 1])
    with pytest.raises(ValueError, match="one class: 1"):
        Perceptron().fit(X, [1, 1, 1, 1])
    with pytest.raises(ValueError, match=r"rows of 3 features, one a weight. Received: shape \(4, 2\)"):
        Perceptron([1, 1, 1], bias=0).predict(X)
    with pytest.raises(NotFittedError, match="call `fit`, or give weights and bias"):
        Perceptron().predict(X)


def test_verbose(capsys):
    rule(verbose=1).fit(X, [0, 1, 1, 1])
    assert capsys.readouterr().out.splitlines() == [f"Epoch {i + 1}: {m} mistakes a row" for i, m in enumerate((0.5, 0.5, 0.25, 0))]


@pytest.mark.parametrize(
    ("options", "message"), [({"class_weight": "balanced"}, "class_weight 'balanced'"), ({"early_stopping": True}, "early_stopping")]
)
def test_partial_fit_refuses_what_needs_all_rows(options, message):
    x, y = np.eye(4), np.array([0, 1, 0, 1])
    for kind in (Perceptron, Theirs):
        with pytest.raises(ValueError, match=message):
            kind(**options).partial_fit(x, y, classes=[0, 1])
