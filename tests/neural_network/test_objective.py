"""The objective that solvers see: value and gradient belong together, and are what scikit-learn's definitions say."""

import numpy as np
import pytest

from gpunn import optimizers
from gpunn.neural_network import lbfgs, objective
from gpunn.neural_network.network import Network, draw

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
ROWS, X = 23, RNG.standard_normal((23, 5))
WEIGHTS = RNG.uniform(0.2, 3.0, ROWS)
TARGETS = {
    "classes": RNG.integers(0, 3, ROWS).astype(np.int32), "bits": RNG.integers(0, 2, (ROWS, 3)).astype(float),
    "numbers": RNG.standard_normal((ROWS, 3)), "counts": RNG.poisson(1.5, (ROWS, 3)).astype(float),
}  # fmt: skip
LOSSES = {
    objective.LogLoss: "classes", objective.BinaryLogLoss: "bits", objective.HalfSquaredError: "numbers",
    objective.HalfPoissonDeviance: "counts",
}  # fmt: skip


def by_hand(kind, z, t):
    """The loss of each row, from scikit-learn's documentation."""
    if kind is objective.LogLoss:
        return np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(t)), t]
    if kind is objective.BinaryLogLoss:
        p = 1 / (1 + np.exp(-z))
        return -(t * np.log(p) + (1 - t) * np.log(1 - p)).sum(axis=1)
    if kind is objective.HalfSquaredError:
        return ((z - t) ** 2).sum(axis=1) / 2
    log = np.log(np.where(t > 0, t, 1))
    return (t * (log - z) - t + np.exp(z)).sum(axis=1)


def network(kind, optimizer, alpha=0.7, activation="tanh"):
    loss = kind(3)
    if kind is objective.HalfSquaredError:
        loss.factor = 1.5  # of the sum over columns, whose gradient it is
    net = Network([5, 4, 3], activation, loss, "float64", optimizer, alpha)
    return net.load(*draw([5, 4, 3], activation, np.random.RandomState(1), "float64"))


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "weights"])
@pytest.mark.parametrize("kind", LOSSES)
def test_value(kind, weights):
    t, net = TARGETS[LOSSES[kind]], network(kind, lbfgs.Still())
    value, _ = (f := lbfgs.Objective(net, X, t, weights))(f.start())
    (a, b), (c, d) = net.weights()
    z = np.tanh(X @ a + c) @ b + d
    w = np.ones(ROWS) if weights is None else weights
    expected = (by_hand(kind, z, t) @ w + 0.7 / 2 * ((a**2).sum() + (b**2).sum())) / w.sum()
    assert value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "weights"])
@pytest.mark.parametrize("kind", LOSSES)
def test_gradient(kind, weights):
    """Along random directions, against central differences."""
    f = lbfgs.Objective(network(kind, lbfgs.Still()), X, TARGETS[LOSSES[kind]], weights)
    at, rng = f.start(), np.random.default_rng(5)
    for _ in range(5):
        direction = rng.standard_normal(at.shape)
        numeric = (f(at + 1e-6 * direction)[0] - f(at - 1e-6 * direction)[0]) / 2e-6
        assert f(at)[1] @ direction == pytest.approx(numeric, rel=1e-7, abs=1e-9)


def test_mistakes():
    """A perceptron's loss counts the wrong columns; its gradient is the answer minus the target, whatever the sum's size."""
    loss = objective.Mistakes(2)
    z, t = np.array([[0.0, -0.1], [-3.0, 5.0], [2.0, -0.0]]), np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    from gpunn.backend import get_backend

    values, gradient = loss.record(get_backend(), t, z, np.ones(3), loss.scale(1))
    np.testing.assert_array_equal(values * loss.factor, [1, 2, 1])
    np.testing.assert_array_equal(gradient, [[0, -1], [-1, 1], [1, 0]])


@pytest.mark.parametrize("batch", [23, 8])
def test_a_pass_in_batches(batch):
    """Without learning, a pass gives the rows' mean whatever the batches; weights count within each."""
    t = TARGETS["classes"]
    order = np.random.default_rng(2).permutation(ROWS)
    for weights in (None, WEIGHTS):
        net = network(objective.LogLoss, optimizers.SGD(0.0))
        got = net.epochs(X, t, weights, batch).run(order)
        (a, b), (c, d) = net.weights()
        rows, w = by_hand(objective.LogLoss, np.tanh(X @ a + c) @ b + d, t), np.ones(ROWS) if weights is None else weights
        parts = [order[i : i + batch] for i in range(0, ROWS, batch)]
        squares = 0.7 / 2 * ((a**2).sum() + (b**2).sum())
        assert got == pytest.approx(sum(len(p) * (rows[p] @ w[p] + squares) / w[p].sum() for p in parts) / ROWS, rel=1e-12)


def test_a_batch_without_weight_teaches_nothing():
    net = network(objective.LogLoss, optimizers.SGD(0.1))
    before = [w.copy() for part in net.weights() for w in part]
    first = np.arange(8)
    weights = np.where(np.arange(ROWS) < 8, 0.0, 1.0)
    net.epochs(X[first], TARGETS["classes"][first], weights[first] + 0, 4).run()
    for a, b in zip(before, [w for part in net.weights() for w in part], strict=True):
        np.testing.assert_array_equal(a, b)
