"""Losses that users write: NumPy functions, functions of launches, pairs of formulas, classes; what is wrong with one is said."""

import numpy as np
import pytest

import gpunn
from gpunn import losses
from gpunn.kernels import REGISTRY
from gpunn.kernels.row_losses import MEAN_SQUARED_ERROR
from gpunn.layers import Dense, Input
from gpunn.models import Sequential, load_model

pytestmark = pytest.mark.usefixtures("float64")
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((40, 5)), RNG.standard_normal((40, 2))


def numpy_mse(y_true, y_pred):
    """One value a row."""
    e = y_pred - y_true
    return np.mean(e**2, axis=-1), 2 * e / e.shape[-1]


def one_number(y_true, y_pred):
    """One value a batch, and its gradient."""
    e = y_pred - y_true
    return np.mean(e**2), 2 * e / e.size


def launches(ops, y_true, y_pred):
    values, gradient = ops.empty((y_pred.shape[0],), y_pred.dtype), ops.empty(y_pred.shape, y_pred.dtype)
    ones = ops.asarray(np.ones(y_pred.shape[0], y_pred.dtype))
    ops.launch(MEAN_SQUARED_ERROR, y_pred, y_true, ones, 1.0, values, gradient)
    return values, gradient


launches.recordable = True


def square(p, t):
    return (p - t) * (p - t)


def square_gradient(p, t):
    return 2.0 * (p - t)


class OwnLoss(losses.Loss):
    def call(self, y_true, y_pred):
        return numpy_mse(y_true, y_pred)


FORMULAS = losses.FormulaLoss(square, square_gradient)
WAYS = {
    "numpy": (numpy_mse, False), "one number": (one_number, False), "launches": (launches, True), "formulas": (FORMULAS, True),
    "class": (OwnLoss(), False), "class itself": (OwnLoss, False), "sum": (losses.LossFunctionWrapper(numpy_mse, reduction="sum"), False),
}


def trained(loss, where="cpu", weights=None, **options):
    with gpunn.device(where):
        gpunn.utils.set_random_seed(3)
        model = Sequential([Input((5,)), Dense(4, activation="tanh"), Dense(2)])
        model.compile(gpunn.optimizers.SGD(0.05), loss, **options)
        history = model.fit(X, Y, batch_size=16, epochs=2, verbose=0, sample_weight=weights)
    return model, history.history


@pytest.mark.parametrize("way", WAYS)
def test_a_users_mse_trains_as_ours_does(way, either_cpu):
    loss, recorded = WAYS[way]
    ours, history = trained(losses.MeanSquaredError(reduction="sum") if way == "sum" else "mse")
    own, same = trained(loss)
    np.testing.assert_allclose(same["loss"], history["loss"], rtol=1e-9)
    for a, b in zip(ours.get_weights(), own.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    np.testing.assert_allclose(own.evaluate(X, Y, verbose=0), ours.evaluate(X, Y, verbose=0), rtol=1e-9)
    text = own.explain(print_fn=str)
    assert ("called from Python in every step" in text and "Not recorded" in text) == (not recorded)
    assert ("Nodes:" in text) == recorded


@pytest.mark.parametrize("way", [w for w in WAYS if w != "one number"])
def test_weights_of_rows(way, cpu):
    weights = RNG.uniform(0, 2, 40)
    ours, history = trained(losses.MeanSquaredError(reduction="sum") if way == "sum" else "mse", weights=weights)
    own, same = trained(WAYS[way][0], weights=weights)
    np.testing.assert_allclose(same["loss"], history["loss"], rtol=1e-9)
    np.testing.assert_allclose(own.get_weights()[0], ours.get_weights()[0], rtol=1e-9)


def test_one_number_cannot_be_weighed(cpu):
    with pytest.raises(ValueError, match="one value for the whole batch cannot be weighed by rows"):
        trained(one_number, weights=RNG.uniform(0, 2, 40))


@pytest.mark.parametrize("way", ["numpy", "launches", "formulas"])
def test_on_a_device(way, sim_with):
    sim_with()
    on_cpu, _ = trained(WAYS[way][0])
    on_sim, _ = trained(WAYS[way][0], "sim")
    for a, b in zip(on_cpu.get_weights(), on_sim.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_a_formula_makes_one_kernel_however_often_it_is_given(cpu):
    before = set(REGISTRY)
    again = losses.FormulaLoss(square, square_gradient)
    assert again.kernel is FORMULAS.kernel and set(REGISTRY) == before
    np.testing.assert_allclose(again(Y, Y + 0.5), 0.25)


def test_called_with_arrays(cpu):
    for loss in (losses.LossFunctionWrapper(numpy_mse), OwnLoss(), losses.get(one_number), FORMULAS):
        assert loss(Y, Y + 0.5) == pytest.approx(0.25, rel=1e-6)
    np.testing.assert_allclose(losses.LossFunctionWrapper(numpy_mse, reduction=None)(Y, Y + 0.5), np.full(40, 0.25))
    assert losses.get(numpy_mse).name == "numpy_mse"


def asymmetric(y_true, y_pred, late=3.0):
    """F-LOS-18: what is too high costs more."""
    e = y_pred - y_true
    cost = np.where(e > 0, late, 1.0)
    return np.mean(cost * e**2, axis=-1), 2 * cost * e / e.shape[-1]


def test_an_asymmetric_loss_with_options(cpu):
    low, _ = trained(losses.LossFunctionWrapper(asymmetric, late=50.0))
    even, _ = trained(losses.LossFunctionWrapper(asymmetric, late=1.0))
    assert (low.predict(X, verbose=0) - Y).mean() < (even.predict(X, verbose=0) - Y).mean()


def test_saved_with_its_name_and_loaded_with_custom_objects(tmp_path, cpu):
    model, _ = trained(asymmetric, metrics=[asymmetric])
    model.save(tmp_path / "own.npz")
    with pytest.raises(ValueError, match=r"The (loss|metric) 'asymmetric' is a user's own: give it in custom_objects"):
        load_model(tmp_path / "own.npz")
    again = load_model(tmp_path / "own.npz", custom_objects={"asymmetric": asymmetric})
    np.testing.assert_allclose(again.evaluate(X, Y, verbose=0), model.evaluate(X, Y, verbose=0), rtol=1e-12)


@pytest.mark.parametrize(
    ("loss", "error", "message"),
    [
        (lambda t, p: np.mean((t - p) ** 2, axis=-1), TypeError, r"what gpunn.ops makes of symbolic tensors, or"),
        (lambda t, p: (np.zeros(3), p), ValueError, r"expected a value of shape \(16,\) or \(\) and a gradient of shape \(16, 2\)"),
        (lambda t, p: (np.zeros(16), p[:1]), ValueError, r"Received: \(16,\) and \(1, 2\)"),
    ],
)
def test_what_is_wrong_is_said(loss, error, message, cpu):
    with pytest.raises(error, match=message):
        trained(loss)


def test_targets_of_any_shape_reach_the_function(cpu):
    seen = []

    def of_labels(y_true, y_pred):
        seen.append((y_true.shape, y_true.dtype.kind))
        return np.zeros(len(y_pred)), np.zeros_like(y_pred)

    model = Sequential([Input((5,)), Dense(2)])
    model.compile("sgd", of_labels)
    model.fit(X, np.arange(40), batch_size=20, verbose=0)
    assert set(seen) == {((20,), "i")}
