"""EX-17, EX-30, CL-61, SYS-18: kernels, pooling, and a convolutional network, through the library."""

import numpy as np
import pytest

import gpunn
from gpunn.layers import AveragePooling2D, Conv2D, Dense, Flatten, GlobalAveragePooling2D, Input, InputLayer, MaxPooling2D

pytestmark = pytest.mark.usefixtures("cpu")
TABLE = np.array([[7, 3, 5, 2], [8, 7, 1, 6], [4, 9, 3, 9], [0, 8, 4, 5]], np.float32)
KERNELS = {
    "identity": ([[0, 0, 0], [0, 1, 0], [0, 0, 0]], 1, [[7, 1], [9, 3]]),
    "blur": (np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16, 1, [[5.5625, 4.3125], [5.8125, 5.25]]),
    "sharpen": ([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], 1, [[14, -16], [23, -8]]),
    "edge": ([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], 0, [[16, -36], [37, -25]]),
}


def convolved(kernel, padding="valid"):
    layer = Conv2D(1, 3, padding=padding, use_bias=False)
    layer.ensure_built((None, 4, 4, 1))
    layer.set_weights([np.reshape(kernel, (3, 3, 1, 1))])
    return np.asarray(layer(TABLE.reshape(1, 4, 4, 1)))[0, :, :, 0]


@pytest.mark.parametrize("name", KERNELS)
def test_ex17_kernels(name):
    kernel, total, result = KERNELS[name]
    assert np.sum(kernel) == total
    np.testing.assert_array_equal(convolved(kernel), result)
    same = convolved(kernel, "same")
    assert same.shape == (4, 4)
    np.testing.assert_array_equal(same[1:3, 1:3], result)  # padding changes the border alone
    np.testing.assert_array_equal(convolved(np.array(kernel)[::-1, ::-1]), result)  # symmetric: convolution is correlation


@pytest.mark.parametrize(
    ("layer", "result"),
    [
        (AveragePooling2D(2, strides=2), [[6.25, 3.5], [5.25, 5.25]]), (MaxPooling2D(2, strides=2), [[8, 6], [9, 9]]),
        (GlobalAveragePooling2D(keepdims=True), [[5.0625]]),
    ],
    ids=["average", "max", "global average"],
)
def test_ex30_pooling(layer, result):
    np.testing.assert_array_equal(np.asarray(layer(TABLE.reshape(1, 4, 4, 1)))[0, :, :, 0], result)


def test_cl61_pooling_reduces_height_and_width_not_channels():
    x = np.random.default_rng(0).standard_normal((1, 4, 4, 3)).astype(np.float32)
    for layer in (MaxPooling2D(), AveragePooling2D(2)):
        assert np.asarray(layer(x)).shape == (1, 2, 2, 3) == layer.compute_output_shape((1, 4, 4, 3))


def test_sys18_a_convolution_is_a_localised_dense_layer():
    """The same sums as a dense layer whose kernel is zero outside the window and shared by all places."""
    layer = Conv2D(2, 3)
    layer.ensure_built((None, 5, 5, 1))
    kernel, _ = layer.get_weights()
    matrix = np.zeros((25, 3, 3, 2), np.float32)
    for r in range(3):
        for c in range(3):
            matrix.reshape(5, 5, 3, 3, 2)[r : r + 3, c : c + 3, r, c] = kernel[:, :, 0]
    x = np.random.default_rng(1).standard_normal((4, 25)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(layer(x.reshape(4, 5, 5, 1))).reshape(4, -1), x @ matrix.reshape(25, 18), rtol=1e-5, atol=1e-5)
    assert layer.count_params() == 20 and Dense(18).compute_output_shape((None, 25)) == (None, 18)


def test_sys18_a_network_as_the_slides_build_them():
    model = gpunn.Sequential([
        Input(shape=(28, 28, 1)), Conv2D(32, (3, 3), activation="relu"), MaxPooling2D((2, 2)), Conv2D(64, (3, 3), activation="relu"),
        MaxPooling2D((2, 2)), Flatten(), Dense(128, activation="relu"), Dense(10, activation="softmax"),
    ])
    stack = [layer for layer in model.layers if not isinstance(layer, InputLayer)]
    assert [layer.count_params() for layer in stack] == [320, 0, 18_496, 0, 0, 204_928, 1_290]
    assert stack[0].compute_output_shape((None, 28, 28, 1)) == (None, 26, 26, 32) and model.output_shape == (None, 10)
    lines = []
    model.summary(print_fn=lines.append)
    text = "\n".join(lines)
    assert "(None, 13, 13, 32)" in text and "(None, 5, 5, 64)" in text and "Total params: 225,034" in text
