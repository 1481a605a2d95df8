"""Targets (rows, steps) of an output (rows, steps, 1) are vectors to a loss, as in Keras 3: in fit, evaluate, tapes, calls and graphs."""

import numpy as np
import pytest
from keras_twin import assert_same_history, assert_same_weights, compute_in, keras, twins

import gpunn
from gpunn import layers, losses, ops

pytestmark = pytest.mark.usefixtures("float64", "cpu")
ROWS, STEPS, BATCH = 10, 3, 4
REDUCTIONS = ["sum", "sum_over_batch_size", "mean", "mean_with_sample_weight"]
RNG = np.random.default_rng(0)
X, Y, WEIGHTS = RNG.standard_normal((ROWS, 6)), RNG.uniform(0.1, 0.9, (ROWS, STEPS)), RNG.uniform(0, 2, ROWS)
SGD = ("SGD", {"learning_rate": 0.01})
STACK = [("Reshape", {"target_shape": (STEPS, 2)}), ("Dense", {"units": 1, "activation": "sigmoid"})]
ONCE = {"batch_size": BATCH, "verbose": 0}


@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["plain", "weighed"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ["MeanSquaredError", "KLDivergence", "BinaryCrossentropy"])
def test_in_training(name, reduction, weight):
    """The last of the losses is fused with the sigmoid."""
    ours, theirs = twins(STACK, SGD, (name, {"reduction": reduction}), ["mae"])
    fit = {"shuffle": False, "epochs": 2, "sample_weight": weight, **ONCE}
    assert_same_history(ours.fit(X, Y, **fit), theirs.fit(X, Y, **fit))
    assert_same_weights(ours, theirs)
    mine, other = (m.evaluate(X, Y, sample_weight=weight, **ONCE) for m in (ours, theirs))
    np.testing.assert_allclose(mine, other, rtol=1e-5)
    mine, other = (m.train_on_batch(X, Y, weight)[0] for m in (ours, theirs))
    np.testing.assert_allclose(mine, other, rtol=1e-5)
    assert_same_weights(ours, theirs)


def test_a_function_as_loss():
    compute_in("float64")
    ours, theirs = twins(STACK, SGD, "mse")
    for model, library in ((ours, gpunn), (theirs, keras)):
        model.compile(library.optimizers.SGD(0.01), lambda y, p, ops=library.ops: ops.sum(ops.square(y - p), axis=-1))
    assert_same_history(*(m.fit(X, Y, shuffle=False, epochs=2, **ONCE) for m in (ours, theirs)))


def test_metrics_take_the_output_as_it_is():
    """As does a call after it with targets that have the axis."""
    model, _ = twins(STACK, SGD, ("MeanSquaredError", {"reduction": "sum"}), ["mse"])
    summed, mean = model.evaluate(X, Y, batch_size=ROWS, verbose=0)
    assert summed == pytest.approx(ROWS * mean)
    summed, mean = model.evaluate(X, Y[..., None], batch_size=ROWS, verbose=0)
    assert summed == pytest.approx(ROWS * STEPS * mean)


@pytest.mark.parametrize("told", ["mask", "weights"])
def test_steps_that_are_told_apart_have_values_of_their_own(told):
    """Where Keras has an error."""
    keep = RNG.integers(0, 2, (ROWS, STEPS))
    x = RNG.standard_normal((ROWS, STEPS, 2)) * (keep[..., None] if told == "mask" else 1)
    model = gpunn.Sequential([layers.Input((STEPS, 2)), layers.Masking(), layers.Dense(1)])
    model.compile("sgd", losses.MeanSquaredError(reduction="sum"))
    found = model.evaluate(x, Y, sample_weight=None if told == "mask" else keep, batch_size=ROWS, verbose=0)
    assert found == pytest.approx(np.sum(keep * (model.predict(x)[..., 0] - Y) ** 2))


@pytest.mark.parametrize("reduction", [*REDUCTIONS, None])
@pytest.mark.parametrize("name", ["MeanSquaredError", "KLDivergence"])
def test_calls(name, reduction):
    """Of arrays, of tensors in a tape and of those of a graph."""
    compute_in("float64")
    p = RNG.uniform(0.1, 0.9, (ROWS, STEPS, 1))
    ours, theirs = (getattr(m, name)(reduction=reduction) for m in (losses, keras.losses))
    wanted = np.asarray(theirs(Y, p))
    np.testing.assert_allclose(ours(Y, p), wanted)
    with gpunn.GradientTape():
        np.testing.assert_allclose(ours(Y, ops.multiply(gpunn.Variable(p), 1.0)).numpy(), wanted)
    y, prediction = layers.Input((STEPS,)), layers.Input((STEPS, 1))
    graph = gpunn.Model([y, prediction], layers.Lambda(lambda pair: pair[1] * 0 + ops.sum(ours(*pair)))([y, prediction]))
    np.testing.assert_allclose(graph.predict([Y, p], batch_size=ROWS), np.full(p.shape, wanted.sum()))


def test_a_step_of_ones_own_by_pullbacks():
    class Own(gpunn.Sequential):
        def train_step(self, data):
            x, y = data
            y_pred, backward = self.forward(x, training=True)
            loss, gradient = self.compute_loss(x, y, y_pred)
            backward(gradient)
            self.apply_gradients()
            return {"loss": loss}

    ours, theirs = twins(STACK, SGD, ("MeanSquaredError", {"reduction": "sum"}))
    own = Own(ours.layers)
    own.compile(gpunn.optimizers.SGD(0.01), losses.MeanSquaredError(reduction="sum"))
    for model in (own, theirs):
        model.fit(X, Y, shuffle=False, epochs=2, **ONCE)
    assert_same_weights(own, theirs)
