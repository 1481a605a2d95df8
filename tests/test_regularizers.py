"""Values, gradients, names and configurations of regularizers; what they do in a step stands in training/test_penalties.py."""

import os

import numpy as np
import pytest
from gradient import compare

import gpunn
from gpunn import regularizers
from gpunn.kernels import penalties
from gpunn.layers import Dense
from gpunn.models import Sequential
from gpunn.regularizers import L1, L1L2, L2, ElasticNet, FromFormula, Lasso, OrthogonalRegularizer, Regularizer, Ridge

os.environ.setdefault("KERAS_BACKEND", "jax")
pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def cauchy():
    """Two formulas of a user's."""

    @gpunn.elementwise("w, width:const -> value", name="cauchy_penalty")
    def value(w, width):
        return log(1.0 + w * w / width)  # noqa: F821

    @gpunn.elementwise("w, width:const -> slope", name="cauchy_slope")
    def slope(w, width):
        return 2.0 * w / (width + w * w)

    yield value, slope
    from gpunn.kernels import REGISTRY

    for name in [n for n in REGISTRY if n.startswith("cauchy_")]:
        del REGISTRY[name]


# ------------------------------------------------------------------ values
@pytest.mark.parametrize(
    ("regularizer", "expected"),
    [
        (L1(1.0), 3), (L2(1.0), 5), (L1L2(1.0, 1.0), 8), (Lasso(1.0), 1.5), (Ridge(1.0), 1.25), (ElasticNet(1.0, 0.5), 1.375),
        (ElasticNet(1.0, 0.25), 1.3125), (Lasso(1.0, scale="sum"), 3), (Ridge(1.0, scale="sum"), 2.5),
    ],
    ids=repr,
)
def test_values_of_the_lectures(regularizer, expected):
    """w = [1, -2] (F-REG-01 to F-REG-05, DEC-13, ERR-33: the formula halves the mean)."""
    assert regularizer([1.0, -2.0]) == expected
    assert regularizer(np.array([[1.0], [-2.0]], np.float32)) == expected


@pytest.mark.parametrize("given", ["L1(0.3)", "L2(0.1)", "L1L2(0.01, 0.02)", "L1L2(l2=0.5)", "L1()", "L2()", "L1L2()",
                                   "OrthogonalRegularizer()", 'OrthogonalRegularizer(0.5, mode="columns")'])  # fmt: skip
def test_values_are_keras(given):
    keras = pytest.importorskip("keras")
    w = RNG.standard_normal((7, 5)).astype(np.float32)
    mine, theirs = (eval(f"library.{given}", {"library": r}) for r in (regularizers, keras.regularizers))
    tensor = keras.ops.convert_to_tensor(w)  # with a NumPy array its normalize(axis=0) goes wrong
    assert mine(w) == pytest.approx(float(theirs(tensor)), rel=1e-5)
    assert mine.get_config() == pytest.approx(theirs.get_config()) if "Orthogonal" not in given else True


def test_elastic_net_is_scikit_learns():
    """alpha and r mean what scikit-learn's do (its objective halves the mean error; the penalty is a sum)."""
    sklearn = pytest.importorskip("sklearn.linear_model")
    from gpunn.config import set_floatx

    rng = np.random.default_rng(3)
    x, true = rng.standard_normal((60, 6)), np.array([2.0, 0, -1, 0, 0, 0.5])
    y = x @ true + 0.1 * rng.standard_normal(60)
    theirs = sklearn.ElasticNet(alpha=0.2, l1_ratio=0.6, fit_intercept=False, tol=1e-10).fit(x, y)
    set_floatx("float64")
    try:
        penalty = ElasticNet(2 * 0.2, 0.6, scale="sum", proximal=True)  # twice: mse does not halve
        model = Sequential([Dense(1, use_bias=False, kernel_regularizer=penalty, input_dim=6)])
        model.compile(gpunn.optimizers.SGD(0.1), "mse")
        model.fit(x, y, batch_size=60, epochs=400, verbose=0)
    finally:
        set_floatx("float32")
    np.testing.assert_allclose(model.get_weights()[0].ravel(), theirs.coef_, atol=1e-6)
    assert ((model.get_weights()[0].ravel() == 0) == (theirs.coef_ == 0)).all() and (theirs.coef_ == 0).any()


# ------------------------------------------------------------------ gradients
def launched(regularizer, w, ops):
    """The gradient a step would add to zeros, and the sum of the values."""
    gradient, flat = np.zeros_like(w), w.reshape(-1)
    if regularizer.penalty is None:
        values = np.full(regularizer.slots(w.shape), np.nan)
        regularizer.record(ops, w, gradient, values)
        return float(values.sum()), gradient
    cut = flat.size // 2
    bounds = np.array([[0, cut], [cut, flat.size]])
    c = regularizer.coefficients(w.size)
    values = np.full(2, np.nan)
    ops.launch(regularizer.penalty.both, bounds, np.array([c, c]), flat, 1.0, gradient.reshape(-1), values)
    alone = np.full(2, np.nan)
    ops.launch(regularizer.penalty.value, bounds, np.array([c, c]), flat, alone)
    np.testing.assert_allclose(alone, values, rtol=1e-14)
    return float(values.sum()), gradient


MADE = [
    L1(0.3), L2(0.2), L1L2(0.3, 0.1), Lasso(0.4), Ridge(2.0), ElasticNet(0.7, 0.3), OrthogonalRegularizer(3.0),
    OrthogonalRegularizer(3.0, "columns"), None,
]


@pytest.mark.parametrize("regularizer", MADE, ids=repr)
def test_gradient(regularizer, cauchy, either_cpu):
    regularizer = regularizer or FromFormula(*cauchy, 0.5)
    w = np.random.default_rng(1).standard_normal((6, 5))
    value, gradient = launched(regularizer, w, either_cpu)
    assert value == pytest.approx(regularizer(w), rel=1e-12)
    compare(lambda: launched(regularizer, w, either_cpu)[0], [w], [gradient], 0, repr(regularizer))
    with pytest.raises(AssertionError, match="analytic"):
        compare(lambda: launched(regularizer, w, either_cpu)[0], [w], [1.001 * gradient], 0)


def test_the_absolute_value_has_no_slope_at_zero(either_cpu):
    np.testing.assert_array_equal(launched(L1(1.0), np.array([[0.0, -2.0, 3.0]]), either_cpu)[1], [[0, -1, 1]])


def test_a_proximal_penalty_has_a_value_and_no_gradient(either_cpu):
    value, gradient = launched(L1(1.0, proximal=True), np.array([[1.0, -2.0]]), either_cpu)
    assert value == 3 and not gradient.any()
    assert launched(L1L2(1.0, 0.5, proximal=True), np.array([[1.0, -2.0]]), either_cpu)[1].tolist() == [[1, -2]]


# ------------------------------------------------------------------ names and configurations
@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("l1", L1(0.01)), ("L1", L1(0.01)), ("l2", L2(0.01)), ("L2", L2(0.01)), ("l1_l2", L1L2(0.01, 0.01)), ("L1L2", L1L2()),
        ("l1l2", L1L2()), ("lasso", Lasso()), ("Ridge", Ridge()), ("elastic_net", ElasticNet()),
        ("orthogonal_regularizer", OrthogonalRegularizer()),
        (L2, L2()), (L2(0.5), L2(0.5)), ({"class_name": "L1", "config": {"l1": 0.25}}, L1(0.25)),
        ({"module": "keras.regularizers", "class_name": "L1L2", "config": {"l1": 0.2, "l2": 0.5}, "registered_name": None}, L1L2(0.2, 0.5)),
    ],
    ids=str,
)
def test_get(identifier, expected):
    found = regularizers.get(identifier)
    assert type(found) is type(expected) and found.get_config() == expected.get_config()


def test_functions_are_the_classes():
    assert regularizers.l1(0.1).get_config() == {"l1": 0.1} and regularizers.l2(l2=0.1).get_config() == {"l2": 0.1}
    assert regularizers.l1_l2(l1=0.1, l2=0.2).get_config() == {"l1": 0.1, "l2": 0.2}
    assert regularizers.get(None) is None and regularizers.serialize(None) is None and regularizers.deserialize(None) is None
    assert gpunn.regularizers is regularizers


@pytest.mark.parametrize(
    "thing",
    [
        L1(0.2), L2(0.3), L1L2(0.1, 0.2), L1L2(0.1, proximal=True), L1(proximal=True), Lasso(0.5, proximal=True), Ridge(0.5, "sum"),
        ElasticNet(0.5, 0.25, "sum", True), OrthogonalRegularizer(0.2, "columns"),
    ],
    ids=repr,
)
def test_configurations(thing):
    again = regularizers.deserialize(regularizers.serialize(thing))
    assert type(again) is type(thing) and again.get_config() == thing.get_config() and vars(again) == vars(thing)
    assert type(thing).from_config(thing.get_config()).get_config() == thing.get_config()


class Twice(Regularizer):
    """A user's: factor * sum of fourth powers."""

    def __init__(self, factor=0.1):
        self.factor = factor

    def __call__(self, w):
        return self.factor * (w**4).sum(), 4 * self.factor * w**3


def fourth(w):
    return Twice(0.3)(w)


def test_user_made_ones_are_saved_by_name():
    assert regularizers.serialize(Twice(0.5)) == {"class_name": "Twice", "config": {"factor": 0.5}}
    assert regularizers.deserialize(regularizers.serialize(Twice(0.5)), {"Twice": Twice}).factor == 0.5
    assert regularizers.get(fourth).function is fourth
    assert regularizers.serialize(regularizers.get(fourth)) == {"class_name": "function", "config": "fourth"}
    assert regularizers.deserialize({"class_name": "function", "config": "fourth"}, {"fourth": fourth}).function is fourth
    with pytest.raises(ValueError, match=r"Unknown regularizer: 'Twice'. Expected one of: .*L1, .*l1_l2"):
        regularizers.deserialize(regularizers.serialize(Twice()))
    with pytest.raises(ValueError, match=r"Unknown regularizer function: 'fourth'. Pass custom_objects=\{'fourth': the_function\}"):
        regularizers.deserialize({"class_name": "function", "config": "fourth"})


# ------------------------------------------------------------------ errors
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L1(-0.1), "Invalid value for argument l1: expected a non-negative float. Received: l1=-0.1"),
        (lambda: L2(float("nan")), "Invalid value for argument l2.*Received: l2=nan"),
        (lambda: L1L2(l2="0.1"), "Invalid value for argument l2.*Received: l2='0.1'"),
        (lambda: ElasticNet(0.1, 1.5), "Invalid value for argument r: expected a share from 0 to 1. Received: r=1.5"),
        (lambda: Lasso(scale="max"), "Invalid value for argument scale: expected 'mean' or 'sum'. Received: scale='max'"),
        (lambda: OrthogonalRegularizer(mode="diagonals"), 'Expected one of {"rows", "columns"}. Received: mode=diagonals'),
        (lambda: Dense(2, kernel_regularizer="l3"), "Unknown regularizer: 'l3'. Expected one of: .*L1, L1L2, L2, .*l1_l2, .*l2"),
        (lambda: Dense(2, bias_regularizer=0.01), "Could not interpret regularizer. Expected a name, a Regularizer or a function of w"),
        (lambda: Dense(2, activity_regularizer=L1(proximal=True)), "activity_regularizer cannot be L1.*for weights"),
        (lambda: Dense(2, activity_regularizer="orthogonal_regularizer"), "activity_regularizer cannot be Orthogonal"),
        (lambda: FromFormula(penalties.l1_l2, penalties.l1_l2_gradient, 0.1), r"the kernels take 3 constants. Received: \(0.1,\)"),
        (lambda: FromFormula(penalties.l1_l2, gpunn.kernels.REGISTRY["relu"]), "two elementwise kernels with one result and the same"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("regularizer", "message"),
    [
        (lambda w: (w**2).sum(), r"\(value, gradient\), a number and an array of shape \(3, 2\).*Received: float32"),
        (lambda w: (w, w), r"Received: tuple of shape \[\(3, 2\), \(3, 2\)\]"),
        (lambda w: ((w**2).sum(), w[0]), r"Received: tuple of shape \[\(\), \(2,\)\]"),
        (OrthogonalRegularizer(mode="columns"), r"of d/bias: expected a matrix with at least two columns. Received: shape \(2,\)"),
    ],
)
def test_what_does_not_fit_a_weight_is_refused_when_it_is_made(regularizer, message):
    name = "bias_regularizer" if isinstance(regularizer, Regularizer) else "kernel_regularizer"
    with pytest.raises(ValueError, match=message):
        Sequential([Dense(2, name="d", input_dim=3, **{name: regularizer})])
    model = Sequential([Dense(2, name="d", **{name: regularizer})])
    with pytest.raises(ValueError, match=message):
        model.build((None, 3))
    assert not model.built


def test_the_base_class_asks_for_a_call():
    with pytest.raises(NotImplementedError, match=r"Regularizer gives no __call__\(w\) that returns \(value, gradient\)"):
        Regularizer()(np.ones(2))


def test_a_formula_without_a_class_cannot_be_saved(cauchy):
    layer = Dense(2, kernel_regularizer=FromFormula(*cauchy, 0.5))
    with pytest.raises(ValueError, match=r"FromFormula\(cauchy_penalty, 0.5\) cannot be saved: give it a class"):
        layer.get_config()
