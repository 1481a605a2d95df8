"""Activations: values, names, parameters, configurations, arrays of every kind."""

import functools

import numpy as np
import pytest

import gpunn
from gpunn import activations, layers, models

pytestmark = pytest.mark.usefixtures("cpu")
Z = [-2.0, -1.0, 0.0, 1.0, 2.0]
TABLE = {  # inventory 4.6: values, and derivatives where it has them
    "step": ([0, 0, 1, 1, 1], None),
    "sigmoid": ([0.119203, 0.268941, 0.5, 0.731059, 0.880797], [0.104994, 0.196612, 0.25, 0.196612, 0.104994]),
    "tanh": ([-0.964028, -0.761594, 0, 0.761594, 0.964028], [0.070651, 0.419974, 1, 0.419974, 0.070651]),
    "bipolar_sigmoid": ([-0.761594, -0.462117, 0, 0.462117, 0.761594], None),
    "arctan": ([-1.107149, -0.785398, 0, 0.785398, 1.107149], [0.2, 0.5, 1, 0.5, 0.2]),
    "elu": ([-0.864665, -0.632121, 0, 1, 2], [0.135335, 0.367879, 1, 1, 1]),
    "softplus": ([0.126928, 0.313262, 0.693147, 1.313262, 2.126928], [0.119203, 0.268941, 0.5, 0.731059, 0.880797]),
}


def gradient(activation, x, dy=None):
    from gpunn.backend import get_backend

    y, pullback = activation.apply(get_backend(), x, shape=x.shape)
    return pullback(np.ones_like(y) if dy is None else dy.copy()).reshape(x.shape)


@pytest.mark.parametrize("name", TABLE)
def test_the_seeds_table(name, either_cpu):
    values, slopes = TABLE[name]
    np.testing.assert_allclose(activations.get(name)(np.array(Z)), values, atol=5e-7)
    if slopes is not None:
        np.testing.assert_allclose(gradient(activations.get(name), np.array(Z)), slopes, atol=5e-7)


def test_leaky_relu_of_the_seeds_and_of_keras(either_cpu):
    """EX-37, and DEC-05: defaults are Keras's."""
    assert activations.leaky_relu(-2.0, 0.01) == -0.02 and gradient(activations.leaky_relu.configured(0.01), np.array([-2.0])) == 0.01
    assert activations.leaky_relu(-1.0) == np.float64(-0.2) and layers.LeakyReLU()(np.array([[-1.0]])) == np.float32(-0.3)


def test_sparsemax_is_the_nearest_point_of_the_simplex(either_cpu):
    """By bisection of the level that makes the row sum to 1; Keras 3.15's rows do not sum to 1."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 7)) * rng.choice([0.1, 1, 5], (50, 1))
    low, high = x.min(axis=1, keepdims=True) - 1, x.max(axis=1, keepdims=True)
    for _ in range(100):
        level = (low + high) / 2
        more = np.maximum(x - level, 0).sum(axis=1, keepdims=True) > 1
        low, high = np.where(more, level, low), np.where(more, high, level)
    y = activations.sparsemax(x)
    np.testing.assert_allclose(y, np.maximum(x - low, 0), atol=1e-12)
    np.testing.assert_allclose(y.sum(axis=1), 1)
    dy = rng.standard_normal(x.shape)
    dx, step = gradient(activations.sparsemax, x, dy), 1e-6
    direction = rng.standard_normal(x.shape)
    slope = ((activations.sparsemax(x + step * direction) - activations.sparsemax(x - step * direction)) * dy).sum(axis=1) / (2 * step)
    np.testing.assert_allclose((dx * direction).sum(axis=1), slope, atol=1e-6)


# ------------------------------------------------------------------ arrays
def test_arrays_of_every_kind(either_cpu):
    relu, want = activations.relu, np.array([[0.0, 2.0], [3.0, 0.0]])
    given = np.array([[-1.0, 2.0], [3.0, -4.0]])
    for x in (given, given.tolist(), np.asfortranarray(given), np.stack([given, given], -1)[..., 0], given.astype(int)):
        np.testing.assert_array_equal(relu(x), want)
    assert relu(given).dtype == np.float64 and relu(given.astype("f4")).dtype == relu(given.astype(int)).dtype == np.float32
    assert relu(-3.0) == 0 and relu(np.float64(2)).shape == () and relu(np.empty((0, 3))).shape == (0, 3)
    assert activations.softmax(np.zeros(4)).tolist() == [0.25] * 4
    given[0, 0] = np.nan
    assert np.isnan(relu(given)[0, 0]), "the array itself is not written to"
    with pytest.raises(ValueError, match=r"Activation 'relu': expected an array of numbers\. Received: list"):
        relu(["a"])
    with pytest.raises(ValueError, match=r"Activation 'glu': axis 1 must be even.*Received: \(2, 3\)"):
        activations.glu(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"Activation 'softmax': expected an axis of 2, or neighbouring ones\. Received: axis=2"):
        activations.softmax(np.ones((2, 3)), axis=2)


def test_softmax_of_several_axes(either_cpu):
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    e = np.exp(x)
    for axes in ((1, 2), (2, 3), (-1, -2), (0, 1, 2, 3), [1]):
        np.testing.assert_allclose(activations.softmax(x, axis=axes), e / e.sum(axis=tuple(axes), keepdims=True), rtol=1e-12)
    with pytest.raises(ValueError, match=r"neighbouring ones\. Received: axis=\(0, 2\)"):
        activations.softmax(x, axis=(0, 2))


# ------------------------------------------------------------------ parameters and configurations
def test_parameters():
    relu = activations.relu
    assert relu.configured() is relu.configured(negative_slope=0.0) is relu
    capped = relu.configured(max_value=6)
    assert capped.parameters == {"negative_slope": 0.0, "max_value": 6, "threshold": 0.0}
    assert repr(capped) == "<activation relu, max_value=6>"
    with pytest.warns(DeprecationWarning, match="alpha is an old spelling of negative_slope"):
        assert activations.leaky_relu(-1.0, alpha=0.5) == -0.5
    with pytest.raises(ValueError, match=r"Activation 'relu': .*slope.*Expected parameters: negative_slope, max_value, threshold"):
        relu(1.0, slope=3)
    with pytest.raises(ValueError, match=r"Activation 'relu': max_value must be a number of at least 0\. Received: max_value=-1"):
        relu(1.0, max_value=-1)
    with pytest.raises(ValueError, match=r"Activation 'celu': alpha must be a number above 0\. Received: alpha=0"):
        activations.celu(1.0, 0)
    with pytest.raises(ValueError, match=r"Activation 'elu': alpha must be a number of at least 0. Received: alpha='a'"):
        activations.elu.configured("a")
    with pytest.raises(ValueError, match=r"Activation 'threshold' needs its parameters: threshold, default_value\."):
        activations.get("threshold")
    assert activations.threshold(0.5, 1.0, -1.0) == -1


@pytest.mark.parametrize(
    "activation",
    [
        "relu", "softmax", activations.linear, activations.relu.configured(max_value=2), activations.gelu.configured(True),
        activations.softmax.configured(axis=1), activations.threshold.configured(0.1, 0.2), layers.LeakyReLU(0.1), layers.ELU(),
    ],
    ids=str,
)  # fmt: skip
def test_configurations_make_equals(activation):
    written = activations.serialize(activation)
    again = activations.deserialize(written)
    assert again.name == activations.get(activation).name and again.parameters == activations.get(activation).parameters
    assert activations.serialize(again) == written
    dense = layers.Dense(3, activation=activation)
    assert layers.Dense.from_config(dense.get_config()).activation.parameters == again.parameters


def test_lookup():
    assert activations.get(None) is activations.get("linear") is activations.get("identity") is activations.linear
    assert activations.get("logistic") is activations.sigmoid and activations.get("swish") is activations.silu
    assert activations.get({"class_name": "function", "config": "gelu", "registered_name": "gelu"}) is activations.gelu
    assert activations.serialize("relu") == "relu" and activations.serialize(None) == "linear"
    assert activations.serialize(layers.ReLU(6)) == {"class_name": "relu", "config": {"max_value": 6}}
    with pytest.raises(ValueError, match=r"Unknown activation: 'rulu'\. Expected one of: arctan, .*relu, .*threshold\."):
        activations.get("rulu")
    with pytest.raises(ValueError, match=r"Could not interpret activation\. Expected one of: arctan, .*Received: 3\."):
        activations.get(3)
    with pytest.raises(ValueError, match=r"Layer 'mine' is more than an activation: add it to the model after this layer\."):
        layers.Dense(3, activation=layers.PReLU(name="mine"))


def test_functions_that_call_an_activation():
    for function in (
        lambda x: activations.leaky_relu(x, 0.1), functools.partial(activations.leaky_relu, negative_slope=0.1),
        activations.leaky_relu.configured(0.1),
    ):  # fmt: skip
        assert activations.get(function).get_config() == {"negative_slope": 0.1}
    assert activations.get(lambda x: activations.relu(x)) is activations.relu
    doubled = activations.get(lambda x: 2 * activations.relu(x))
    np.testing.assert_array_equal(doubled(np.array([[-1.0, 3.0]])), [[0, 6]])
    for function in (np.tanh, np.maximum):
        with pytest.raises(ValueError, match=r"a function of arrays has no gradient here\. Expected .*lambda x: leaky_relu\(x, 0\.1\)"):
            layers.Dense(3, activation=function)


def test_names_of_layers_are_keras_s():
    gpunn.layers.names.reset_names()
    names = [layer().name for layer in (layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU, layers.Softmax)]
    assert names == ["re_lu", "leaky_re_lu", "p_re_lu", "elu", "softmax"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.ReLU(max_value=-1), r"max_value must be a number of at least 0\. Received: max_value=-1"),
        (lambda: layers.ReLU(negative_slope=-0.1), r"negative_slope must be .*Received: negative_slope=-0\.1"),
        (lambda: layers.LeakyReLU(None), r"negative_slope must be a number of at least 0\. Received: negative_slope=None"),
        (lambda: layers.PReLU(shared_axes=[3]).build((None, 4, 5)), r"expected shared_axes from 1 to 2, .*Received: \[3\]"),
        (lambda: layers.PReLU(shared_axes=0).build((None, 4, 5)), r"expected shared_axes from 1 to 2, .*Received: \[0\]"),
        (lambda: layers.PReLU().build((None, None, 5)), r"all sizes but the batch's must be known"),
    ],
)
def test_bad_layers(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ------------------------------------------------------------------ in models
def test_training_through_a_step_warns(either_cpu):
    """F-ACT-01: the gradient is 0, so what comes before does not move."""
    x, y = np.random.default_rng(0).standard_normal((20, 3)), np.arange(20) % 2
    model = models.Sequential([layers.Dense(4, activation="step", input_dim=3), layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    before = model.get_weights()
    with pytest.warns(UserWarning, match="The gradient of 'step' is 0 everywhere: nothing before it learns"):
        model.fit(x, y, verbose=0)
    after = model.get_weights()
    assert np.array_equal(before[0], after[0]) and not np.array_equal(before[2], after[2])
    assert set(np.unique(activations.step(x))) == {0, 1}


def explained(*stack, loss="mse"):
    model = models.Sequential([layers.Input((6,)), *stack])
    model.compile("sgd", loss)
    return model.explain(8, print_fn=str)


def test_what_is_fused():
    """An activation is in its layer's pass; a gradient that needs x takes it before the bias, so that nothing is stored for it."""
    text = explained(layers.Dense(4, activation="gelu"), layers.Dense(2))
    assert "bias + gelu in one pass" in text and "bias_gelu" in text and "bias_gelu_bwd" in text
    text = explained(layers.Dense(4), layers.ELU(0.5, name="my_elu"), layers.BatchNormalization(), layers.LeakyReLU(), layers.Dense(2))
    assert "my_elu (elu) in the same pass" in text and "normalize_leaky_relu" in text
    assert explained(layers.Dense(4), layers.BatchNormalization(), layers.Activation("silu")).count("normalize_silu") == 2
    sparse = "sparse_categorical_crossentropy"
    for last in (layers.Softmax(), layers.Activation("softmax"), layers.Softmax(axis=-1)):
        assert "value and gradient in one pass, from the logits" in explained(layers.Dense(3), last, loss=sparse)
    assert "not fused" in explained(layers.Dense(3), layers.Softmax(axis=0), loss=sparse)


def test_shapes():
    model = models.Sequential([layers.Input((4, 6)), layers.Dense(8, activation="glu"), layers.Activation("glu"), layers.PReLU()])
    assert model.output_shape == (None, 4, 2) and model.predict(np.ones((3, 4, 6)), verbose=0).shape == (3, 4, 2)
    with pytest.raises(ValueError, match="Activation 'glu': axis 1 must be even"):
        models.Sequential([layers.Dense(3, activation="glu", input_dim=2)])
    rows = models.Sequential([layers.Input((4, 6)), layers.Dense(3), layers.Softmax(axis=1)])
    np.testing.assert_allclose(rows.predict(np.random.default_rng(0).standard_normal((2, 4, 6)), verbose=0).sum(axis=1), 1, rtol=1e-6)
