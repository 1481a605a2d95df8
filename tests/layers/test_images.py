"""Layers over images and sequences: gradients, arguments, errors, and what a convolution and the pooling after it do together."""

import numpy as np
import pytest
from gradient import check_layer
from image_cases import CASES

import gpunn
from gpunn import activations, layers
from gpunn.layers import Conv1D, Conv2D, MaxPooling1D, MaxPooling2D

POOLED = {
    "conv2d_pool": (lambda: (Conv2D(5, 3, activation="relu"), {"pool": MaxPooling2D()}), (3, 7, 8, 3)),
    "conv2d_pool_many_taps": (lambda: (Conv2D(20, 3), {"pool": MaxPooling2D((3, 2))}), (9, 8, 7, 8)),
    "conv2d_pool_same_groups": (lambda: (Conv2D(4, 2, padding="same", groups=2), {"pool": MaxPooling2D()}), (2, 5, 6, 4)),
    "conv2d_pool_wide_groups": (lambda: (Conv2D(12, 3, padding="same", groups=2), {"pool": MaxPooling2D()}), (3, 5, 6, 16)),
    "conv2d_pool_dilated": (lambda: (Conv2D(3, 3, dilation_rate=2, use_bias=False), {"pool": MaxPooling2D()}), (2, 9, 9, 9)),
    "conv1d_pool": (lambda: (Conv1D(5, 3), {"pool": MaxPooling1D(3), "activation": activations.relu}), (2, 12, 3)),
}


def made(case):
    if case in POOLED:
        make, shape = POOLED[case]
        return *make(), shape
    name, arguments, options, shape = CASES[case]
    return getattr(layers, name)(*arguments, **options), {}, shape


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("case", [*CASES, *POOLED])
def test_gradient(case, either_cpu):
    layer, options, shape = made(case)
    layer.ensure_built((None, *shape[1:]))
    check_layer(layer, np.random.default_rng(1).standard_normal(shape), True, 1, **options)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("case", [*CASES, *POOLED])
def test_the_check_sees_a_gradient_off_by_a_thousandth(case, cpu):
    layer, options, shape = made(case)
    layer.ensure_built((None, *shape[1:]))
    with pytest.raises(AssertionError, match=r"analytic .* numeric"):
        check_layer(layer, np.random.default_rng(1).standard_normal(shape), True, 1, spoil=1.001, **options)


@pytest.mark.parametrize("case", CASES)
def test_config_makes_the_same_layer(case, cpu):
    layer, _, shape = made(case)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert again.compute_output_shape((None, *shape[1:])) == layer.compute_output_shape((None, *shape[1:]))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("case", POOLED)
def test_with_the_pooling_in_the_same_pass_and_after_it(case, either_cpu):
    layer, options, shape = made(case)
    layer.ensure_built((None, *shape[1:]))
    rng = np.random.default_rng(2)
    x = np.round(rng.standard_normal(shape))
    for p in layer.parameters:
        p.assign(np.round(rng.standard_normal(p.shape) * 2))
    pool = options.pop("pool")
    results = []
    for together in (True, False):
        for p in layer.parameters:
            p.begin_step()
        if together:
            y, pullback = layer.forward(x, True, pool=pool, **options)
            backward = pullback
        else:
            middle, pullback = layer.forward(x, True, **options)
            y, pool_pullback = pool.forward(middle)
            backward = lambda dy, first=pool_pullback, then=pullback: then(first(dy))  # noqa: E731
        dx = backward(np.random.default_rng(5).standard_normal(y.shape))
        results.append([y.copy(), dx.copy(), *(p.gradient.copy() for p in layer.parameters)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_the_first_of_equals_gets_the_gradient(either_cpu):
    x = np.zeros((1, 4, 4, 1), np.float32)
    layer = MaxPooling2D(3, strides=1)
    y, pullback = layer.forward(x)
    dx = pullback(np.array([1, 2, 3, 4], np.float32).reshape(y.shape))
    assert dx[0, :2, :2, 0].tolist() == [[1, 2], [3, 4]] and dx.sum() == 10


def test_not_a_number_comes_through(either_cpu):
    x = np.zeros((1, 4, 4, 1), np.float32)
    x[0, 1, 0, 0] = np.nan
    assert np.isnan(MaxPooling2D().forward(x)[0][0, 0, 0, 0])
    layer = Conv2D(2, 1, kernel_initializer="ones")
    layer.ensure_built((None, 4, 4, 1))
    y, _ = layer.forward(x, pool=MaxPooling2D())
    assert np.isnan(y[0, 0, 0]).all() and np.isfinite(y[0, 1]).all()


def test_no_rows(either_cpu):
    for case in CASES:
        layer, options, shape = made(case)
        layer.ensure_built((None, *shape[1:]))
        y, _ = layer.forward(np.zeros((0, *shape[1:]), np.float32), **options)
        assert y.shape == (0, *layer.compute_output_shape((None, *shape[1:]))[1:])


ERRORS = {
    "larger than the input": (
        lambda: Conv2D(2, 5, name="c").compute_output_shape((None, 4, 8, 1)),
        r"Layer 'c': a window of 5 x 5 is larger than the input of 4 x 8 .*Received: input of shape \(None, 4, 8, 1\)",
    ),
    "larger when dilated": (
        lambda: Conv1D(2, 3, dilation_rate=4, name="c").compute_output_shape((None, 8, 1)), r"Layer 'c': a window of 9 is larger than .* 8"
    ),
    "pool too large": (lambda: MaxPooling2D(5, name="p").compute_output_shape((None, 4, 4, 1)), r"Layer 'p': a window of 5 x 5 is larger"),
    "rank": (lambda: Conv2D(2, 3, name="c").ensure_built((None, 8, 8)), r"c': expected \(batch, height, width, channels\).*\(None, 8, 8\)"),
    "rank of a pool": (lambda: MaxPooling1D(name="p").compute_output_shape((None, 4, 4, 1)), r"'p': expected \(batch, steps, channels\)"),
    "filters and groups": (lambda: Conv2D(5, 3, groups=2, name="c"), r"Layer 'c': groups must divide filters.*filters=5, groups=2"),
    "channels and groups": (
        lambda: Conv2D(4, 3, groups=2, name="c").ensure_built((None, 8, 8, 3)), r"'c': groups must divide the input's channels.*3 channels"
    ),
    "strides and dilation": (lambda: Conv2D(4, 3, strides=2, dilation_rate=2, name="c"), r"'c': strides above 1 and dilation_rate above 1"),
    "causal images": (lambda: Conv2D(4, 3, padding="causal", name="c"), r"'c': padding must be one of \('valid', 'same'\).*'causal'"),
    "kernel size": (lambda: Conv2D(4, (3, 0), name="c"), r"'c': kernel_size must be a positive integer, or a tuple of 2.*\(3, 0\)"),
    "three strides": (lambda: Conv2D(4, 3, strides=(1, 2, 3), name="c"), r"'c': strides must be a positive integer, or a tuple of 2"),
    "channels first": (lambda: Conv2D(4, 3, data_format="channels_first", name="c"), r"'c': data is channels-last.*channels_first"),
    "output padding": (
        lambda: layers.Conv2DTranspose(4, 3, strides=2, output_padding=2, name="c"), r"'c': output_padding must be less than strides"
    ),
    "crop everything": (
        lambda: layers.Cropping2D(2, name="c").compute_output_shape((None, 4, 8, 1)), r"'c': cropping .* leaves nothing.*\(None, 4, 8, 1\)"
    ),
    "padding of nothing": (lambda: layers.ZeroPadding2D((1, -1), name="z"), r"'z': padding must be a whole number of at least 0"),
    "interpolation": (lambda: layers.UpSampling2D(interpolation="cubic", name="u"), r"'u': interpolation must be one of .*'cubic'"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case, cpu):
    call, message = ERRORS[case]
    with pytest.raises(ValueError, match=message):
        call()


def test_another_number_of_channels_is_refused_and_nothing_changes(cpu):
    model = gpunn.models.Sequential([layers.Input((8, 8, 3)), Conv2D(4, 3), layers.Flatten(), layers.Dense(2)])
    before = model.get_weights()
    layer = next(k for k in model.layers if isinstance(k, Conv2D))
    with pytest.raises(ValueError, match=r"'conv2d.*axis -1 of input shape to have value 3\. Received: input of shape \(2, 8, 8, 1\)"):
        layer.forward(np.zeros((2, 8, 8, 1), np.float32))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_second_names():
    assert layers.Convolution2D is Conv2D and layers.MaxPool2D is MaxPooling2D and layers.AvgPool1D is layers.AveragePooling1D
    assert layers.GlobalAvgPool2D is layers.GlobalAveragePooling2D and layers.SeparableConvolution2D is layers.SeparableConv2D
