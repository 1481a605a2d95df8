"""ImageDataGenerator: values against Keras's, ranges of the course's snippet, flows in `fit`, files, errors."""

import math
import warnings

import numpy as np
import pytest

import gpunn
from gpunn import layers
from gpunn.datasets import digits
from gpunn.kernels import augment_geometry as geometry
from gpunn.models import Sequential
from gpunn.preprocessing import image
from gpunn.preprocessing.image import ImageDataGenerator
from gpunn.random import set_random_seed

RNG = np.random.default_rng(4)
X = RNG.uniform(0, 255, (24, 10, 10, 3)).astype("float32")
Y = np.arange(24) % 4
SNIPPET = {
    "rotation_range": 40, "width_shift_range": 0.2, "height_shift_range": 0.2, "shear_range": 0.2, "zoom_range": 0.2,
    "horizontal_flip": True, "fill_mode": "nearest",
}  # fmt: skip


@pytest.fixture(scope="module")
def keras_image():
    import keras_twin  # noqa: F401  sets Keras's backend

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from keras.src.legacy.preprocessing import image as legacy
    return legacy


# ------------------------------------------------------------------ values
@pytest.mark.parametrize("mode", ["nearest", "constant", "reflect", "wrap"])
def test_affine_is_keras_and_scipys(mode, keras_image):
    x = X[0].astype("float64")
    for order in (0, 1):
        for _ in range(4):
            amounts = RNG.uniform([-90, -3, -3, -30, 0.6, 0.6], [90, 3, 3, 30, 1.5, 1.5])
            p = dict(zip(("theta", "tx", "ty", "shear", "zx", "zy"), amounts, strict=True))
            how = {"row_axis": 0, "col_axis": 1, "channel_axis": 2, "fill_mode": mode, "cval": 3.5, "order": order}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                want = keras_image.apply_affine_transform(x, **p, **how)
            np.testing.assert_allclose(image.apply_affine_transform(x, **p, **how), want, rtol=1e-9, atol=1e-7)
    first = np.moveaxis(x, -1, 0)
    turned = image.apply_affine_transform(x, 20, row_axis=0, col_axis=1, channel_axis=2)
    np.testing.assert_array_equal(image.apply_affine_transform(first, theta=20), np.moveaxis(turned, -1, 0))


def test_apply_transform_and_standards_are_keras(keras_image):
    options = {"fill_mode": "reflect", "rescale": 1 / 255, "samplewise_std_normalization": True, "samplewise_center": True}
    ours, theirs = ImageDataGenerator(**options), keras_image.ImageDataGenerator(**options)
    p = {"theta": 20, "tx": 1.5, "ty": -2, "shear": 10, "zx": 0.8, "zy": 1.2, "flip_horizontal": True, "flip_vertical": True,
         "channel_shift_intensity": 30}  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = theirs.apply_transform(X[0], p)
    got = ours.apply_transform(X[0], p)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(ours.standardize(got.copy()), theirs.standardize(want.copy()), atol=1e-5)
    np.testing.assert_allclose(ours.standardize(X.copy())[3], theirs.standardize(X[3].copy()), atol=1e-5)
    x = X[:, :4, :4]
    for options in ({"featurewise_std_normalization": True}, {"zca_whitening": True}):
        options["featurewise_center"] = True
        ours, theirs = (m.ImageDataGenerator(rescale=1 / 255, **options) for m in (image, keras_image))
        ours.fit(x), theirs.fit(x)
        want = np.stack([theirs.standardize(v.copy()) for v in x[:2]])
        np.testing.assert_allclose(ours.standardize(x[:2].copy()), want, rtol=1e-3, atol=1e-3)


def test_a_batch_is_what_apply_transform_makes_of_the_numbers_drawn(cpu):
    """The one gather against Keras's order of operations, image by image."""
    generator = ImageDataGenerator(**SNIPPET | {"fill_mode": "constant", "vertical_flip": True, "shear_range": 20, "dtype": "float64"},
                                   brightness_range=(0.5, 1.5), channel_shift_range=20)  # fmt: skip
    x = np.round(X.astype("float64"))
    batch = generator.batch(x, (3, 11, 5), 255.0)
    from gpunn.kernels.augment_draw import _draw_reference
    from gpunn.layers.augmentation import bounds

    table = np.empty((24, 20))
    _draw_reference(*bounds(generator.ranges(10, 10)), np.array([3]), 11, 5, 0, table)
    for row, p in enumerate(table):
        given = {
            "theta": math.degrees(p[0]), "tx": p[1], "ty": p[2], "shear": math.degrees(p[3]), "zx": p[4], "zy": p[5],
            "flip_horizontal": p[6] < 0.5, "flip_vertical": p[7] < 0.5, "channel_shift_intensity": p[geometry.SHIFT],
            "brightness": p[geometry.GAIN],
        }  # fmt: skip
        np.testing.assert_allclose(batch[row], generator.apply_transform(x[row], given), rtol=1e-9, atol=1e-6)


# ------------------------------------------------------------------ SN-24
def test_snippet_keeps_shape_type_range_and_labels(cpu):
    marked = np.repeat(Y[:, None, None, None] * 60.0, 10, axis=1).repeat(10, axis=2)
    x, y = next(ImageDataGenerator(**SNIPPET).flow(marked, Y, batch_size=32))
    assert x.shape == (24, 10, 10, 1) and x.dtype == np.float32 and x.min() >= 0 and x.max() <= 180
    np.testing.assert_allclose(x, np.broadcast_to(y[:, None, None, None] * 60.0, x.shape), rtol=1e-6)
    plain = next(ImageDataGenerator().flow(X, Y, batch_size=24, shuffle=False))
    np.testing.assert_array_equal(plain[0], X)
    np.testing.assert_array_equal(plain[1], Y)


def test_each_parameter_stays_within_its_bound(cpu):
    dot = np.zeros((2000, 41, 41, 1), np.float32)
    dot[:, 20, 30] = 255  # ten pixels to the right of the centre
    i, j = np.mgrid[0:41, 0:41] - 20.0

    def centres(**options):
        x = ImageDataGenerator(**options).batch(dot, (0, 7, 5), 255.0)[..., 0]
        total = x.sum(axis=(1, 2))
        return (x * i).sum(axis=(1, 2)) / total, (x * j).sum(axis=(1, 2)) / total

    y, x = centres(rotation_range=40)
    angle = np.degrees(np.arctan2(y, x))
    assert np.abs(angle).max() <= 41 and angle.max() > 38 and angle.min() < -38
    y, x = centres(height_shift_range=0.2)
    assert np.abs(y).max() <= 8.3 and np.abs(y).max() > 7.8 and np.abs(x - 10).max() < 1e-4, "vertical only"
    y, x = centres(width_shift_range=0.2)
    assert np.abs(x - 10).max() <= 8.3 and np.abs(y).max() < 1e-4
    y, x = centres(zoom_range=0.2)
    assert x.max() <= 12.6 and x.min() >= 8.2 and np.abs(y).max() < 1e-4
    y, x = centres(horizontal_flip=True)
    assert set(np.round(x)) == {10.0, -10.0} and abs(np.mean(x < 0) - 0.5) < 0.04
    y, x = centres(width_shift_range=3)
    assert set(np.round(x - 10)) == set(range(-2, 3))
    y, x = centres(height_shift_range=[0.1, 5 / 41])
    np.testing.assert_allclose(np.unique(np.round(y, 2)), [-5, -4.1, 4.1, 5], atol=0.02)
    bright = ImageDataGenerator(brightness_range=(0.2, 0.6)).batch(np.full((500, 3, 3, 1), 100.0), (0, 7, 5), 255.0)
    assert bright.min() >= 20 and bright.max() <= 60.001 and np.ptp(bright) > 38
    half = ImageDataGenerator(brightness_range=(0.5, 2)).batch(np.full((500, 3, 3, 1), 0.9), (0, 7, 5), 1.0)
    assert half.max() == 1.0 and half.min() > 0.44


def test_single_images(cpu):
    set_random_seed(1)
    generator = ImageDataGenerator(**SNIPPET, channel_shift_range=5, brightness_range=(0.5, 1))
    p = generator.get_random_transform((10, 10, 3))
    assert abs(p["theta"]) <= 40 and abs(p["tx"]) <= 2 and 0.8 <= p["zx"] <= 1.2 and abs(p["channel_shift_intensity"]) <= 5
    np.testing.assert_array_equal(generator.random_transform(X[0], seed=3), generator.random_transform(X[0], seed=3))
    for changed in (
        image.random_rotation(X[0], 20, 0, 1, 2), image.random_shift(X[0], 0.2, 0.1, 0, 1, 2), image.random_shear(X[0], 20, 0, 1, 2),
        image.random_zoom(X[0], (0.5, 1.5), 0, 1, 2), image.random_brightness(X[0], (0.2, 0.8)), image.random_channel_shift(X[0], 50, 2),
    ):  # fmt: skip
        assert changed.shape == X[0].shape and not np.array_equal(changed, X[0])


# ------------------------------------------------------------------ flows
def model_of(shape=(10, 10, 3), classes=4):
    set_random_seed(2)
    model = Sequential([layers.Input(shape), layers.Flatten(), layers.Dense(classes, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_flow_goes_round_in_new_orders(cpu):
    flow = ImageDataGenerator().flow(np.arange(10.0).reshape(10, 1, 1, 1), np.arange(10), batch_size=4, seed=3)
    passes = [[next(flow) for _ in range(3)] for _ in range(2)]
    orders = [np.concatenate([b[1] for b in batches]) for batches in passes]
    assert all(sorted(order) == list(range(10)) for order in orders) and not np.array_equal(*orders) and len(flow) == 3
    again = ImageDataGenerator().flow(np.arange(10.0).reshape(10, 1, 1, 1), np.arange(10), batch_size=4, seed=3)
    np.testing.assert_array_equal(next(again)[1], passes[0][0][1])
    with_weights = next(ImageDataGenerator().flow(X, Y, sample_weight=Y * 1.0, batch_size=5))
    np.testing.assert_array_equal(with_weights[1], with_weights[2])
    assert next(ImageDataGenerator().flow(X, batch_size=5)).shape == (5, 10, 10, 3)


def test_flow_is_part_of_the_recorded_step(cpu):
    """Without changes a flow trains as the arrays do, to the bit; with them as a layer would; and batch by batch where it must."""
    x = np.round(X).astype("uint8")
    weights = []
    for given, y in ((x, Y), (ImageDataGenerator().flow(x, Y, batch_size=8), None)):
        model = model_of()
        model.fit(given, y, batch_size=8, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)
    generator = ImageDataGenerator(**SNIPPET, rescale=1 / 255, featurewise_center=True, featurewise_std_normalization=True)
    generator.fit(x)
    flow = generator.flow(x, Y, batch_size=8)
    batch = cpu.empty((8, 10, 10, 3))
    batch[...] = X[:8]
    assert flow.in_step() is not None and abs(generator.scaled(cpu, batch).mean()) < 0.5
    np.testing.assert_allclose(generator.scaled(cpu, batch), generator.standardize(X[:8].copy()), rtol=1e-4, atol=1e-5)
    model = model_of()
    model.fit(flow, epochs=2, verbose=0, steps_per_epoch=3)
    assert flow.total_batches_seen == 0, "no batch was made on the host"
    model.fit(flow, epochs=1, verbose=0, steps_per_epoch=7)
    assert flow.total_batches_seen >= 7, "more steps than a pass: batches are made"
    for options in ({"samplewise_center": True}, {"preprocessing_function": lambda v: v / 2}, {"width_shift_range": [1, 2]}):
        other = ImageDataGenerator(**options).flow(x, Y, batch_size=8)
        model.fit(other, epochs=1, verbose=0)
        assert other.total_batches_seen >= 3
    held = ImageDataGenerator(rescale=1 / 255).flow(x, Y, batch_size=8, shuffle=False)
    model.fit(flow, validation_data=held, verbose=0)
    np.testing.assert_allclose(model.evaluate(held, verbose=0), model.evaluate(x / 255, Y, verbose=0), rtol=1e-5)


def test_flow_on_sim_is_the_flow_on_the_cpu(cpu, sim_with):
    sim_with()
    losses = []
    for device in ("cpu", "sim"):
        with gpunn.device(device):
            model = model_of()
        model.fit(ImageDataGenerator(**SNIPPET, rescale=1 / 255).flow(X, Y, batch_size=8, seed=4), epochs=2, verbose=0)
        losses.append(model.history.history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_subsets(cpu):
    generator = ImageDataGenerator(validation_split=0.25)
    held, rest = (generator.flow(X, Y, subset=s, shuffle=False, batch_size=24) for s in ("validation", "training"))
    np.testing.assert_array_equal(next(held)[1], Y[:6])
    np.testing.assert_array_equal(next(rest)[0], X[6:])
    with pytest.raises(ValueError, match="different classes after the split"):
        generator.flow(X, np.arange(24) // 6, subset="training")


def test_digits_and_flips(cpu):
    (x, y), _ = digits.load_data()
    with pytest.warns(UserWarning, match="Flips change handwritten digits"):
        ImageDataGenerator(horizontal_flip=True).flow(x[:50, :, :, None], y[:50])
    ImageDataGenerator(rotation_range=10).flow(x[:50, :, :, None], y[:50])
    ImageDataGenerator(horizontal_flip=True).flow(X, Y)
    model = Sequential([layers.Input((8, 8, 1)), layers.RandomFlip("vertical"), layers.Flatten(), layers.Dense(10, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.warns(UserWarning, match="Flips change handwritten digits"):
        model.fit(x[:50, :, :, None], y[:50], verbose=0)


# ------------------------------------------------------------------ errors
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ImageDataGenerator(zoom_range=(1.2, 0.8)), r"zoom_range: expected a pair \(lower, upper\), in order"),
        (lambda: ImageDataGenerator(zoom_range=1.0), "zoom_range: expected factors above 0"),
        (lambda: ImageDataGenerator(brightness_range=(2, 1)), "brightness_range: expected a pair"),
        (lambda: ImageDataGenerator(rotation_range=-5), "rotation_range: expected a number of at least 0. Received: -5"),
        (lambda: ImageDataGenerator(width_shift_range="a"), "width_shift_range: expected a number"),
        (lambda: ImageDataGenerator(fill_mode="mirror"), "fill_mode: expected one of"),
        (lambda: ImageDataGenerator(interpolation_order=3), "interpolation_order: expected 0"),
        (lambda: ImageDataGenerator(data_format="channels_first"), "images are channels-last"),
        (lambda: ImageDataGenerator(validation_split=1.5), "validation_split: expected a share"),
        (lambda: ImageDataGenerator().flow(X[..., 0], Y), r"expected images, an array \(rows, height, width, channels\).*\(24, 10, 10\)"),
        (lambda: ImageDataGenerator().flow(X, Y[:5]), r"y of flow: expected as many rows as x, 24. Received: shape \(5,\)"),
        (lambda: ImageDataGenerator().flow(X, Y, sample_weight=Y[:5]), "sample_weight of flow"),
        (lambda: ImageDataGenerator().flow(X, Y, batch_size=0), "batch_size: expected a positive integer"),
        (lambda: ImageDataGenerator().flow(X, Y, subset="training"), "a validation_split of the generator"),
        (lambda: ImageDataGenerator().flow(X, Y)[7], "There are 1 batches. Received: index 7"),
        (lambda: image.apply_affine_transform(X), "Expected an image of 3 axes"),
        (lambda: image.random_zoom(X[0], (2, 1)), "zoom_range: expected a pair"),
        (lambda: ImageDataGenerator().fit(X[0]), "expected .rows, height, width, channels"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_not_fitted_and_implied_standards_are_said(cpu):
    with pytest.warns(UserWarning, match="featurewise_std_normalization=True implies featurewise_center=True"):
        generator = ImageDataGenerator(featurewise_std_normalization=True)
    with pytest.warns(UserWarning, match="has not been fitted"):
        generator.standardize(X[:2].copy())
