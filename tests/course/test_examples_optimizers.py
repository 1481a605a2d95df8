"""EX-22, EX-23, EX-26: learning rates over epochs, callbacks on a plateau, and the first steps of every optimizer of the slides."""

import numpy as np
import pytest

from gpunn import optimizers
from gpunn.callbacks import Callback, EarlyStopping, LearningRateScheduler, ReduceLROnPlateau
from gpunn.layers import Dense
from gpunn.models import Sequential

pytestmark = pytest.mark.usefixtures("either_cpu")

STEPS = {
    "SGD": (lambda: optimizers.SGD(0.1), [0.8, 0.64, 0.512]),
    "SGD, momentum 0.9": (lambda: optimizers.SGD(0.1, momentum=0.9), [0.8, 0.46, 0.062]),
    "SGD, momentum 0.5": (lambda: optimizers.SGD(0.1, momentum=0.5), [0.8, 0.54, 0.302]),
    "SGD, nesterov": (lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True), [0.62, 0.2224, -0.108352]),
    "Adagrad": (lambda: optimizers.Adagrad(0.01, initial_accumulator_value=0.1), [0.9901227, 0.9831308, 0.9774279]),
    "RMSprop": (lambda: optimizers.RMSprop(0.001, rho=0.9), [0.9968377, 0.9945470, 0.9926307]),
    "Adam": (lambda: optimizers.Adam(0.001, 0.9, 0.999, epsilon=1e-8), [0.9990000, 0.9980000, 0.9970001]),
    "Adadelta": (lambda: optimizers.Adadelta(1.0, rho=0.95, epsilon=1e-6), [0.9955279, 0.9910087, 0.9864645]),
}


@pytest.mark.parametrize("name", STEPS)
def test_ex26_first_steps(float64, name):
    """w = 1, L = w^2, so the gradient is 2 w."""
    make, expected = STEPS[name]
    model = Sequential([Dense(1, use_bias=False, kernel_initializer="ones", input_dim=1)])
    model.compile(optimizer=make(), loss="mse")
    found = []
    for _ in range(3):
        model.train_on_batch([[1.0]], [[0.0]])
        found.append(model.get_weights()[0].item())
    assert found == pytest.approx(expected, abs=6e-8)


def test_err13_where_epsilon_stands(float64):
    """Gradient 1e-5, epsilon 1e-8. Beside the root, as in the paper, Adam's first step would be 0.999 of the rate; Keras has it beside the
    root before its correction, 0.969; inside the root it would be 0.0995."""
    model = Sequential([Dense(1, use_bias=False, kernel_initializer="zeros", input_dim=1)])
    model.compile(optimizer=optimizers.Adam(0.001, epsilon=1e-8), loss="mse")
    model.train_on_batch([[1.0]], [[-5e-6]])
    v = 0.001 * 1e-10
    step = 0.001 * 1e-5 * np.sqrt(0.001) / (np.sqrt(v) + 1e-8)
    assert step == pytest.approx(0.969e-3, rel=1e-3) and model.get_weights()[0].item() == pytest.approx(-step, rel=1e-9)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (lambda epoch: 0.1 * 0.5 ** (epoch // 5), {0: 0.1, 4: 0.1, 5: 0.05, 10: 0.025, 15: 0.0125, 20: 0.00625}),
        (lambda epoch: 0.1 * 0.1 ** (epoch // 20), {0: 0.1, 19: 0.1, 20: 0.01, 39: 0.01, 40: 0.001}),
    ],
    ids=["by half every 5", "by ten every 20"],
)
def test_ex22_step_decay(rule, expected):
    """The rate that each epoch trains with, as the weight's steps show it."""
    model = Sequential([Dense(1, use_bias=False, kernel_initializer="zeros", input_dim=1)])
    model.compile(optimizer=optimizers.SGD(0.1), loss="mae")
    weights = [0.0]

    class Watch(Callback):
        def on_epoch_end(self, epoch, logs=None):
            weights.append(-self.model.get_weights()[0].item())

    model.fit([[1.0]], [[-1e9]], epochs=41, verbose=0, callbacks=[LearningRateScheduler(rule), Watch()])
    found = np.diff(weights)
    assert {epoch: found[epoch] for epoch in expected} == pytest.approx(expected, rel=1e-4)


def plateau(losses, callbacks, epochs, rate=0.001):
    """A fit whose validation losses are these, the last for ever. -> the rate at each epoch's end."""
    rates = []

    class Script(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_loss"] = losses[min(epoch, len(losses) - 1)]

    class Watch(Callback):
        def on_epoch_end(self, epoch, logs=None):
            rates.append(self.model.optimizer.learning_rate)

    model = Sequential([Dense(1, input_dim=1)])
    model.compile(optimizer=optimizers.SGD(rate), loss="mse")
    x = np.ones((2, 1))
    model.fit(x, x, epochs=epochs, verbose=0, validation_data=(x, x), callbacks=[Script(), *callbacks, Watch()])
    return rates


def test_ex23_the_settings_of_deck_2():
    """0.2 / 3 / 1e-4, patience 5: cut at the end of epoch 6 (epochs counted from 1), stopped at the end of epoch 8."""
    losses = [1.0, 0.9, 0.8]
    stop = EarlyStopping(monitor="val_loss", patience=5)
    rates = plateau(losses, [stop, ReduceLROnPlateau(monitor="val_loss", factor=0.2, patience=3, min_lr=0.0001)], 50)
    assert rates == pytest.approx([0.001] * 5 + [0.0002] * 3) and stop.stopped_epoch == 7
    rates = plateau(losses, [ReduceLROnPlateau(monitor="val_loss", factor=0.2, patience=3, min_lr=0.0001)], 15)
    assert rates == pytest.approx([0.001] * 5 + [0.0002] * 3 + [0.0001] * 7)  # not 0.00004


def test_ex23_the_settings_of_deck_3():
    """0.1 / 10 / 1e-6 on a constant loss: 1e-4 at the end of epoch 11, 1e-5 at 21, 1e-6 at 31, then no lower."""
    rates = plateau([1.0], [ReduceLROnPlateau(factor=0.1, patience=10, min_lr=1e-6)], 45)
    assert rates == pytest.approx([1e-3] * 10 + [1e-4] * 10 + [1e-5] * 10 + [1e-6] * 15)


def test_ex23_the_settings_of_deck_4():
    stop = EarlyStopping(patience=2)
    assert len(plateau([1, 0.9, 0.95, 0.96], [stop], 20)) == 4 and stop.stopped_epoch == 3
