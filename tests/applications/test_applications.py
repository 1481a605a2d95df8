"""Networks by name: their parameters, what they take, that they learn; and on the real data the accuracy they must reach."""

import numpy as np
import pytest

import gpunn
from gpunn.applications import FashionCNN, LeNet5, ResNet
from gpunn.datasets import DatasetError, digits, fashion_mnist, mnist

NETWORKS = {LeNet5: 61_706, FashionCNN: 421_642, ResNet: 78_426}


@pytest.mark.parametrize("network", NETWORKS)
def test_parameters_and_shapes(network, cpu):
    for shape in ((28, 28, 1), (28, 28)):
        model = network(shape)
        assert model.count_params() == NETWORKS[network] and model.output_shape == (None, 10)
    assert network((32, 32, 3), 7, classifier_activation=None).output_shape == (None, 7)
    with pytest.raises(ValueError, match=rf"{network.__name__}: expected input_shape=\(height, width\[, channels\]\).*\(2, 2\)"):
        network((2, 2))


def test_twenty_layers_of_the_paper(cpu):
    names = [type(layer).__name__ for layer in ResNet(blocks=3).layers]
    assert names.count("Conv2D") == 1 + 3 * 3 * 2 + 2 and names.count("Add") == 9  # 20 with the dense one, and two projections


def test_a_residual_network_learns_digits(cpu):
    (x, y), (x_test, y_test) = digits.load_data()
    gpunn.utils.set_random_seed(0)
    model = ResNet((8, 8), filters=(8, 16))
    rate = gpunn.optimizers.schedules.CosineDecay(5e-3, 450)  # with a constant one moving statistics lag, and seeds come to 0.84 to 0.99
    model.compile(gpunn.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x / np.float32(16), y, batch_size=32, epochs=10, verbose=0)
    assert model.evaluate(x_test / np.float32(16), y_test, verbose=0)[1] > 0.94


def accuracy(data, epochs):
    try:
        (x, y), (x_test, y_test) = data.load_data()
    except DatasetError as error:
        pytest.skip(str(error))
    gpunn.utils.set_random_seed(1)
    model = FashionCNN((28, 28))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x / np.float32(255), y, batch_size=128, epochs=epochs, verbose=0)
    return model.evaluate(x_test / np.float32(255), y_test, verbose=0)[1]


@pytest.mark.slow
def test_fashion_mnist(cpu):
    assert accuracy(fashion_mnist, 10) >= 0.91


@pytest.mark.slow
def test_mnist(cpu):
    assert accuracy(mnist, 5) >= 0.99
