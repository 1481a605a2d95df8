"""Constraints alone: Keras's results, axes, names, configurations; what they do in a step stands in training/test_penalties.py."""

import os

import numpy as np
import pytest

import gpunn
from gpunn import constraints
from gpunn.constraints import Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from gpunn.kernels import REGISTRY
from gpunn.layers import Dense
from gpunn.models import Sequential

os.environ.setdefault("KERAS_BACKEND", "jax")
pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
SHAPES = {0: (7, 5), 1: (7, 5), -1: (3, 4, 5), (0, 1): (7, 5), (0, 1, 2): (3, 3, 4, 6), (1, 2): (2, 3, 4), 2: (2, 3, 4, 2)}
KINDS = [
    "MaxNorm(0.7, axis=axis)", "MaxNorm(50.0, axis)", "UnitNorm(axis)", "MinMaxNorm(0.5, 1.5, 0.3, axis)", "MinMaxNorm(axis=axis)",
    "NonNeg()",
]


@pytest.mark.parametrize("axis", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_values_are_keras(kind, axis, either_cpu):
    keras = pytest.importorskip("keras")
    w = RNG.standard_normal(SHAPES[axis])
    w[0] *= 3
    mine, theirs = (eval(f"library.{kind}", {"library": c, "axis": axis}) for c in (constraints, keras.constraints))
    before = w.copy()
    for size in (1.0, 0.01):
        np.testing.assert_allclose(mine(size * w), theirs(size * w), rtol=1e-5, atol=1e-7)  # Keras computes in float32
    np.testing.assert_array_equal(w, before), "the array given stays as it was"
    exact = np.linalg.norm(mine(w).reshape(-1, 1) if axis == (0, 1) else mine(w), axis=0) if axis in (0, (0, 1)) else None
    if exact is not None and "Unit" in kind:
        np.testing.assert_allclose(exact, 1, atol=1e-6)


def test_zeros_stay_zeros(either_cpu):
    for constraint in (MaxNorm(), UnitNorm(), MinMaxNorm(1.0, 2.0)):
        assert not constraint(np.zeros((4, 3))).any()


def test_nan_stays_visible(either_cpu):
    w = np.array([[1.0, np.nan], [2.0, 1.0]])
    assert np.isnan(NonNeg()(w)[0, 1]) and np.isnan(MaxNorm()(w)[:, 1]).all() and np.isfinite(MaxNorm()(w)[:, 0]).all()


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("max_norm", MaxNorm()), ("MaxNorm", MaxNorm()), ("maxnorm", MaxNorm()), ("non_neg", NonNeg()), ("nonneg", NonNeg()),
        ("unit_norm", UnitNorm()), ("min_max_norm", MinMaxNorm()), (UnitNorm, UnitNorm()), (MaxNorm(3, 1), MaxNorm(3, 1)),
        ({"module": "keras.constraints", "class_name": "MaxNorm", "config": {"max_value": 2, "axis": [0, 1]}}, MaxNorm(2, [0, 1])),
    ],
    ids=str,
)
def test_get(identifier, expected):
    found = constraints.get(identifier)
    assert type(found) is type(expected) and found.get_config() == expected.get_config()
    again = constraints.deserialize(constraints.serialize(found))
    assert type(again) is type(expected) and again.get_config() == expected.get_config()


def test_configurations_are_keras():
    keras = pytest.importorskip("keras")
    for name in ("MaxNorm", "NonNeg", "UnitNorm", "MinMaxNorm"):
        mine, theirs = getattr(constraints, name)(), getattr(keras.constraints, name)()
        assert mine.get_config() == theirs.get_config()
    assert constraints.max_norm(4).max_value == 4 and constraints.get(None) is None and gpunn.constraints is constraints
    assert MaxNorm(axis=(0, 1)).get_config() == {"max_value": 2, "axis": [0, 1]}


class Half(Constraint):
    """A user's."""

    def __init__(self, factor=0.5):
        self.factor = factor

    def __call__(self, w):
        return w * self.factor


def clipped(w):
    return w.clip(-1, 1)


def test_user_made_ones():
    assert constraints.serialize(Half(0.25)) == {"class_name": "Half", "config": {"factor": 0.25}}
    assert constraints.deserialize(constraints.serialize(Half(0.25)), {"Half": Half}).factor == 0.25
    assert constraints.serialize(constraints.get(clipped)) == {"class_name": "function", "config": "clipped"}
    assert constraints.deserialize({"class_name": "function", "config": "clipped"}, {"clipped": clipped}).function is clipped
    with pytest.raises(ValueError, match=r"Unknown constraint: 'Half'. Expected one of: .*MaxNorm.*unit_norm"):
        constraints.deserialize(constraints.serialize(Half()))


def test_a_formula_is_a_constraint(either_cpu):
    made = constraints.get(REGISTRY["relu"])
    assert made.recordable and made([-1.0, 2.0]).tolist() == [0, 2] and constraints.serialize(made)["config"] == "relu"
    assert constraints.deserialize(constraints.serialize(made), {"relu": REGISTRY["relu"]}).function is REGISTRY["relu"]
    with pytest.raises(ValueError, match=r"A constraint is a kernel from w to w. Received: add of"):
        Dense(2, kernel_constraint=REGISTRY["add"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MaxNorm(-1), "Invalid value for argument max_value: expected a number of at least 0. Received: max_value=-1"),
        (lambda: MaxNorm(axis="rows"), "Invalid value for argument axis: expected an integer or several. Received: axis='rows'"),
        (lambda: MinMaxNorm(2.0, 1.0), "expected min_value <= max_value and a rate from 0 to 1. Received: min_value=2.0, max_value=1.0"),
        (lambda: MinMaxNorm(rate=1.5), "rate from 0 to 1.*rate=1.5"),
        (lambda: Dense(2, kernel_constraint="min_norm"), "Unknown constraint: 'min_norm'. Expected one of: .*MaxNorm.*non_neg"),
        (lambda: Dense(2, bias_constraint=1.0), "Could not interpret constraint. Expected a name, a Constraint or a function of w"),
        (lambda: Sequential([Dense(2, name="d", input_dim=3, kernel_constraint=MaxNorm(axis=2))]),
         r"MaxNorm of d/kernel: expected an axis of its shape \(3, 2\), or several side by side. Received: axis=2"),
        (lambda: MaxNorm(axis=[0, 2])(np.ones((2, 3, 4))), r"several side by side. Received: axis=\[0, 2\]"),
        (lambda: Sequential([Dense(2, name="d", input_dim=3, kernel_constraint=lambda w: w.sum())]),
         r"Constraint <lambda> of d/kernel: expected an array of shape \(3, 2\). Received: float32"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
