"""What an optimizer keeps, one by one: order, shapes and values are Keras 3's, and what is assigned counts."""

import re

import numpy as np
import pytest
from keras_twin import assert_same_weights, compute_in, keras, twins

import gpunn
from gpunn import layers, optimizers

pytestmark = pytest.mark.usefixtures("float64", "cpu")
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((12, 6)), RNG.standard_normal((12, 2))
STACK = [("Dense", {"units": 3, "activation": "tanh", "name": "first"}), ("Dense", {"units": 2, "name": "last"})]
ONCE = {"batch_size": 12, "epochs": 3, "shuffle": False, "verbose": 0}
CASES = {
    "sgd": ("SGD", {}), "momentum": ("SGD", {"momentum": 0.9}), "adam": ("Adam", {}), "amsgrad": ("Adam", {"amsgrad": True}),
    "rmsprop": ("RMSprop", {"momentum": 0.9, "centered": True}), "nadam": ("Nadam", {}), "adagrad": ("Adagrad", {}), "ftrl": ("Ftrl", {}),
    "accumulated": ("Adam", {"gradient_accumulation_steps": 3}),
}


@pytest.mark.parametrize("case", [*CASES.values(), ("Adam", {"use_ema": True})], ids=[*CASES, "averaged"])
def test_as_keras_lists_them(case):
    ours, theirs = twins(STACK, case, "mse")
    for model in (ours, theirs):
        model.fit(X, Y, **ONCE)
    mine, other = ours.optimizer.variables, theirs.optimizer.variables
    assert [v.shape for v in mine] == [v.shape for v in other]
    for a, b in zip(mine, other, strict=True):
        assert re.fullmatch(r"variable(_\d+)?", b.name) or b.name.endswith(a.name)  # ours leave out the model's name
        np.testing.assert_allclose(a.numpy(), np.asarray(b), rtol=1e-5, atol=1e-9, err_msg=a.path)
    assert ours.optimizer.iterations == int(theirs.optimizer.iterations)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_state_taken_from_keras(case):
    """Both go on from Keras's state alike."""
    ours, theirs = twins(STACK, case, "mse")
    theirs.fit(X, Y, **ONCE)
    ours.set_weights(theirs.get_weights())
    store: dict = {}
    theirs.optimizer.save_own_variables(store)
    ours.optimizer.load_own_variables({key: np.asarray(value) for key, value in store.items()})
    for model in (ours, theirs):
        model.fit(X, Y, **ONCE)
    assert_same_weights(ours, theirs)


def test_saved_and_loaded():
    first, _ = twins(STACK, "adam", "mse")
    first.fit(X, Y, **ONCE)
    store: dict = {}
    first.optimizer.save_own_variables(store)
    second = gpunn.models.clone_model(first)
    second.compile("adam", "mse")
    second.set_weights(first.get_weights())
    second.optimizer.load_own_variables(store)
    for model in (first, second):
        model.fit(X, Y, **ONCE)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="SGD: expected 2 variables"):
        optimizers.SGD().load_own_variables(store)


def test_assigned_in_a_loop_of_ones_own():
    compute_in("float64")
    pairs = []
    for library in (gpunn, keras):
        weight = library.Variable(np.ones(3))
        optimizer = library.optimizers.SGD(0.1, momentum=0.9)
        optimizer.build([weight])
        for step in range(3):
            if step == 2:
                optimizer.variables[2].assign(np.zeros(3))
                optimizer.variables[1].assign(0.5)
            optimizer.apply([np.arange(3.0)], [weight])
        pairs.append((np.asarray(weight), [np.asarray(v) for v in optimizer.variables]))
    (mine, kept), (other, theirs) = pairs
    np.testing.assert_allclose(mine, other)
    for a, b in zip(kept, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    with pytest.raises(ValueError, match=r"expected a value of shape \(3,\). Received: \(2,\)"):
        optimizer_of(3).variables[2].assign(np.zeros(2))


def optimizer_of(size):
    optimizer = optimizers.SGD(0.1, momentum=0.9)
    optimizer.build([gpunn.Variable(np.ones(size))])
    return optimizer


def test_iterations_are_assigned():
    model = gpunn.Sequential([layers.Input((6,)), layers.Dense(2)])
    model.compile(optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)), "mse")
    model.fit(X, Y, **ONCE)
    model.optimizer.iterations.assign(0)
    assert model.optimizer.iterations == 0 and model.optimizer.learning_rate == pytest.approx(0.1)
    model.fit(X, Y, **ONCE)
    assert model.optimizer.iterations == 3
    with pytest.raises(ValueError, match=r"Expected build\(variables\) before"):
        optimizers.SGD().iterations.assign(3)
