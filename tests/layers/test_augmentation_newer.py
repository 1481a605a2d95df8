"""Augmentation layers of colours, levels and perspective against Keras's, for the numbers drawn."""

import numpy as np
import pytest
from augmented import COLOUR, drawn, trained
from keras_twin import compute_in, keras

import gpunn
from gpunn import layers
from gpunn.kernels import augment_geometry as geometry
from gpunn.kernels import augment_perspective as places
from gpunn.kernels import augment_shades as shades
from gpunn.layers.augmentation_operations import OPERATIONS
from gpunn.models import load_model

pytestmark = pytest.mark.usefixtures("float64")
RNG = np.random.default_rng(0)
ROWS = len(COLOUR)


def column(values):
    return values.reshape(-1, 1, 1, 1)


def some(table):
    """Which images are changed, of those that a probability decides on."""
    return table[:, 5] < table[:, 4]


# name: (arguments, our ranges, neutral places, Keras's transformation from our table)
CASES = {
    "RandomPosterization": (((2, 6),), lambda o: (o.ranges(), shades.SHADES),
                            lambda t: {"shift_factor": (8 - np.floor(t[:, shades.BITS])).astype("uint8")}),
    "RandomSharpness": (((0.1, 0.9),), lambda o: (o.ranges(), shades.SHADES), lambda t: {"factor": (1 - t[:, shades.SHARP]) / 2}),
    "RandomColorDegeneration": (((0.2, 0.9),), lambda o: (o.ranges(), shades.SHADES), lambda t: {"factor": column(t[:, shades.GREY])}),
    "Solarization": ((0.3, 0.8), lambda o: (o.ranges(), shades.SHADES), lambda t: {
        "additions": column(255 * t[:, shades.ADDED]), "thresholds": column(255 * t[:, shades.LIMIT])}),
    "RandomInvert": (((0.3, 0.9),), lambda o: (o.whole(o.factor), geometry.NEUTRAL), lambda t: {"apply_inversion": some(t)}),
    "RandomGrayscale": ((0.6,), lambda o: (o.whole((0.6, 0.6)), geometry.NEUTRAL), lambda t: column(some(t))),
    "RandomHue": (((0.2, 0.9),), lambda o: ({geometry.GAIN: o.factor, geometry.SIGN: (0.0, 1.0)}, geometry.NEUTRAL),
                  lambda t: {"factor": 0.5 * np.where(t[:, geometry.SIGN] > 0.5, -1, 1) * t[:, geometry.GAIN]}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_values_are_keras_for_what_was_drawn(name, either_cpu):
    compute_in("float64")
    arguments, ranges, transformation = CASES[name]
    ours, theirs = getattr(layers, name)(*arguments, seed=5), getattr(keras.layers, name)(*arguments)
    x = np.repeat(COLOUR, 4, axis=0)
    given, neutral = ranges(ours)
    ours.draw, draw = lambda *a, **o: draw_once.setdefault("table", draw(*a, **o)), ours.draw
    draw_once = {}
    y = trained(ours, x, either_cpu)
    table = either_cpu.to_numpy(draw_once["table"])
    np.testing.assert_array_equal(table[:, list(given)], drawn(ours, len(x), given, either_cpu)[:, list(given)])
    want = np.asarray(theirs.transform_images(np.array(x), transformation(table), training=True))
    np.testing.assert_allclose(y, want, rtol=1e-5, atol=2e-4)
    changed = np.abs(y - x).reshape(len(x), -1).max(axis=1) > 1
    assert changed.any() and neutral and (name not in ("RandomInvert", "RandomGrayscale") or not changed.all())


def test_perspective_is_keras(either_cpu):
    compute_in("float64")
    for scale, interpolation in ((0.6, "bilinear"), (1.0, "nearest")):
        layer = layers.RandomPerspective((0.3, 0.9), scale, interpolation, 7.5, seed=5)
        corners = (places.RIGHT, places.DOWN, places.FAR_RIGHT, places.FAR_DOWN)
        ranges = {**layer.whole(layer.factor), **dict.fromkeys(corners, (-scale / 2, scale / 2))}
        x = np.repeat(COLOUR, 4, axis=0)
        table, y = drawn(layer, len(x), ranges, either_cpu), trained(layer, x, either_cpu)
        (height, width), n = x.shape[1:3], len(x)
        start = np.repeat(np.array([[[0.0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]]]), n, axis=0)
        shares = np.zeros((n, 4, 2))
        shares[:, 1, 0], shares[:, 2, 1], shares[:, 3] = table[:, places.RIGHT], table[:, places.DOWN], table[:, 8:10]
        theirs = keras.layers.RandomPerspective(1.0, scale, interpolation, 7.5)
        given = {"apply_perspective": some(table), "start_points": start, "end_points": start + start * shares}
        want = np.asarray(theirs.transform_images(np.array(x), given, training=True))
        off = np.abs(y - want).max(axis=(1, 2, 3)) if interpolation == "bilinear" else (np.abs(y - want) > 1e-6).mean(axis=(1, 2, 3))
        assert off.max() < 0.02, "Keras finds the map in float32"
        assert np.abs(y - x).max() > 10 and (np.abs(y - x).reshape(n, -1).max(axis=1) == 0).any()


def test_jitter_is_its_four_layers(cpu):
    jitter = layers.RandomColorJitter((0, 255), 0.3, 0.4, (0.6, 0.8), 0.5, seed=3)
    y, want = trained(jitter, COLOUR, cpu), COLOUR
    kinds = [layers.RandomBrightness(0.3), layers.RandomContrast(0.4), layers.RandomSaturation((0.6, 0.8)), layers.RandomHue(0.5)]
    for i, layer in enumerate(kinds):
        layer.seed, layer.stream = 3, jitter.parts[i].stream
        want = trained(layer, want, cpu)
    np.testing.assert_allclose(y, want, rtol=1e-12)
    assert len({part.stream for part in jitter.parts}) == 4
    np.testing.assert_array_equal(trained(layers.RandomColorJitter(seed=3), COLOUR, cpu), COLOUR)


@pytest.mark.parametrize("limits", [(0, 255), (-1, 1)], ids=str)
def test_contrast_and_levels_of_each_image(limits, either_cpu):
    compute_in("float64")
    low, wide = limits[0], limits[1] - limits[0]
    x = low + wide * (0.2 + 0.5 * COLOUR / 255)
    x[0, ..., 1] = low + 0.3 * wide
    for name in ("AutoContrast", "Equalization"):
        ours, theirs = getattr(layers, name)(limits), getattr(keras.layers, name)(limits)
        want = np.concatenate([np.asarray(theirs(x[i : i + 1], training=True)) for i in range(ROWS)])
        np.testing.assert_allclose(trained(ours, x, either_cpu), want, rtol=0, atol=1e-5 * wide, err_msg=name)
        outside = np.asarray(theirs(x[1:], training=False))
        np.testing.assert_allclose(ours(x[1:], training=False), outside, rtol=0, atol=1e-5 * wide, err_msg=name)
        assert (np.abs(outside - x[1:]).max() > 0.1) == (name == "AutoContrast")
        assert type(ours).from_config(ours.get_config()).get_config() == ours.get_config()


def test_rand_augment_chooses_alike_and_each_image_for_itself(cpu):
    x = np.repeat(COLOUR[:1], 3000, axis=0)
    layer = layers.RandAugment(num_ops=1, factor=(0.3, 0.3), seed=5)
    y = trained(layer, x, cpu)
    choice = np.floor(drawn(layer, len(x), {geometry.CHOICE: (0.0, 1.0)}, cpu)[:, geometry.CHOICE] * len(layer.operations)).astype(int)
    assert "none" not in layer.operations and set(layer.operations) == set(OPERATIONS) - {"none"}
    np.testing.assert_allclose(np.bincount(choice) / len(x), 1 / 11, atol=0.02)
    for k, name in enumerate(layer.operations):  # at one strength most have a single outcome, shear one for each sign
        outcomes = {image.tobytes() for image in y[choice == k]}
        assert len(outcomes) == {"shear": 2}.get(name, 1) or name in ("contrast", "solarization"), name
    assert len({image.tobytes() for image in trained(layers.RandAugment(num_ops=3, seed=5), x[:50], cpu)}) > 45


def test_files_go_to_keras_and_back(cpu, tmp_path):
    compute_in("float64")
    made = [
        ("RandomGrayscale", ()), ("RandomHue", (0.2,)), ("RandomInvert", ()), ("RandomPosterization", (3,)), ("RandomSharpness", (0.4,)),
        ("RandomColorDegeneration", (0.5,)), ("RandomColorJitter", ((0, 255), 0.1, 0.1)), ("RandomPerspective", ()), ("AutoContrast", ()),
        ("Solarization", (0.1, 0.2)), ("RandAugment", ()),
    ]  # fmt: skip  Keras's Equalization fits in no model of Keras's
    models = []
    for library in (gpunn, keras):
        stack = [getattr(library.layers, name)(*arguments) for name, arguments in made]
        models.append(library.Sequential([library.layers.Input((12, 9, 3)), *stack]))
    ours, theirs = models
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    want = ours.predict(COLOUR, verbose=0)
    np.testing.assert_allclose(np.asarray(theirs(COLOUR, training=False)), want, rtol=1e-4, atol=1e-4)
    loaded = keras.models.load_model(tmp_path / "ours.keras")
    np.testing.assert_allclose(np.asarray(loaded(COLOUR, training=False)), want, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(load_model(tmp_path / "theirs.keras").predict(COLOUR, verbose=0), want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.RandomGrayscale(1.2), "factor must be a number from 0 to 1"),
        (lambda: layers.RandomHue(-0.1), r"factor must be a number or a pair \(lower, upper\), in order, from 0 to 1.*factor=-0.1"),
        (lambda: layers.RandomInvert((0.5, 2)), "factor must be a number or a pair"),
        (lambda: layers.RandomPosterization(9), "factor must be .* from 1 to 8"),
        (lambda: layers.RandomPosterization((1, 2.5)), "factor must be whole numbers of bits"),
        (lambda: layers.RandomSharpness(2), "factor must be .* from 0 to 1"),
        (lambda: layers.RandomPerspective(scale=2.0), "scale must be a number from 0 to 1"),
        (lambda: layers.RandomPerspective(interpolation="cubic"), "interpolation must be one of"),
        (lambda: layers.Solarization(threshold_factor="a"), "threshold_factor must be a number"),
        (lambda: layers.Equalization(bins=16), "there are 256 levels. Received: bins=16"),
        (lambda: layers.RandAugment(num_ops=0), "num_ops must be a positive integer"),
        (lambda: layers.RandomHue(0.1).compute_output_shape((None, 4, 4, 1)), r"expected images with 3 channels.*\(None, 4, 4, 1\)"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
