"""Operations on images, kernels, matrices and angles: as Keras's of the same names on arrays; and what they refuse."""

import keras_twin
import numpy as np
import pytest

import gpunn
from gpunn import Input, compat, ops, results

RNG = np.random.default_rng(0)
IMAGES = RNG.standard_normal((2, 6, 5, 3)).astype("f4")
KERNEL = RNG.standard_normal((3, 2, 3, 4)).astype("f4")
DEEP = RNG.standard_normal((3, 3, 3, 2)).astype("f4")
X, Y = RNG.standard_normal((3, 4)).astype("f4"), RNG.uniform(0.1, 0.9, (3, 4)).astype("f4")
SQUARE = (X.T @ X + np.eye(4)).astype("f4")
PLACES = np.array([[0, 3], [1, 1], [2, 0]])
PAIR = (np.array([[1, 2], [0, 0]]), np.array([5, 6], "f4"))
CASES = [
    ("image.extract_patches", (IMAGES, 2), {}), ("image.extract_patches", (IMAGES, (2, 3), 1), {"padding": "same"}),
    ("image.extract_patches", (IMAGES, 2), {"strides": 1, "dilation_rate": 2}), ("image.extract_patches", (IMAGES[0], 3), {}),
    ("image.resize", (IMAGES, (3, 8)), {}), ("image.resize", (IMAGES, (9, 4)), {"interpolation": "nearest"}),
    ("image.resize", (IMAGES, (12, 3)), {"interpolation": "bicubic"}), ("image.resize", (IMAGES, (3, 2)), {"antialias": True}),
    ("image.resize", (IMAGES, (3, 9)), {"interpolation": "lanczos3", "antialias": True}), ("image.resize", (IMAGES[0], (4, 4)), {}),
    ("image.resize", (IMAGES, (4, 2)), {"crop_to_aspect_ratio": True}), ("image.resize", (IMAGES, (8, 4)), {"pad_to_aspect_ratio": True}),
    ("image.crop_images", (IMAGES, 1, 2), {"target_height": 3, "target_width": 2}), ("image.crop_images", (IMAGES, 1, 0, 1, 1), {}),
    ("image.pad_images", (IMAGES, 1, 2), {"target_height": 9, "target_width": 8}), ("image.pad_images", (IMAGES, 1, 0, 1, 2), {}),
    ("image.rgb_to_grayscale", (IMAGES,), {}), ("conv", (IMAGES, KERNEL), {}), ("conv", (IMAGES, KERNEL, 2, "same"), {}),
    ("conv", (IMAGES[:, 0], KERNEL[:, 0]), {"dilation_rate": 2}), ("depthwise_conv", (IMAGES, DEEP), {"padding": "same"}),
    ("separable_conv", (IMAGES, DEEP, RNG.standard_normal((1, 1, 6, 2)).astype("f4")), {}), ("max_pool", (IMAGES, 2, 2, "same"), {}),
    ("max_pool", (IMAGES[:, 0], 2, 1), {}), ("average_pool", (IMAGES, (3, 2), (2, 1)), {}), ("average_pool", (IMAGES, 2, 1, "same"), {}),
    ("diag", (X[0],), {"k": 1}), ("diag", (X[0],), {"k": -2}), ("diag", (SQUARE,), {}), ("diagflat", (X,), {}), ("trace", (SQUARE,), {}),
    ("hstack", ([X, Y],), {}), ("vstack", ([X[0], Y[0]],), {}), ("append", (X, Y), {}), ("append", (X, Y), {"axis": 1}),
    ("meshgrid", (X[0], Y[0]), {}), ("meshgrid", (X[0], Y[0]), {"indexing": "ij"}), ("rot90", (X,), {"k": 3}), ("inner", (X, Y), {}),
    ("vdot", (X, Y), {}), ("kron", (X, Y), {}), ("identity", (3,), {}), ("tri", (3, 4, 1), {}), ("slice", (X, (1, 0), (2, 3)), {}),
    ("slice_update", (X, (1, 1), np.ones((2, 2), "f4")), {}), ("scatter", (*PAIR, (3, 4)), {}), ("scatter_update", (X, *PAIR), {}),
    ("take_along_axis", (X, PLACES), {"axis": 1}), ("arcsin", (Y,), {}), ("arccos", (Y,), {}), ("arctan2", (X, Y - 0.5), {}),
    ("arcsinh", (X,), {}), ("arccosh", (1 + Y,), {}), ("arctanh", (Y,), {}), ("deg2rad", (X,), {}), ("rad2deg", (X,), {}),
    ("hypot", (X, Y), {}), ("exp2", (X,), {}), ("logaddexp2", (X, Y), {}), ("trunc", (X * 3,), {}), ("heaviside", (X, 0.5), {}),
    ("divide_no_nan", (X, np.maximum(X, 0)), {}), ("nan_to_num", (np.where(X > 0, X, np.nan),), {}), ("isclose", (X, X + 1e-6), {}),
    ("argsort", (X,), {}), ("sort", (X,), {"axis": 0}), ("top_k", (X, 2), {}), ("in_top_k", (np.array([0, 1, 3]), X, 2), {}),
    ("median", (X,), {"axis": 1}), ("quantile", (X, 0.3), {}), ("searchsorted", (np.sort(X[0]), Y[0]), {}), ("isin", (PLACES, [1, 3]), {}),
    ("bincount", (np.array([0, 2, 2]),), {"minlength": 4}), ("digitize", (X, np.array([-0.5, 0.5])), {}), ("det", (SQUARE,), {}),
    ("inv", (SQUARE,), {}), ("cholesky", (SQUARE,), {}), ("solve", (SQUARE, X.T), {}), ("bitwise_and", (PLACES, 1), {}),
    ("fft", ((X, Y),), {}), ("fft2", ((X, Y),), {}), ("ifft2", ((X, Y),), {}),
    ("segment_sum", (X, np.array([0, 2, 2]), 3), {}), ("amax", (X,), {"axis": 1}), ("array", ([1.0, 2.0],), {}),
]


def named(module, path):
    for part in path.split("."):
        module = getattr(module, part)
    return module


@pytest.mark.parametrize(("name", "given", "options"), CASES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)])
@pytest.mark.usefixtures("cpu")
def test_as_keras_has_it(name, given, options):
    with np.errstate(all="ignore"):
        ours, theirs = named(ops, name)(*given, **options), named(keras_twin.keras.ops, name)(*given, **options)
    several = isinstance(ours, (list, tuple))
    for a, b in zip(*((ours, theirs) if several else ([ours], [theirs])), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape and a.dtype.kind == b.dtype.kind
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: ops.image.extract_patches(x, 9), "a window of .* is larger than the image"),
        (lambda x: ops.image.extract_patches(x, 2, padding="full"), "padding must be one of"),
        (lambda x: ops.image.resize(x, (2, 2), "cubic"), "interpolation must be one of"),
        (lambda x: ops.image.resize(Input((None, 4, 3)), 2), "resize: expected images"),
        (lambda x: ops.image.crop_images(x, 1, target_height=2), "two of the sides and the target"),
        (lambda x: ops.image.crop_images(x, 4, 0, target_height=5, target_width=2), "are not within 6"),
        (lambda x: ops.image.pad_images(x, 0, 0, target_height=2, target_width=9), "are not within 2"),
        (lambda x: ops.image.rgb_to_grayscale(x[..., :2]), "three channels"),
        (lambda x: ops.conv(x, KERNEL[:, :, :2]), "conv: expected images"),
        (lambda x: ops.max_pool(x, 7), "larger than the input"),
        (lambda x: ops.meshgrid(X[0], X[1], indexing="yx"), "indexing 'xy' or 'ij'"),
    ],
)
def test_what_is_wrong_is_said(make, message):
    for x in (Input((6, 5, 3)), IMAGES):
        with pytest.raises(ValueError, match=message):
            make(x)


@pytest.mark.parametrize("name", ["searchsorted", "median", "pinv"])
def test_operations_of_arrays_refuse_symbolic_tensors(name):
    with pytest.raises(TypeError, match=rf"gpunn.ops.{name} takes arrays"):
        getattr(ops, name)(Input((3,)))


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
@pytest.mark.parametrize("size", [(3, 8), (9, 4)])
@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_a_resizing_layer_has_the_gradient_of_its_operation(interpolation, size, device):
    upstream = RNG.standard_normal((2, *size, 3)).astype("f4")
    with gpunn.device(device):
        layer, found = gpunn.layers.Resizing(*size, interpolation), []
        for resized in (layer, lambda x: ops.image.resize(x, size, interpolation)):
            x = gpunn.Variable(IMAGES)
            with gpunn.GradientTape() as tape:
                y = resized(x)
                loss = ops.sum(y * upstream)
            found.append((np.asarray(y), np.asarray(tape.gradient(loss, x))))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "function",
    [ops.arcsin, lambda x: ops.diag(x[0]), lambda x: ops.slice_update(x, (0, 1), np.ones((3, 2), "f4")), lambda x: ops.hypot(x, 1.0),
     lambda x: ops.meshgrid(x[0], x[1])[0], lambda x: ops.isclose(x, x) * x, lambda x: ops.take_along_axis(x, PLACES, 1)],
)
@pytest.mark.usefixtures("cpu")
def test_what_is_watched_is_seen(function):
    """Arrays that a tape watches have the gradient that a variable has."""
    with compat.install():
        watched = results.dressed(Y.copy())
        found = []
        for x in (watched, gpunn.Variable(Y)):
            with gpunn.GradientTape() as tape:
                tape.watch(x)
                loss = ops.sum(function(x) * 2.0)
            found.append(np.asarray(tape.gradient(loss, x)))
    assert np.abs(found[0]).max() > 0
    np.testing.assert_array_equal(*found)
