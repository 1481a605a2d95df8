"""EX-09, EX-12 to EX-16, EX-18, EX-29, EX-34, EX-38: forward and backward passes that the slides work out by hand."""

import numpy as np
import pytest

import gpunn
from gpunn import activations
from gpunn.layers import Activation, Dense
from gpunn.models import Sequential
from gpunn.optimizers import SGD

pytestmark = pytest.mark.usefixtures("either_cpu", "float64")


def network(*kernels, activation="linear", biases=None):
    """Dense layers with these kernels (rows are inputs) and biases; the activation stands alone, so that z and a can both be looked at."""
    kernels = [np.asarray(k, float) for k in kernels]
    layers = []
    for k in kernels:
        layers += [Dense(k.shape[1], use_bias=biases is not None, input_shape=(k.shape[0],)), Activation(activation)]
    model = Sequential(layers)
    model.set_weights(kernels if biases is None else [w for pair in zip(kernels, map(np.asarray, biases), strict=True) for w in pair])
    return model


def passes(model, x):
    """What every layer gives for these rows."""
    out = []
    for layer in model.layers:
        x = layer(np.asarray(x))
        out.append(np.array(x))
    return out


def test_ex09_the_toy_network():
    """f(1, -1) = (0.62, 0.83), printed; the weights are those of the figure that the slide shows without numbers."""
    model = network(
        [[1, -1], [-2, 1]], [[2, -2], [-1, -1]], [[3, -1], [-1, 4]], activation="sigmoid", biases=([1.0, 0.0], [0.0, 0.0], [-2.0, 2.0])
    )
    a = passes(model, [[1, -1]])[1::2]
    np.testing.assert_allclose(a[0], [[0.98201, 0.11920]], atol=5e-6)
    np.testing.assert_allclose(a[1], [[0.86352, 0.11074]], atol=5e-6)
    np.testing.assert_allclose(model.predict([[1, -1], [0, 0]], verbose=0), [[0.61770, 0.82912], [0.51185, 0.85438]], atol=5e-6)
    np.testing.assert_array_equal(model.predict([[1, -1]], verbose=0).round(2), [[0.62, 0.83]])


def test_ex13_softmax():
    np.testing.assert_allclose(activations.softmax(np.array([[1.0, 2, 3]])), [[0.090031, 0.244728, 0.665241]], atol=5e-7)
    np.testing.assert_array_equal(activations.softmax(np.array([[1000.0, 0]])), [[1, 0]])


@pytest.mark.parametrize(("output", "prediction"), [([2, -1], 9), ([3, -2], 13)])
def test_ex14_ex38_bank(output, prediction):
    """2 children, 3 accounts -> hidden (5, 1); target 13. Errors -4 and 0, squared errors 16 and 0."""
    model = network([[1, -1], [1, 1]], np.reshape(output, (2, 1)))
    np.testing.assert_array_equal(passes(model, [[2, 3]])[1], [[5, 1]])
    assert model.predict([[2, 3]], verbose=0).item() == prediction
    model.compile(loss="mse", optimizer="sgd")
    assert model.evaluate([[2, 3]], [[13]], verbose=0) == (prediction - 13) ** 2


def test_ex15_the_slope_of_one_weight():
    """Input 3, weight 2, target 10: prediction 6, slope 2 * (6 - 10) * 3 = -24, new weight 2.24."""
    model = network([[2]])
    model.compile(loss="mse", optimizer=SGD(0.01))
    assert model.predict([[3]], verbose=0).item() == 6
    assert model.train_on_batch([[3.0]], [[10.0]]) == 16
    assert model.layers[0].kernel.gradient.item() == -24
    assert model.get_weights()[0].item() == pytest.approx(2.24, abs=1e-15)


def test_ex16_backpropagation_through_relu():
    """Slopes 6, 18, 0, 6, 0 and 12; the slide's 18 for the last is ERR-29, its "2 * MSE" is 2 * error (ERR-30)."""
    model = network([[0, 2], [1, 3]], [[1], [2]], activation="relu")
    model.compile(loss="mse", optimizer=SGD(0.01))
    np.testing.assert_array_equal(passes(model, [[0, 1]])[1], [[1, 3]])
    assert model.predict([[0, 1]], verbose=0).item() == 7
    model.train_on_batch([[0.0, 1.0]], [[4.0]])
    np.testing.assert_allclose(model.layers[2].kernel.gradient, [[6], [18]])
    np.testing.assert_allclose(model.layers[0].kernel.gradient, [[0, 0], [6, 12]])
    hidden, output = model.get_weights()
    np.testing.assert_allclose(hidden, [[0, 2], [0.94, 2.88]])
    np.testing.assert_allclose(output, [[0.94], [1.82]])
    assert model.predict([[0, 1]], verbose=0).item() == pytest.approx(6.1252)


def test_ex18_a_network_of_symbols():
    model = network(np.ones((2, 1)), np.ones((1, 2)), np.ones((2, 1)), activation="sigmoid", biases=(np.ones(1), np.ones(2), np.ones(1)))
    assert model.count_params() == 10 and [layer.count_params() for layer in model.layers[::2]] == [3, 4, 3]
    f1, f2, f4 = passes(model, [[0, 0]])[1::2]
    assert f1.item() == pytest.approx(0.731059, abs=5e-7) and f4.item() == pytest.approx(0.936973, abs=5e-7)
    np.testing.assert_allclose(f2, [[0.849548, 0.849548]], atol=5e-7)


def test_ex34_a_slope_is_points_per_hour():
    model = network([[5.0]], biases=([40.0],))
    hours = np.arange(5.0).reshape(-1, 1)
    np.testing.assert_array_equal(np.diff(model.predict(hours, verbose=0), axis=0), 5)


def test_no_gradient_where_the_output_is_right():
    model = network([[0.5], [0.25]])
    model.compile(loss="mse", optimizer="sgd")
    model.train_on_batch([[2.0, 4.0]], [[2.0]])
    np.testing.assert_array_equal(model.layers[0].kernel.gradient, 0)
    assert gpunn.losses.get("mse")([[2.0]], [[2.0]]) == 0
