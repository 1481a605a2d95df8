"""Augmentation layers: ranges, reproducibility on every device, in training alone, errors."""

import math

import numpy as np
import pytest
from augmented import COLOUR, GREY, MAKE, drawn, trained

import gpunn
from gpunn import layers
from gpunn.backend import get_backend
from gpunn.backend.cpu import CpuBackend
from gpunn.kernels import augment_geometry as geometry
from gpunn.kernels.augment_draw import DRAW, PLACES
from gpunn.layers.augmentation import bounds
from gpunn.models import Sequential, load_model
from gpunn.random import set_random_seed


def test_random_crop_is_a_part_in_training_and_the_middle_otherwise(cpu, float64):
    x = np.arange(2000 * 10 * 8, dtype=float).reshape(2000, 10, 8, 1)
    y = trained(layers.RandomCrop(7, 6), x, cpu)
    first = (y[:, 0, 0, 0] - x[:, 0, 0, 0]).astype(int)
    tops, lefts = first // 8, first % 8
    assert set(tops) == set(range(4)) and set(lefts) == set(range(3))
    np.testing.assert_array_equal(y[5], x[5, tops[5] : tops[5] + 7, lefts[5] : lefts[5] + 6])
    np.testing.assert_array_equal(layers.RandomCrop(5, 4)(x[:3], training=False), layers.Resizing(5, 4)(x[:3]))
    assert layers.RandomCrop(20, 12)(x[:3]).shape == (3, 20, 12, 1), "not larger in both directions: resized"


# ------------------------------------------------------------------ ranges and shares
def test_what_is_drawn_stays_in_its_range_and_fills_it(cpu):
    generator = {
        "rotation": (layers.RandomRotation(0.1), geometry.ANGLE, math.radians(36)), "zoom": (layers.RandomZoom(0.2), geometry.ZOOM, 0.2),
        "shift": (layers.RandomTranslation(0.2, 0), geometry.SHIFT_Y, 0.2 * 50),
    }  # fmt: skip
    for layer, place, reach in generator.values():
        values = drawn(layer, 4000, layer.ranges(50, 40), cpu)[:, place] - (1 if place == geometry.ZOOM else 0)
        assert np.abs(values).max() <= reach and values.min() < -0.99 * reach and values.max() > 0.99 * reach
        assert abs(values.mean()) < 0.05 * reach and len(np.unique(values)) > 3990
    x = np.arange(12.0).reshape(1, 3, 4, 1)
    y = trained(layers.RandomFlip(), np.repeat(x, 4000, axis=0), cpu)
    kinds = [np.mean([np.array_equal(image, v) for image in y]) for v in (x[0], x[0, ::-1], x[0, :, ::-1], x[0, ::-1, ::-1])]
    np.testing.assert_allclose(kinds, 0.25, atol=0.03)
    assert sum(kinds) == 1.0


def test_erasing_cutout_salt(cpu, float64):
    x = np.full((3000, 20, 30, 1), 0.5)
    y = trained(layers.RandomErasing((0.8, 0.8), (0.1, 0.4), fill_value=0.0, value_range=(0, 1)), x, cpu)
    area = (y == 0).sum(axis=(1, 2, 3)) / 600
    hit = area > 0
    assert abs(hit.mean() - 0.8) < 0.03 and area[hit].min() > 0.05 and area.max() < 0.5 and abs(area[hit].mean() - 0.24) < 0.02
    rows, columns = np.nonzero((y[np.argmax(hit)] == 0)[..., 0])
    assert (np.ptp(rows) + 1) * (np.ptp(columns) + 1) == len(rows), "a box"
    noise = trained(layers.RandomErasing((1.0, 1.0), value_range=(0, 1)), x, cpu)
    inside = noise[noise != 0.5]
    assert inside.min() == 0 and inside.max() == 1 and abs(np.mean(inside == 0) - 0.5) < 0.02
    y = trained(layers.Cutout(4, fill_value=-1.0), x, cpu)
    sizes = (y == -1).sum(axis=(1, 2, 3))
    assert sizes.max() == 16 and sizes.min() == 4 and abs(np.mean(sizes == 16) - 17 * 27 / 600) < 0.03
    y = trained(layers.SaltAndPepper(0.2, 0.25, (0, 1)), x, cpu)
    np.testing.assert_allclose([(y == 1).mean(), (y == 0).mean()], [0.05, 0.15], atol=0.002)


def test_elastic_moves_smoothly(cpu, float64):
    i, j = np.mgrid[0:40, 0:40].astype(float)
    x = np.repeat(np.stack([i, j], axis=-1)[None], 3, axis=0)
    y = trained(layers.RandomElasticTransform((1.0, 1.0), scale=1.0), x, cpu)[:, 8:-8, 8:-8] - x[:, 8:-8, 8:-8]
    assert 0.3 < np.abs(y).mean() < 4 and np.abs(np.diff(y, axis=1)).max() < 2 < np.ptp(y)


# ------------------------------------------------------------------ the same on every device, in training alone
@pytest.mark.parametrize("name", MAKE)
def test_only_in_training_repeatable_and_saved(name, cpu, tmp_path):
    x = COLOUR[..., :].astype("float32")
    layer = MAKE[name](seed=5)
    set_random_seed(1)
    first = trained(layer, x, cpu)
    set_random_seed(2)
    np.testing.assert_array_equal(trained(MAKE[name](seed=5), x, cpu), first)
    assert not np.array_equal(trained(MAKE[name](seed=6), x, cpu), first)
    assert not np.array_equal(trained(layer, x, cpu, step=5), first)
    if name != "crop":
        np.testing.assert_array_equal(MAKE[name]()(x, training=False), x)
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
    model = Sequential([layers.Input(x.shape[1:]), MAKE[name](), layers.Flatten(), layers.Dense(2)])
    model.compile("sgd", "mse")
    assert model.recordable
    model.save(tmp_path / "m.npz")
    np.testing.assert_array_equal(load_model(tmp_path / "m.npz").predict(x, verbose=0), model.predict(x, verbose=0))


def test_called_alone_a_layer_acts_and_draws_anew(cpu):
    for seed in (None, 3):
        a, b = layers.RandomRotation(0.2, seed=seed), layers.RandomRotation(0.2, seed=seed)
        first, second = a(COLOUR), a(COLOUR)
        assert not np.array_equal(first, second) and np.array_equal(b(COLOUR), first) == (seed is not None)


def test_drawn_numbers_are_the_same_to_the_bit(sim_with):
    pytest.importorskip("numba", reason="one of the targets is Numba")
    low, span = bounds({geometry.ANGLE: (-0.7, 0.3), geometry.SHIFT_X: (-3.3, 2.1), geometry.FLIP_X: (0.0, 1.0)})
    results = []
    for ops in (CpuBackend(compiled=True), CpuBackend(compiled=False), sim_with()):
        out = ops.empty((9, PLACES), "float64")
        ops.launch(DRAW, *map(ops.asarray, (low, span)), ops.asarray(np.array([2**33 + 1])), 77, 5, 3, out)
        results.append(ops.to_numpy(out).tobytes())
    assert results[0] == results[1] == results[2]


def test_training_is_the_same_on_the_cpu_and_on_sim(cpu, sim_with):
    sim_with()
    x, y = COLOUR.astype("float32"), np.array([0, 1, 2, 0, 1])
    models = []
    for device in ("cpu", "sim"):
        set_random_seed(3)
        with gpunn.device(device):
            stack = [
                layers.Input(x.shape[1:]), layers.RandomAffine(0.1, 0.1, 0.1, 0.1, 0.1, "horizontal"), layers.RandomContrast(0.2),
                layers.RandomErasing(0.5), layers.RandomHue(0.5), layers.RandomPerspective(scale=0.4),
                layers.RandomInvert(0.6), layers.RandomGrayscale(), layers.RandomSharpness(0.9), layers.Rescaling(1 / 255),
                layers.GaussianNoise(0.1), layers.Flatten(), layers.Dense(3, "softmax"),
            ]  # fmt: skip
            model = Sequential(stack)
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, y, epochs=3, batch_size=2, verbose=0)
        models.append(model)
    np.testing.assert_allclose(models[0].history.history["loss"], models[1].history.history["loss"], rtol=1e-5)
    for a, b in zip(*(m.get_weights() for m in models), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-6)


def test_images_without_a_channel_axis(cpu, float64):
    layer = layers.RandomAffine(0.1, 0.1, 0.1)
    np.testing.assert_array_equal(trained(layer, GREY[..., 0], cpu), trained(layer, GREY, cpu)[..., 0])
    assert get_backend().name == "cpu"


# ------------------------------------------------------------------ errors
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.RandomRotation((0.3, 0.1)), r"factor must be a number or a pair \(lower, upper\), in order, from -1 to 1"),
        (lambda: layers.RandomRotation(1.5), "factor must be a number.*Received: factor=1.5"),
        (lambda: layers.RandomTranslation(0.1, "a"), "width_factor must be a number"),
        (lambda: layers.RandomZoom((-1, 0)), "a factor of -1 shows a single point"),
        (lambda: layers.RandomShear(-0.1), "x_factor must be.*from -1 to 1"),
        (lambda: layers.RandomFlip("both"), "mode must be one of .*Received: mode='both'"),
        (lambda: layers.RandomRotation(0.1, fill_mode="mirror"), "fill_mode must be one of"),
        (lambda: layers.RandomRotation(0.1, data_format="channels_first"), "images are channels-last"),
        (lambda: layers.RandomBrightness(0.1, value_range=(1, 0)), "value_range must be a pair"),
        (lambda: layers.RandomContrast(-0.1), "factor must be a number or a pair from 0 to 1"),
        (lambda: layers.RandomGaussianBlur(kernel_size=4), "kernel_size must be an odd number"),
        (lambda: layers.RandomErasing(fill_value="a"), "fill_value must be a number or None"),
        (lambda: layers.Cutout(0), "size must be a positive integer"),
        (lambda: layers.AugMix(alpha=0), "alpha must be a positive number"),
        (lambda: layers.RandomCrop(3, 0), "width must be a positive integer"),
        (lambda: layers.Resizing(3, 3, antialias=True), "expected antialias=False"),
        (lambda: Sequential([layers.Input((4,)), layers.RandomFlip()]), r"expected images.*Received: \(None, 4\)"),
        (lambda: Sequential([layers.Input((4, 4, 1)), layers.RandomSaturation(0.5)]), "expected images with 3 channels"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_no_gradient_passes(cpu):
    stack = [layers.Input((16,)), layers.Dense(16), layers.Reshape((4, 4, 1)), layers.RandomFlip(), layers.Flatten(), layers.Dense(1)]
    model = Sequential(stack)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"no gradient passes through it\. Put it before the layers that learn"):
        model.fit(np.ones((4, 16)), np.ones(4), verbose=0)
