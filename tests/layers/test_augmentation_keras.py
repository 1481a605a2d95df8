"""Augmentation layers: values against Keras and SciPy for the numbers drawn."""

import numpy as np
import pytest
from augmented import COLOUR, GREY, MAKE, drawn, trained

import gpunn
from gpunn import layers
from gpunn.kernels import augment_geometry as geometry
from gpunn.models import load_model

RNG = np.random.default_rng(3)


# ------------------------------------------------------------------ the gather against SciPy
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("mode", ["nearest", "constant", "reflect", "wrap", "grid-constant", "grid-wrap"])
def test_gather_is_scipys_affine_transform(mode, order, either_cpu):
    ndimage = pytest.importorskip("scipy.ndimage")
    table = np.tile(geometry.NEUTRAL, (5, 1))
    table[:, :6] = RNG.uniform([-1, -4, -4, -0.5, 0.5, 0.5], [1, 4, 4, 0.5, 1.6, 1.6], (5, 6))
    maps = geometry.affine_maps(table, 12, 9)
    y = np.empty((5, 12, 9, 3))
    mode_and_order = geometry.MODES[mode], order
    either_cpu.launch(geometry.GATHER, COLOUR, maps, COLOUR, 12, 9, 3, 12, 9, *mode_and_order, 0.0, 7.5, y)
    for r, m in enumerate(maps):
        for c in range(3):
            want = ndimage.affine_transform(COLOUR[r, :, :, c], m[[0, 1, 3, 4]].reshape(2, 2), m[[2, 5]], order=order, mode=mode, cval=7.5)
            np.testing.assert_allclose(y[r, :, :, c], want, rtol=1e-9, atol=1e-7)


# ------------------------------------------------------------------ layers against Keras's, for the same parameters
@pytest.mark.parametrize("fill", ["reflect", "wrap", "constant", "nearest"])
def test_fill_modes_are_keras(fill, cpu, float64):
    from keras_twin import keras

    layer = layers.RandomRotation(0.2, fill_mode=fill, fill_value=9.0, seed=5)
    maps = geometry.affine_maps(drawn(layer, len(GREY), layer.ranges(11, 11), cpu), 11, 11)
    matrix = np.concatenate([maps[:, [4, 3, 5, 1, 0, 2]], np.zeros((len(maps), 2))], axis=1)  # Keras's order: columns, then rows
    want = keras.ops.image.affine_transform(GREY, matrix, "bilinear", fill, 9.0, data_format="channels_last")
    np.testing.assert_allclose(trained(layer, GREY, cpu), np.asarray(want), rtol=1e-4, atol=2e-3)


def test_maps_are_keras_for_what_was_drawn(cpu, float64):
    from keras_twin import keras

    k, (height, width), zeros = keras.layers, (12, 9), np.zeros(5)

    def check(name, theirs):
        layer = MAKE[name](seed=5)
        table = drawn(layer, 5, layer.ranges(height, width), cpu)
        maps = geometry.affine_maps(table, height, width)
        np.testing.assert_allclose(maps[:, [4, 3, 5, 1, 0, 2]], np.asarray(theirs(table))[:, :6], rtol=1e-5, atol=1e-5, err_msg=name)

    check("rotation", lambda t: k.RandomRotation(0.2)._compute_affine_matrix(
        0.5, 0.5, np.degrees(t[:, geometry.ANGLE]), zeros, zeros, np.ones(5), zeros, zeros, height, width
    ))  # fmt: skip
    check("translation", lambda t: k.RandomTranslation(0.3, 0.3)._get_translation_matrix(-t[:, [geometry.SHIFT_X, geometry.SHIFT_Y]]))
    check("zoom", lambda t: k.RandomZoom(0.4)._get_zoom_matrix(t[:, [geometry.ZOOM_X, geometry.ZOOM_Y]], height, width))
    check("zoom of both", lambda t: k.RandomZoom(0.4)._get_zoom_matrix(t[:, [geometry.ZOOM] * 2], height, width))
    sign = lambda t: np.where(t[:, [geometry.SIGN]] > 0.5, -1, 1)  # noqa: E731
    check("shear", lambda t: k.RandomShear(0.3)._get_shear_matrix(t[:, [geometry.SLANT_X, geometry.SLANT_Y]] * sign(t)))


def test_tones_are_keras_for_what_was_drawn(cpu, float64):
    from keras_twin import keras

    def check(name, theirs, ranges, transformation, x=COLOUR):
        layer = MAKE[name](seed=5)
        want = np.asarray(theirs.transform_images(np.array(x), transformation(drawn(layer, len(x), ranges, cpu))))
        np.testing.assert_allclose(trained(layer, x, cpu), want, rtol=1e-5, atol=1e-4, err_msg=name)

    k, shape = keras.layers, (-1, 1, 1, 1)
    check("brightness", k.RandomBrightness(0.3, dtype="float64"), {geometry.SHIFT: (-0.2 * 255, 0.3 * 255)},
          lambda t: {"rgb_delta": t[:, geometry.SHIFT].reshape(shape)})
    check("contrast", k.RandomContrast(0.3, dtype="float64"), {geometry.GAIN: (0.7, 1.6)},
          lambda t: {"contrast_factor": t[:, geometry.GAIN].reshape(shape)})
    check("saturation", k.RandomSaturation(0.3, value_range=(0, 1), dtype="float64"), {geometry.GAIN: (0.0, 1.0)},
          lambda t: {"factor": t[:, geometry.GAIN] / (1 - t[:, geometry.GAIN] + 1e-7)}, x=COLOUR / 255)


def test_blur_is_keras(cpu, float64):
    from keras_twin import keras

    sigma = (0.8, 0.8)
    y = trained(layers.RandomGaussianBlur((1.0, 1.0), (3, 5), sigma), COLOUR, cpu)
    want = np.asarray(keras.ops.image.gaussian_blur(COLOUR, (3, 5), sigma, "channels_last"))
    np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-3)
    y = trained(layers.RandomGaussianBlur((0.5, 0.5), sigma=sigma), np.repeat(COLOUR[:1], 400, axis=0), cpu)
    assert abs(np.mean([np.array_equal(image, COLOUR[0]) for image in y]) - 0.5) < 0.1


@pytest.mark.parametrize("size", [(6, 5), (20, 31)])
def test_sizes_are_keras(size, cpu, float64):
    from keras_twin import keras

    ratios = ({}, {"pad_to_aspect_ratio": True}, {"crop_to_aspect_ratio": True})
    kinds = [*(("Resizing", o) for o in ratios), ("CenterCrop", {})]
    for name, options in kinds:
        ours, theirs = (getattr(m.layers, name)(*size, dtype="float64", **options) for m in (gpunn, keras))
        np.testing.assert_allclose(ours(COLOUR), np.asarray(theirs(COLOUR)), rtol=1e-5, atol=1e-3, err_msg=f"{name} {options}")
    nearest = layers.Resizing(*size, interpolation="nearest")(COLOUR)
    np.testing.assert_array_equal(nearest, np.asarray(keras.layers.Resizing(*size, interpolation="nearest", dtype="float64")(COLOUR)))


def test_files_go_to_keras_and_back(cpu, tmp_path):
    from keras_twin import keras

    made = [
        ("RandomRotation", (0.1,)), ("RandomFlip", ()), ("RandomTranslation", (0.1, 0.2)), ("RandomZoom", (0.2,)), ("RandomShear", (0.1,)),
        ("RandomBrightness", (0.1,)), ("RandomContrast", (0.2,)), ("RandomSaturation", (0.5,)), ("RandomErasing", ()),
        ("RandomGaussianBlur", ()), ("RandomElasticTransform", ()), ("AugMix", ()), ("CenterCrop", (8, 7)), ("Resizing", (6, 6)),
        ("Rescaling", (0.5, 0.1)),
    ]  # fmt: skip
    models = []
    for library in (gpunn, keras):
        normal = library.layers.Normalization()
        normal.adapt(COLOUR)
        stack = [getattr(library.layers, name)(*arguments) for name, arguments in made]
        models.append(library.Sequential([library.layers.Input((12, 9, 3)), normal, *stack]))
    ours, theirs = models
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    want = ours.predict(COLOUR, verbose=0)
    np.testing.assert_allclose(np.asarray(theirs(COLOUR, training=False)), want, rtol=1e-4, atol=1e-5)
    loaded = keras.models.load_model(tmp_path / "ours.keras")
    np.testing.assert_allclose(np.asarray(loaded(COLOUR, training=False)), want, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(load_model(tmp_path / "theirs.keras").predict(COLOUR, verbose=0), want, rtol=1e-4, atol=1e-5)
