"""EX-01 to EX-08 and SN-34: threshold units that decide, gates, the perceptron's learning rule, log-odds."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from gpunn import activations
from gpunn.datasets import gates
from gpunn.linear_model import Perceptron, logit, odds
from gpunn.utils import to_categorical

pytestmark = pytest.mark.usefixtures("either_cpu")
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
FACTORS = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)])


def yes(unit, rows=FACTORS):
    """The rows that it says yes to, as bits."""
    return {"".join(map(str, row)) for row, answer in zip(rows, unit.predict(rows), strict=True) if answer == 1}


def test_ex01_festival_any_two():
    assert yes(Perceptron([1, 1, 1], bias=-2)) == yes(Perceptron([1, 1, 1], threshold=2)) == {"011", "101", "110", "111"}


def test_ex02_festival_thirst():
    """With threshold 11 the third factor is necessary but not enough; with 10 it alone decides."""
    assert yes(Perceptron([1, 1, 10], threshold=11)) == {"011", "101", "111"}
    assert yes(Perceptron([1, 1, 10], threshold=10)) == {"001", "011", "101", "111"}


def test_ex03_and():
    """z = -2, -1, -1, 0 has one solution, and on the threshold the answer is 1."""
    unit = Perceptron([1, 1], bias=-2)
    np.testing.assert_array_equal(unit.decision_function(X), [-2, -1, -1, 0])
    np.testing.assert_array_equal(unit.predict(X), [0, 0, 0, 1])


def test_ex04_or():
    """The last z is 1; the slide has 0 (ERR-02)."""
    unit = Perceptron([1, 1], bias=-1)
    np.testing.assert_array_equal(unit.decision_function(X), [-1, 0, 0, 1])
    np.testing.assert_array_equal(unit.predict(X), [0, 1, 1, 1])


def test_ex05_xor():
    """No single unit: a search over weights finds none, the rule does not converge. The slide's inequalities (ERR-03) would be met by
    w = 0, b = -1, which is no XOR. Two layers of steps do it."""
    _, y = gates.load_data("xor")[0]
    grid = np.linspace(-3, 3, 13)
    z = X @ np.array([(a, b) for a in grid for b in grid]).T
    assert not any(((z + c >= 0) == (y[:, None] == 1)).all(axis=0).any() for c in grid)
    np.testing.assert_array_equal(Perceptron([0, 0], bias=-1).predict(X), 0)
    hidden = np.stack([Perceptron([1, 1], bias=-1).predict(X), Perceptron([1, 1], bias=-2).predict(X)], axis=1)
    np.testing.assert_array_equal(Perceptron([1, -2], bias=-1).predict(hidden), y)


def test_ex06_a_truth_table():
    """Sums -6, -2, -1, 3 for (0, 0), (1, 0), (0, 1), (1, 1): w = (4, 5), b = -6, an AND gate."""
    unit = Perceptron([4, 5], bias=-6)
    np.testing.assert_array_equal(unit.decision_function([[0, 0], [1, 0], [0, 1], [1, 1]]), [-6, -2, -1, 3])
    np.testing.assert_array_equal(unit.predict(X), [0, 0, 0, 1])


@pytest.mark.parametrize(("gate", "epochs", "weights", "bias"), [("and", 6, (2, 1), -3), ("or", 4, (1, 1), -1)])
def test_ex07_the_learning_rule(gate, epochs, weights, bias):
    """From zeros, rate 1, rows in order; the last epoch is the one without a mistake."""
    (x, y), _ = gates.load_data(gate)
    unit = Perceptron(shuffle=False, tol=None, max_iter=100).fit(x, y)
    assert unit.n_iter_ == epochs and unit.converged_
    np.testing.assert_array_equal(unit.coef_, [weights])
    np.testing.assert_array_equal(unit.intercept_, [bias])
    assert unit.score(x, y) == 1


def test_ex07_never_on_xor():
    (x, y), _ = gates.load_data("xor")
    with pytest.warns(ConvergenceWarning):
        unit = Perceptron(shuffle=False, tol=None, max_iter=100).fit(x, y)
    assert unit.n_iter_ == 100 and not unit.converged_ and unit.score(x, y) < 1


def test_ex08_one_hot_xor():
    """y1 = XOR, y2 = not XOR: the slide's columns are the other way round than `to_categorical`'s."""
    _, y = gates.load_data("xor")[0]
    slide = np.array([[0, 1], [1, 0], [1, 0], [0, 1]])
    np.testing.assert_array_equal(to_categorical(y)[:, ::-1], slide)
    np.testing.assert_array_equal(to_categorical(y).argmax(axis=1), y)


def test_sn34_log_odds():
    """ln(p / (1 - p)), not p / l - p (ERR-44): the inverse of the sigmoid."""
    p = np.linspace(0.05, 0.95, 19)
    np.testing.assert_allclose(logit(p), np.log(p / (1 - p)), rtol=1e-12)
    np.testing.assert_allclose(activations.sigmoid(logit(p)), p, rtol=1e-12)
    np.testing.assert_allclose(odds(p), p / (1 - p), rtol=1e-12)
    assert logit(0.5) == 0 and odds(0.5) == 1
