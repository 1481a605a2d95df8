"""The seeds' worked examples on updates, through the library: EX-26 (steps of w^2), SN-17 to SN-20, EX-19, EX-15, delta rule, online and
batch."""

import numpy as np
import pytest

from gpunn import optimizers
from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.optimizers import SGD, Adadelta, Adagrad, Adam, RMSprop

pytestmark = pytest.mark.usefixtures("either_cpu", "float64")

# w = 1, loss w^2: the first three values of w (seeds, EX-26)
EX_26 = [
    (lambda: SGD(0.1), [0.8, 0.64, 0.512]),
    (lambda: SGD(0.1, momentum=0.9), [0.8, 0.46, 0.062]),
    (lambda: SGD(0.1, momentum=0.5), [0.8, 0.54, 0.302]),
    (lambda: SGD(0.1, momentum=0.9, nesterov=True), [0.62, 0.2224, -0.108352]),
    (lambda: Adagrad(learning_rate=0.01, initial_accumulator_value=0.1), [0.9901227, 0.9831308, 0.9774279]),
    (lambda: RMSprop(learning_rate=0.001, rho=0.9), [0.9968377, 0.9945470, 0.9926307]),
    (lambda: Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8), [0.9990000, 0.9980000, 0.9970001]),
    (lambda: Adadelta(1.0, rho=0.95, epsilon=1e-6), [0.9955279, 0.9910087, 0.9864645]),
]


def one_weight(optimizer, start=1.0):
    model = Sequential([Input((1,)), Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(optimizer, "mse")
    model.set_weights([np.array([[start]])])
    return model


@pytest.mark.parametrize(("make", "want"), EX_26, ids=lambda v: str(v) if isinstance(v, list) else "")
def test_ex_26_steps_of_a_square(make, want):
    model = one_weight(make())
    values = []
    for _ in want:
        model.train_on_batch(np.ones((1, 1)), np.zeros((1, 1)))
        values.append(float(model.get_weights()[0][0, 0]))
    np.testing.assert_allclose(values, want, rtol=1e-6)


def test_sn_17_decay_and_momentum_take_effect():
    """0.01 / (1 + 1e-6 t): 0.00999001 after 1000 updates, 0.005 after a million."""
    optimizer = SGD(learning_rate=0.01, decay=1e-6, momentum=0.9)
    model = one_weight(optimizer)
    for steps, rate in ((0, 0.01), (1000, 0.00999001), (10**6, 0.005)):
        model.backend.write(optimizer.step, steps)
        assert optimizer.current_learning_rate == pytest.approx(rate, rel=1e-6) and optimizer.learning_rate == 0.01
        model.backend.write(optimizer.state["momentum"], 0)
        model.set_weights([np.ones((1, 1))])
        model.train_on_batch(np.ones((1, 1)), np.zeros((1, 1)))
        assert 1 - float(model.get_weights()[0][0, 0]) == pytest.approx(2 * rate, rel=1e-6)
    assert optimizer.get_config() | {"name": ""} == SGD(0.01, 0.9, decay=1e-6).get_config() | {"name": ""}
    assert optimizers.deserialize(optimizers.serialize(optimizer)).current_learning_rate == 0.01


def test_decay_counts_updates_and_follows_the_rate_that_is_set():
    optimizer = SGD(0.1, decay=0.5, gradient_accumulation_steps=2)
    model = one_weight(optimizer)
    rates = []
    for step in range(6):
        before = float(model.get_weights()[0][0, 0])
        model.train_on_batch(np.ones((1, 1)), np.zeros((1, 1)))
        rates.append((before - float(model.get_weights()[0][0, 0])) / (2 * before))
        if step == 3:
            optimizer.learning_rate = 0.2
    np.testing.assert_allclose(rates, [0, 0.1, 0, 0.1 / 1.5, 0, 0.2 / 2], atol=1e-12)


@pytest.mark.parametrize("spelling", ["lr", "learning_rate"])
def test_old_spelling_of_the_rate(spelling):
    for kind in (SGD, Adagrad, Adadelta, RMSprop, Adam):
        optimizer = kind(**{spelling: 0.25})
        assert optimizer.learning_rate == optimizer.lr == 0.25


def test_ex_15_one_weight_by_hand():
    """Target 10, input 3, weight 2: slope -24, new weight 2.24 at rate 0.01."""
    model = one_weight(SGD(0.01), 2.0)
    model.train_on_batch(np.array([[3.0]]), np.array([[10.0]]))
    assert float(model.get_weights()[0][0, 0]) == pytest.approx(2.24)


@pytest.mark.parametrize(("batch", "updates"), [(100, 11), (1050, 1), (1, 1050)])
def test_ex_19_updates_of_an_epoch(batch, updates):
    model = one_weight(SGD(0.001))
    model.fit(np.ones((1050, 1)), np.zeros((1050, 1)), batch_size=batch, verbose=0)
    assert model.optimizer.iterations == updates


def test_f_opt_02_and_03_the_delta_rule():
    """One step on the summed half squares is w + rate * sum (t - y) x, and with a sigmoid times y (1 - y)."""
    rng = np.random.default_rng(0)
    x, t, w = rng.standard_normal((20, 3)), rng.uniform(0, 1, (20, 1)), rng.standard_normal((3, 1))
    sigmoid = ("sigmoid", lambda z: 1 / (1 + np.exp(-z)), lambda y: y * (1 - y))
    for activation, f, slope in (("linear", lambda z: z, lambda y: 1.0), sigmoid):
        model = Sequential([Input((3,)), Dense(1, activation=activation, use_bias=False)])
        model.compile(SGD(0.05), {"class_name": "MeanSquaredError", "config": {"reduction": "sum"}})  # twice the half squares
        model.set_weights([w])
        model.fit(x, t, batch_size=20, verbose=0)
        y = f(x @ w)
        np.testing.assert_allclose(model.get_weights()[0], w + 2 * 0.05 * x.T @ ((t - y) * slope(y)), rtol=1e-9)


def test_f_opt_09_a_batch_in_chunks_is_the_same_step():
    """Gradients of four chunks accumulated: the step of the whole batch."""
    rng = np.random.default_rng(1)
    x, t = rng.standard_normal((32, 1)), rng.standard_normal((32, 1))
    whole, chunks = one_weight(Adam(0.1)), one_weight(Adam(0.1, gradient_accumulation_steps=4))
    for _ in range(3):
        whole.fit(x, t, batch_size=32, verbose=0, shuffle=False)
        chunks.fit(x, t, batch_size=8, verbose=0, shuffle=False)
        np.testing.assert_allclose(chunks.get_weights()[0], whole.get_weights()[0], rtol=1e-12)
    assert chunks.optimizer.iterations == whole.optimizer.iterations == 3 and chunks.optimizer.steps == 12


def test_err_13_where_epsilon_stands():
    """Adam: beside the root; g = 1e-5, epsilon 1e-8 give a first step of 0.999 of the rate (inside the root it were 0.0995)."""
    model = one_weight(Adam(0.001, epsilon=1e-8), 5e-6)
    before = float(model.get_weights()[0][0, 0])
    model.train_on_batch(np.ones((1, 1)), np.zeros((1, 1)))
    inside = 1e-5 / np.sqrt(1e-10 + 1e-8)
    share = (before - float(model.get_weights()[0][0, 0])) / 0.001
    assert inside == pytest.approx(0.0995, abs=1e-4)
    assert share == pytest.approx(np.sqrt(0.001) * 1e-5 / (np.sqrt(0.001) * 1e-5 + 1e-8), rel=1e-6)
