"""EX-28, EX-29, EX-35, EX-37 and the reference values of losses, activations, penalties and batch normalization."""

import math

import numpy as np
import pytest

from gpunn import activations, losses, regularizers
from gpunn.layers import BatchNormalization, Dense, LeakyReLU
from gpunn.models import Sequential

pytestmark = pytest.mark.usefixtures("either_cpu", "float64")


def test_ex28_mse_and_mape():
    """Errors of 10 at 1000 and at 5: the same MSE; MAPE 1 % and 200 % of the truth, which the slide's division by the prediction hides."""
    for truth, prediction, percent, of_prediction in [(1000.0, 1010.0, 1.0, 1000 / 1010), (5.0, 15.0, 200.0, 200 / 3)]:
        y, p = np.array([[truth]]), np.array([[prediction]])
        assert losses.get("mse")(y, p) == pytest.approx(100)
        assert losses.get("mape")(y, p) == pytest.approx(percent)
        assert losses.MeanAbsolutePercentageError(denominator="pred")(y, p) == pytest.approx(of_prediction)


def test_ex29_a_table_of_errors():
    """-10, 5, 5: squares 150 in all, 50 on average; the halves of the other decks."""
    y = np.zeros((3, 1))
    p = np.array([[-10.0], [5], [5]])
    assert losses.get("mse")(y, p) == pytest.approx(50) and losses.MeanSquaredError(reduction="sum")(y, p) == pytest.approx(150)
    assert losses.get("half_mse")(y, p) == pytest.approx(25) and losses.get("sse")(y, p) == pytest.approx(75)


def test_ex35_small_probabilities():
    """-ln 0.01 = 4.605 and -ln 1e-9 = 20.723, where squared errors differ by less than 0.02. A model whose softmax the loss takes over does
    not clip; Keras's clip of given probabilities at 1e-7 makes 16.118 of the second."""
    small = np.array([0.01, 1e-9])
    expected = -np.log(small)
    assert expected == pytest.approx([4.60517, 20.72327], abs=5e-6) and np.ptp((1 - small) ** 2) < 0.02
    model = Sequential([Dense(2, activation="softmax", use_bias=False, kernel_initializer="identity", input_dim=2)])
    model.compile(loss="sparse_categorical_crossentropy", optimizer="sgd")
    logits = np.stack([np.log(small), np.log1p(-small)], axis=1)
    found = [model.evaluate(row[None], [0], verbose=0) for row in logits]
    assert found == pytest.approx(expected, rel=1e-12)
    p = np.stack([small, 1 - small], axis=1)
    clipped = [losses.CategoricalCrossentropy()([[1.0, 0.0]], row[None]) for row in p]
    assert clipped == pytest.approx([4.60517, 16.118096], abs=5e-6)


def slope(function, x):
    return (np.array(function(np.array([[x + 1e-6]]))) - np.array(function(np.array([[x - 1e-6]])))).item() / 2e-6


def test_ex37_leaky_relu():
    layer = LeakyReLU(negative_slope=0.01)
    assert np.array(layer(np.array([[-2.0]]))).item() == pytest.approx(-0.02) and slope(layer, -2.0) == pytest.approx(0.01, rel=1e-6)


Z = np.array([[-2.0, -1, 0, 1, 2]])
VALUES = {
    "step": [0, 0, 1, 1, 1],
    "sigmoid": [0.119203, 0.268941, 0.5, 0.731059, 0.880797],
    "tanh": [-0.964028, -0.761594, 0, 0.761594, 0.964028],
    "bipolar_sigmoid": [-0.761594, -0.462117, 0, 0.462117, 0.761594],
    "arctan": [-1.107149, -0.785398, 0, 0.785398, 1.107149],
    "elu": [-0.864665, -0.632121, 0, 1, 2],
    "softplus": [0.126928, 0.313262, 0.693147, 1.313262, 2.126928],
}
SLOPES = {
    "sigmoid": [0.104994, 0.196612, 0.25, 0.196612, 0.104994],
    "tanh": [0.070651, 0.419974, 1, 0.419974, 0.070651],
    "arctan": [0.2, 0.5, 1, 0.5, 0.2],
    "elu": [0.135335, 0.367879, 1, 1, 1],
    "softplus": [0.119203, 0.268941, 0.5, 0.731059, 0.880797],
}


@pytest.mark.parametrize("name", VALUES)
def test_activations(name):
    """Value, and the gradient that a train step uses: with loss = prediction, one weight's gradient is the slope."""
    np.testing.assert_allclose(activations.get(name)(Z), [VALUES[name]], atol=5e-7)
    if name in SLOPES:
        model = Sequential([Dense(1, activation=name, use_bias=False, kernel_initializer="ones", input_dim=1)])
        model.compile(loss="mae", optimizer="sgd")
        for z, expected in zip(Z[0], SLOPES[name], strict=True):
            model.set_weights([np.ones((1, 1))])
            model.train_on_batch([[z if z else 1e-12]], [[-100.0]])
            assert model.layers[0].kernel.gradient.item() / (z or 1e-12) == pytest.approx(expected, abs=1e-6)


def test_err01_the_slides_tanh():
    """2 * sigmoid(z) - 1, printed as "atanh", is tanh(z / 2); tanh(z) is 2 * sigmoid(2 z) - 1."""
    z = np.linspace(-3, 3, 7)[None]
    np.testing.assert_allclose(activations.tanh(z), 2 * activations.sigmoid(2 * z) - 1, atol=1e-12)
    np.testing.assert_allclose(activations.get("bipolar_sigmoid")(z), np.tanh(z / 2), atol=1e-12)
    with pytest.raises(ValueError, match="Unknown activation: 'atanh'"):
        activations.get("atanh")


def test_losses():
    y, p = np.array([[1.0], [0], [1]]), np.array([[0.9], [0.2], [0.6]])
    for name, value in [("mse", 0.07), ("half_mse", 0.035), ("sse", 0.105), ("mae", 0.233333), ("binary_crossentropy", 0.279777)]:
        assert losses.get(name)(y, p) == pytest.approx(value, abs=5e-7)
    # ERR-07: the slide's one formula, -sum y ln p, lacks the half for y = 0
    assert -np.sum(y * np.log(p)) == pytest.approx(0.616186, abs=5e-7)
    p = np.array([[0.05, 0.95, 0], [0.1, 0.8, 0.1]])
    assert losses.get("sparse_categorical_crossentropy")([1, 2], p) == pytest.approx(1.176939, abs=5e-7)
    assert losses.get("categorical_crossentropy")(np.eye(3)[[1, 2]], p) == pytest.approx(1.176939, abs=5e-7)
    assert losses.Huber(delta=1.0)([[0.0], [0.0]], [[0.5], [-3.0]]) == pytest.approx(1.3125)
    assert losses.Huber()([[0.0]], [[0.5]]) == pytest.approx(0.125) and losses.Huber()([[0.0]], [[-3.0]]) == pytest.approx(2.5)
    assert losses.get("poisson")([[2.0]], [[3.0]]) == pytest.approx(3 - 2 * math.log(3), abs=1e-6)


def test_penalties():
    """w = (1, -2), strength 1: the sums of Keras, and deck 4's means (ERR-33, DEC-13)."""
    w = np.array([[1.0], [-2.0]])
    table = [
        (regularizers.L1(1.0), 3), (regularizers.L2(1.0), 5), (regularizers.Lasso(1.0), 1.5), (regularizers.Ridge(1.0), 1.25),
        (regularizers.ElasticNet(1.0, 0.5), 1.375), (regularizers.ElasticNet(1.0, 0.25), 1.3125),
    ]
    for penalty, value in table:
        assert float(penalty(w)) == pytest.approx(value)


def test_batch_normalization():
    """Of 1, 2, 3, 4: mean 2.5, biased variance 1.25, epsilon 1e-3."""
    y = BatchNormalization()(np.array([[1.0], [2], [3], [4]]), training=True)
    np.testing.assert_allclose(np.array(y)[:, 0], [-1.341104, -0.447035, 0.447035, 1.341104], atol=5e-7)
