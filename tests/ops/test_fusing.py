"""Neighbouring operations run as one kernel: how many launches there are, and that values and gradients are those of each alone."""

import numpy as np
import pytest
from operation_cases import many_in_a_row, normalized

import gpunn
from gpunn import Input, layers, ops
from gpunn.backend import get_backend
from gpunn.models import Model, Sequential
from gpunn.ops.tracing import Traced
from gpunn.training import fuse_operations

RNG = np.random.default_rng(0)


class Counting:
    """A backend that remembers the names of what it launches; `chains` as a CPU's, or not."""

    def __init__(self, backend, chains=False):
        self.backend, self.names, self.chains = backend, [], chains

    def __getattr__(self, name):
        return getattr(self.backend, name)

    def launch(self, kernel, *arguments):
        self.names.append(kernel.name)
        self.backend.launch(kernel, *arguments)


def launches(function, *shapes, chains=False):
    """-> (launches forward, launches back) of a function of arrays of these shapes."""
    traced = Traced(function, [(None, *s[1:]) if len(s) > 1 else s for s in shapes], "float64")
    counting = Counting(get_backend(), chains)
    y, back = traced.run(counting, [RNG.standard_normal(s) for s in shapes])
    forward = len(counting.names)
    back(np.ones_like(y))
    return forward, len(counting.names) - forward


@pytest.mark.parametrize(
    ("function", "shapes", "expected"),
    [
        (lambda x: x * ops.sigmoid(1.5 * x), [(5, 4)], (1, 1)),
        (lambda x: x * ops.tanh(ops.softplus(x)) + x, [(5, 4)], (1, 1)),
        (lambda a, b: ops.mean(ops.square(a - b), axis=-1), [(5, 4), (5, 4)], (1, 1)),
        (lambda a, b: ops.sum(ops.abs(a - b), axis=(1, 2)), [(5, 4, 3), (5, 4, 3)], (1, 1)),
        (lambda a, b: ops.mean(ops.square(a - b)), [(5, 4), (5, 4)], (2, 2)),  # rows, then their sum; that spread, then the gradients
        (lambda a, b: ops.exp(a * b) + b, [(5, 4), (4,)], (1, 2)),  # the gradients, then the row's sum over the batch
        (lambda a, b: ops.exp(a * b) + b, [(5, 3, 4), (5, 3, 1)], (1, 2)),
        (lambda a: ops.exp(a)[:, ::-1] * a, [(5, 4)], (3, 4)),  # what moves elements lies between
        (lambda x: x > 0, [(5, 4)], (1, 0)),
    ],
)
def test_how_many_launches(function, shapes, expected, float64, cpu):
    assert launches(function, *shapes) == expected


@pytest.mark.parametrize(
    ("function", "shapes", "expected"),
    [
        (lambda x: x * ops.sigmoid(1.5 * x), [(5, 4)], (1, 1)),  # the sigmoid's values are kept
        (lambda x: x * ops.tanh(ops.softplus(x)) + x, [(5, 4)], (2, 1)),
        (lambda x: ops.exp(x) * ops.log(x) * ops.tanh(x), [(5, 4)], (3, 1)),
        (lambda x: ops.sum(ops.exp(x) * ops.tanh(x), axis=-1), [(5, 4)], (2, 1)),
        (lambda x: ops.square(x) * x - x, [(5, 4)], (1, 1)),
    ],
)
def test_on_a_cpu_exponentials_have_a_loop_each(function, shapes, expected, float64, cpu):
    assert launches(function, *shapes, chains=True) == expected


def unfused(monkeypatch):
    monkeypatch.setattr(fuse_operations, "fused", lambda plan: plan)


FUNCTIONS = {
    "normalized": (normalized, [(6, 3, 4)]), "many": (many_in_a_row, [(6, 4)]),
    "twice": (lambda a, b: (a + b) * ops.sum(a + b, axis=-1, keepdims=True), [(6, 4), (6, 4)]),
    "columns": (lambda a, b: a * ops.sigmoid(b + 2 * a) - b / 3, [(6, 3, 4), (6, 3, 1)]),
    "constants": (lambda a: np.arange(4.0) * a - a / np.array([[1.0], [2.0], [4.0]]), [(6, 3, 4)]),
    "held": (lambda a: ops.exp(ops.stop_gradient(ops.tanh(a)) * a), [(6, 4)]),
    "truth": (lambda a, b: ops.where((a > 0) & (b < 1), a * b, ops.cast(a > b, "float64")), [(6, 4), (6, 4)]),
    "exponentials": (lambda a, b: ops.exp(a) * ops.tanh(ops.softplus(a - b)) + ops.log1p(ops.exp(b)), [(6, 4), (6, 1)]),
    "a costly sum": (lambda a, b: ops.sum(ops.exp(a) * ops.tanh(b) * ops.sigmoid(a), axis=-1), [(6, 4), (6, 4)]),
    "sums": (lambda a: ops.mean(ops.square(a), axis=[1, 2], keepdims=True) + ops.sum(a * a) * a, [(6, 3, 4)]),
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("case", FUNCTIONS)
@pytest.mark.parametrize(("device", "rows"), [("cpu", 6), ("cpu", 1), ("sim", 6)])  # the one chains, the other does not
def test_as_one_by_one(case, device, rows, float64, monkeypatch):
    function, shapes = FUNCTIONS[case]
    arrays = [RNG.standard_normal((rows, *s[1:])) for s in shapes]
    backend, found = get_backend(device), []
    for apart in (False, True):
        if apart:
            unfused(monkeypatch)
        traced = Traced(function, [(None, *s[1:]) for s in shapes], "float64")
        assert any(isinstance(s.layer, fuse_operations.Fused) for s in traced.plan.stages) is not apart
        y, back = traced.run(backend, [backend.asarray(a.copy()) for a in arrays])
        value = backend.to_numpy(y).copy()
        dy = np.cos(np.arange(value.size, dtype=float)).reshape(value.shape)
        found.append([value, *map(backend.to_numpy, back(backend.asarray(dy)))])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_a_size_that_turns_out_to_be_one(float64, cpu):
    """What is open when a function is traced may be broadcast when it runs: then operations run one by one."""
    x, y = Input((None,)), Input((None,))
    model = Model([x, y], ops.exp(x * 0.5) * (x + y))
    for wide, other in ((3, 3), (3, 1), (1, 3)):
        a, b = RNG.standard_normal((4, wide)), RNG.standard_normal((4, other))
        np.testing.assert_allclose(model.predict([a, b], verbose=0), np.exp(a * 0.5) * (a + b), rtol=1e-12)


def test_values_that_come_out_are_not_swallowed(float64, cpu):
    x = Input((3,))
    inner = ops.exp(x)
    model = Model(x, [inner, inner * 2 + x])
    a = RNG.standard_normal((4, 3))
    first, second = model.predict(a, verbose=0)
    np.testing.assert_allclose(first, np.exp(a), rtol=1e-12)
    np.testing.assert_allclose(second, 2 * np.exp(a) + a, rtol=1e-12)


def test_gradients_that_are_not_needed_are_not_made(float64, cpu):
    """Of a product with what does not learn, one gradient alone."""
    counting = Counting(get_backend())
    traced = Traced(lambda a, b: ops.exp(a) * ops.stop_gradient(b), [(None, 4), (None, 4)], "float64")
    y, back = traced.run(counting, [np.ones((2, 4)), np.ones((2, 4))])
    grads = back(np.ones_like(y))
    assert len(counting.names) == 2 and not np.any(grads[1])
    np.testing.assert_allclose(grads[0], np.e, rtol=1e-12)


def test_explain_names_what_runs_together(cpu):
    class Swish(layers.Layer):
        def call(self, x):
            return x * ops.sigmoid(x)

    model = Sequential([Input((4,)), layers.Dense(3), Swish(), layers.Dense(1)])
    model.compile("sgd", "mse")
    assert "2 operations in one pass: sigmoid, multiply" in model.explain(print_fn=str)


def test_the_weights_of_a_layer_of_arithmetic(float64, either_cpu):
    """One value a column and one for all: gradients by finite differences."""

    class Affine(layers.Layer):
        def build(self, shape):
            self.gain = self.add_weight(shape=(shape[-1],), initializer="ones", name="gain")
            self.shift = self.add_weight(shape=(1,), initializer="zeros", name="shift")

        def call(self, x):
            return ops.tanh(self.gain * x + self.shift) * self.gain

    gpunn.utils.set_random_seed(1)
    model = Sequential([Input((5,)), layers.Dense(4), Affine()])
    model.compile(gpunn.optimizers.SGD(0.1), "mse")
    x, y = RNG.standard_normal((8, 5)), RNG.standard_normal((8, 4))
    before = model.get_weights()
    numeric = []
    for k, w in enumerate(before):
        direction = RNG.standard_normal(w.shape)
        ends = []
        for sign in (1, -1):
            model.set_weights([v + sign * 1e-5 * direction if i == k else v for i, v in enumerate(before)])
            ends.append(model.evaluate(x, y, batch_size=8, verbose=0))
        numeric.append((direction, (ends[0] - ends[1]) / 2e-5))
    model.set_weights(before)
    model.train_on_batch(x, y)
    for w, after, (direction, slope) in zip(before, model.get_weights(), numeric, strict=True):
        np.testing.assert_allclose(((w - after) / 0.1 * direction).sum(), slope, rtol=1e-6, atol=1e-9)
