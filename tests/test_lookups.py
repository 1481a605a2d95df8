"""Names, classes, objects and configurations find what they mean; metrics, initializers, activations and helpers give Keras's numbers."""

import math

import numpy as np
import pytest

from gpunn import activations, initializers, losses, metrics, optimizers
from gpunn.random import set_random_seed
from gpunn.utils import to_categorical

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("module", "identifier", "expected"),
    [
        (losses, "mse", losses.MeanSquaredError),
        (losses, "MSE", losses.MeanSquaredError),
        (losses, "mean_squared_error", losses.MeanSquaredError),
        (losses, "MeanSquaredError", losses.MeanSquaredError),
        (losses, "mae", losses.MeanAbsoluteError),
        (losses, losses.MeanAbsoluteError, losses.MeanAbsoluteError),
        (losses, losses.BinaryCrossentropy(), losses.BinaryCrossentropy),
        (losses, "binary_crossentropy", losses.BinaryCrossentropy),
        (losses, {"class_name": "CategoricalCrossentropy", "config": {"from_logits": True}}, losses.CategoricalCrossentropy),
        (optimizers, "adam", optimizers.Adam),
        (optimizers, "Adam", optimizers.Adam),
        (optimizers, "SGD", optimizers.SGD),
        (optimizers, "sgd", optimizers.SGD),
        (initializers, "glorot_uniform", initializers.GlorotUniform),
        (initializers, "HeNormal", initializers.HeNormal),
        (initializers, "zeros", initializers.Zeros),
        (initializers, "Ones", initializers.Ones),
        (initializers, initializers.LecunNormal, initializers.LecunNormal),
    ],
    ids=str,
)
def test_get(module, identifier, expected):
    assert type(module.get(identifier)) is expected


@pytest.mark.parametrize(
    "thing",
    [
        losses.CategoricalCrossentropy(from_logits=True, reduction="sum", name="mine"),
        optimizers.SGD(0.3, 0.5, True),
        optimizers.Adam(0.1, 0.8, 0.9, 1e-4),
        initializers.VarianceScaling(2.0, "fan_out", "uniform", 3),
        initializers.Constant(0.5),
        initializers.HeNormal(seed=4),
    ],
    ids=lambda t: type(t).__name__,
)
def test_configurations_make_equals(thing):
    module = {"Loss": losses, "Optimizer": optimizers, "Initializer": initializers}[
        next(c.__name__ for c in type(thing).__mro__ if c.__name__ in ("Loss", "Optimizer", "Initializer"))
    ]
    again = module.get({"class_name": type(thing).__name__, "config": thing.get_config()})
    assert type(again) is type(thing) and again.get_config() == thing.get_config()


def test_activations_as_functions():
    x = np.array([[-800.0, -1.0, 0.0, 2.0, 800.0]])
    np.testing.assert_allclose(activations.relu(x), np.maximum(x, 0))
    np.testing.assert_allclose(activations.sigmoid(x)[0, [0, 2, 4]], [0, 0.5, 1])
    np.testing.assert_allclose(activations.tanh(x), np.tanh(x), rtol=1e-12)
    np.testing.assert_allclose(activations.softmax(x), [[0, 0, 0, 0, 1]], atol=1e-300)
    assert activations.get(None) is activations.linear and activations.get("logistic") is activations.sigmoid
    assert activations.relu([1, -2]).dtype == np.float32 and activations.relu(-3.0).shape == ()


def test_metrics_alone():
    accuracy = metrics.SparseCategoricalAccuracy()
    accuracy.update_state([0, 1], [[0.9, 0.1], [0.8, 0.2]])
    accuracy.update_state([1], [[0.3, 0.7]], sample_weight=[2.0])
    assert accuracy.result() == pytest.approx(3 / 4)
    accuracy.reset_state()
    assert accuracy.result() == 0.0
    assert metrics.CategoricalAccuracy()([[0, 1], [1, 0]], [[0.1, 0.9], [0.4, 0.6]]) == 0.5
    assert metrics.BinaryAccuracy()([1, 0, 1], [[0.9], [0.5], [0.4]]) == pytest.approx(2 / 3), "0.5 itself counts as 0"
    assert metrics.BinaryAccuracy(threshold=0.3)([1, 0, 1], [[0.9], [0.5], [0.4]]) == pytest.approx(2 / 3)
    assert metrics.MeanAbsoluteError()([[1.0, 2.0]], [[2.0, 4.0]]) == pytest.approx(1.5)
    assert metrics.BinaryCrossentropy(from_logits=True)([[1.0]], [[0.0]]) == pytest.approx(math.log(2))


SPREAD = {
    "glorot_uniform": 1 / 250,
    "glorot_normal": 1 / 250,
    "he_uniform": 2 / 300,
    "he_normal": 2 / 300,
    "lecun_uniform": 1 / 300,
    "lecun_normal": 1 / 300,
    "random_normal": 0.05**2,
    "random_uniform": 0.1**2 / 12,
}


@pytest.mark.parametrize("name", SPREAD)
def test_spread_of_initial_weights(name):
    w = initializers.get(name)((300, 200)).astype(np.float64)
    assert w.var() == pytest.approx(SPREAD[name], rel=0.02) and abs(w.mean()) < 4 * math.sqrt(SPREAD[name] / w.size)
    if name.endswith("_uniform"):
        assert abs(w).max() <= math.sqrt(3 * SPREAD[name]) * (1 + 1e-6)
    elif name != "random_normal":
        assert abs(w).max() <= 2.0001 * math.sqrt(SPREAD[name]) / 0.8796, "cut at two deviations"


def test_seeds_of_initializers():
    fixed = initializers.GlorotUniform(seed=3)
    np.testing.assert_array_equal(fixed((4, 5)), fixed((4, 5)))
    free = initializers.GlorotUniform()
    set_random_seed(1)
    first = [free((4, 5)), free((4, 5))]
    set_random_seed(1)
    np.testing.assert_array_equal(free((4, 5)), first[0])
    assert not np.array_equal(*first)
    np.testing.assert_array_equal(initializers.Constant([1.0, 2.0])((3, 2)), [[1, 2]] * 3)


def test_to_categorical():
    np.testing.assert_array_equal(to_categorical([0, 2, 1]), np.eye(3)[[0, 2, 1]])
    assert to_categorical([[1], [0]], num_classes=4).shape == (2, 4)
    with pytest.raises(ValueError, match=r"below num_classes=2. Received: 2"):
        to_categorical([0, 2], 2)
    with pytest.raises(ValueError, match="Labels must be integers from 0"):
        to_categorical([-1, 2])
