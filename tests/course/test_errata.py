"""The slides' mistakes that no worked example shows: what is right, seen in the library. And their table, gpunn/compat/ERRATA.md."""

import re
from pathlib import Path

import numpy as np
import pytest

import gpunn
from gpunn import activations, compat, datasets, losses, optimizers
from gpunn.layers import Activation, BatchNormalization, Dense, Dropout
from gpunn.models import Sequential, load_model
from gpunn.optimizers import SGD, Adam

pytestmark = pytest.mark.usefixtures("cpu")
TABLE = Path(compat.__file__).with_name("ERRATA.md")
RNG = np.random.default_rng(4)


def rows():
    """The table's rows: number -> cells."""
    cells = [[c.strip() for c in line.strip("|\n").split("|")] for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in cells if re.fullmatch(r"(ERR|DEC)-\d\d", row[0])}


def test_the_table_is_whole():
    assert sorted(rows()) == sorted([f"ERR-{i:02}" for i in range(1, 58)] + [f"DEC-{i:02}" for i in range(1, 21)])


@pytest.mark.parametrize("number", sorted(rows()))
def test_every_row_names_a_test_that_exists(number):
    named = re.findall(r"(\w+/test_\w+\.py)::(test_\w+)", rows()[number][-1])
    assert named
    for file, test in named:
        text = (Path(__file__).parents[1] / file).read_text()
        assert re.search(rf"^def {test}\(", text, re.MULTILINE), f"tests/{file} has no {test}"


def one(activation=None, weights=(1.0, 0.0), inputs=1, loss="mse", optimizer="sgd"):
    """One neuron with these weights; its layer and the model."""
    model = Sequential([Dense(1, activation, input_dim=inputs)])
    model.set_weights([np.reshape(weights[0], (inputs, 1)), np.reshape(weights[1], (1,))])
    model.compile(loss=loss, optimizer=optimizer)
    return model


def test_a_neuron_weighs_and_sums():
    """ERR-10, ERR-11, ERR-47: the activation of the weighted sum, not of the inputs or of each of them."""
    w, b, x = np.array([0.5, -2.0, 1.0]), 0.25, np.array([[1.0, 2.0, 3.0]])
    found = one("sigmoid", (w, b), 3).predict(x, verbose=0).item()
    assert found == pytest.approx(1 / (1 + np.exp(-(x[0] @ w + b))), rel=1e-6)
    assert found != pytest.approx(1 / (1 + np.exp(-x.sum())), rel=0.1)


def test_the_bias_shifts_the_activations_input():
    """ERR-55, DEC-10: f(w x + b), not f(w x) + b and not f(w x - b)."""
    found = one("sigmoid", (2.0, 1.5)).predict([[0.5]], verbose=0).item()
    assert found == pytest.approx(1 / (1 + np.exp(-2.5)), rel=1e-6)


def test_a_sigmoid_only_comes_near_0_and_1():
    """ERR-16: above and below the threshold it is strictly between; a step is 0 or 1."""
    y = activations.sigmoid(np.array([[-5.0, -0.1, 0.0, 0.1, 5.0]]))[0]
    assert ((0 < y) & (y < 1)).all() and (np.diff(y) > 0).all() and y[2] == 0.5


def test_zero_weights_give_one_half():
    """ERR-26: the weighted sums are 0, the sigmoids' outputs are not."""
    model = Sequential([Dense(4, "sigmoid", kernel_initializer="zeros", input_dim=3), Dense(2, kernel_initializer="ones")])
    x = RNG.normal(size=(5, 3))
    np.testing.assert_array_equal(model.layers[0](x), 0.5)
    np.testing.assert_array_equal(model.predict(x, verbose=0), 2)


def test_the_cost_of_a_network_is_not_a_parabola():
    """ERR-24: over one weight the MSE of a linear neuron is convex, that of two layers is not."""
    grid = np.linspace(-12, 12, 49)

    def second_differences(model, place):
        costs = []
        for w in grid:
            weights = [np.array(v) for v in start]
            weights[place].flat[0] = w
            model.set_weights(weights)
            costs.append(model.evaluate([[1.0], [2.0]], [[0.2], [0.9]], verbose=0))
        return np.diff(costs, 2)

    model = one()
    start = model.get_weights()
    assert np.ptp(second_differences(model, 0)) < 1e-2 and second_differences(model, 0).min() > 0.5
    model = Sequential([Dense(2, "sigmoid", input_dim=1), Dense(1, "sigmoid")])
    model.compile(loss="mse", optimizer="sgd")
    start = [np.array([[1.0, -3.0]]), np.array([1.0, 2.0]), np.array([[4.0], [-2.0]]), np.array([0.0])]
    assert second_differences(model, 0).min() < -1e-4


def test_backpropagation_is_not_the_descent():
    """ERR-25: the same gradient, used by two optimizers in two ways; ERR-08, ERR-31: against the gradient, times the rate."""
    steps = {}
    for name, optimizer in [("sgd", SGD(0.1)), ("adam", Adam(0.1))]:
        model = one(optimizer=optimizer, weights=(2.0, 0.0))
        model.train_on_batch([[3.0]], [[10.0]])
        kernel = model.layers[0].kernel
        steps[name] = kernel.gradient.item(), kernel.numpy().item() - 2.0
    assert steps["sgd"][0] == steps["adam"][0] == -24
    assert steps["sgd"][1] == pytest.approx(2.4) and steps["adam"][1] == pytest.approx(0.1, rel=1e-5)


@pytest.mark.parametrize(("activation", "loss", "target"), [
    ("softmax", "categorical_crossentropy", [0.0, 1.0, 0.0]), ("sigmoid", "binary_crossentropy", [1.0, 0.0, 1.0]),
])
def test_the_sign_of_the_crossentropys_gradient(activation, loss, target):
    """ERR-34: with respect to z it is prediction minus truth (over the number of columns for the binary one, Keras's mean)."""
    model = Sequential([Dense(3, activation, input_dim=1)])
    model.compile(loss=loss, optimizer=SGD(0.0))
    p = model.predict([[1.0]], verbose=0)[0]
    model.train_on_batch([[1.0]], [target])
    expected = (p - target) / (1 if activation == "softmax" else 3)
    np.testing.assert_allclose(np.array(model.layers[0].bias.gradient), expected, rtol=1e-5)


def test_the_sign_of_the_squared_errors_gradient():
    """ERR-35: 2 / n times (prediction - truth)."""
    model = one(weights=(1.0, 0.0))
    model.train_on_batch([[1.0], [2.0]], [[4.0], [0.0]])
    assert model.layers[0].bias.gradient.item() == pytest.approx((2 / 2) * ((1 - 4) + (2 - 0)))


def test_layers_nest():
    """ERR-43: a2(W2 a1(W1 x + b1) + b2), each layer with its own weights and bias. ERR-09: the second layer has the output's weights."""
    model = Sequential([Dense(3, "tanh", input_dim=2), Dense(2, "sigmoid")])
    w1, b1, w2, b2 = [RNG.normal(size=w.shape) for w in model.get_weights()]
    model.set_weights([w1, b1, w2, b2])
    x = RNG.normal(size=(4, 2))
    np.testing.assert_allclose(model.predict(x, verbose=0), 1 / (1 + np.exp(-(np.tanh(x @ w1 + b1) @ w2 + b2))), rtol=1e-5)
    assert model.layers[1].kernel.shape == (3, 2) and model.layers[1].kernel is model.weights[2]


def test_the_loss_is_reckoned_after_the_forward_pass():
    """ERR-46: it needs no backward pass, and changes nothing."""
    model = one(weights=(3.0, 0.0))
    assert model.evaluate([[1.0]], [[1.0]], verbose=0) == 4 and model.get_weights()[0].item() == 3


def test_no_exact_zeros_in_a_trained_network():
    """ERR-27: a dense network is not sparse by itself."""
    x = RNG.normal(size=(200, 6))
    model = Sequential([Dense(20, "relu", input_dim=6), Dense(1)])
    model.compile(loss="mse", optimizer="adam")
    model.fit(x, x[:, 0], epochs=5, verbose=0)
    assert (model.get_weights()[0] == 0).sum() == 0


def test_outliers_belong_to_the_loss():
    """ERR-45, DEC-12: with one outlier the absolute error keeps the slope that the squared one loses, without any penalty."""
    x = np.linspace(-1, 1, 21).reshape(-1, 1)
    y = 2 * x
    y[-1] = 40.0
    slopes = {}
    for loss in ("mse", "mae"):
        model = one(loss=loss, optimizer=SGD(0.2 if loss == "mse" else 0.01))
        model.fit(x, y, batch_size=21, epochs=600, verbose=0)
        slopes[loss] = model.get_weights()[0].item()
    assert slopes["mse"] > 5 and slopes["mae"] == pytest.approx(2, abs=0.1)


def test_no_error_in_training_and_none_outside():
    """ERR-49: a training error near zero does not always mean overfitting."""
    x = RNG.normal(size=(60, 3))
    model = one(inputs=3, weights=(np.zeros(3), 0.0), optimizer=SGD(0.1))
    history = model.fit(x, x @ [1.0, -2.0, 0.5], epochs=60, validation_split=0.3, verbose=0).history
    assert history["loss"][-1] < 1e-6 and history["val_loss"][-1] < 1e-6


def test_the_gradient_ends_at_zero_and_the_cost_does_not():
    """ERR-54: least squares on rows that no line fits."""
    x, y = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [2.0], [1.0]])
    model = one(optimizer=SGD(0.2))
    model.fit(x, y, batch_size=3, epochs=300, verbose=0)
    cost = model.train_on_batch(x, y)
    assert abs(model.layers[0].kernel.gradient.item()) < 1e-5 and cost == pytest.approx(0.5, rel=1e-5)
    np.testing.assert_allclose([w.item() for w in model.get_weights()], np.polyfit(x[:, 0], y[:, 0], 1), atol=1e-5)


def test_dropout_and_batch_normalization_together():
    """ERR-48, DEC-15, DEC-19: both remain, and a layer of either stands before or after the activation."""
    x, y = RNG.normal(size=(128, 5)), RNG.integers(0, 3, 128)
    for order in ([Activation("relu"), BatchNormalization()], [BatchNormalization(), Activation("relu")]):
        model = Sequential([Dense(16, input_dim=5), *order, Dropout(0.2), Dense(3, "softmax")])
        model.compile(loss="sparse_categorical_crossentropy", optimizer="adam")
        losses = model.fit(x, y, epochs=10, verbose=0).history["loss"]
        assert losses[-1] < losses[0]


def test_sgd_takes_the_batches_it_is_given():
    """ERR-56, DEC-08: one row, 32 of them or all: `fit` decides, 32 if nothing is said."""
    x = RNG.normal(size=(70, 1))
    for batch, updates in [(None, 3), (1, 70), (70, 1)]:
        model = one()
        model.fit(x, x, batch_size=batch, verbose=0)
        assert model.optimizer.iterations == updates


def test_names_that_slides_misspell():
    """ERR-52, ERR-53: MIST, Adaddelta, log_s (the natural logarithm)."""
    assert not hasattr(datasets, "mist") and callable(datasets.mnist.load_data)
    with pytest.raises(ValueError, match=r"Unknown optimizer: 'Adaddelta'\. Expected one of: "):
        optimizers.get("Adaddelta")
    assert losses.get("binary_crossentropy")([[1.0]], [[0.5]]) == pytest.approx(np.log(2), rel=1e-6)


def test_relus_slope_at_zero():
    """DEC-06: 0, as in Keras 3 (the decks say 1)."""
    model = one("relu", (1.0, 0.0))
    model.train_on_batch([[0.0]], [[1.0]])
    assert model.layers[0].bias.gradient.item() == 0


def test_defaults():
    """DEC-01, DEC-11: one epoch, no momentum, unless the script says otherwise."""
    model = one()
    assert len(model.fit([[1.0]], [[1.0]], verbose=0).history["loss"]) == 1 and SGD().momentum == 0
    assert gpunn.Sequential([Dense(2, input_dim=1)]).layers[0].activation is activations.linear


def test_a_file_that_is_not_there(tmp_path):
    """ERR-38: what was saved under another name."""
    with pytest.raises(FileNotFoundError, match=r"my_model\.h5"):
        load_model(tmp_path / "my_model.h5")
