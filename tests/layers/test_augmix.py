"""AugMix: each operation's values are those of Keras's layer, and what is drawn has the law of Keras's AugMix."""

import numpy as np
import pytest
from keras_twin import compute_in, keras

from gpunn import layers, random
from gpunn.kernels import augment_geometry as geometry
from gpunn.kernels import augment_shades as shades
from gpunn.kernels.augment_draw import MIXING, PLACES
from gpunn.layers.augmentation_augmix import FEW
from gpunn.layers.augmentation_operations import OPERATIONS
from gpunn.layers.base import Rng

pytestmark = pytest.mark.usefixtures("float64")
stats = pytest.importorskip("scipy.stats")
RNG = np.random.default_rng(5)
MANY, SIZE = 6000, (4, 6, 3)
# whole levels, which bytes keep; the last image has a channel of one level, and one of two
LEVELS = RNG.integers(0, 256, (6, 9, 8, 3)).astype(float)
LEVELS[3] = LEVELS[3] // 40 + 7
LEVELS[5, ..., 0], LEVELS[5, ..., 1] = 31, np.where(LEVELS[5, ..., 1] > 90, 200, 10)


def made(ops, **options):
    layer = layers.AugMix(seed=7, **options)
    layer.backend, layer.rng = ops, Rng(ops, random.current_seed())
    return layer


def shaded(ops, place, values, x, limits):
    table = np.tile(np.array(shades.SHADES), (len(x), 1))
    for at, given in zip(np.atleast_1d(place), np.atleast_2d(values), strict=True):
        table[:, at] = given
    return made(ops, value_range=limits).shaded(ops.asarray(x), ops.asarray(table))


@pytest.mark.parametrize("limits", [(0, 255), (0, 1), (-2, 3)], ids=str)
def test_shades_are_keras_for_what_was_drawn(either_cpu, limits):
    compute_in("float64")
    k, n, column = keras.layers, len(LEVELS), lambda v: v.reshape(-1, 1, 1, 1)
    low, wide = limits[0], limits[1] - limits[0]
    x = low + np.minimum(LEVELS + 0.25, 255) / 255 * wide  # within a level, not on its border, where rounding decides
    share = RNG.uniform(0.05, 0.6, n)
    cases = {
        "posterization": (shades.BITS, np.floor(RNG.uniform(1, 8, n)) + 0.4, k.RandomPosterization(3, limits),
                          lambda v: {"shift_factor": (8 - np.floor(v[0])).astype("uint8")}),
        "solarization": ((shades.ADDED, shades.LIMIT), [share, share[::-1]], k.Solarization(0.3, 0.3, limits),
                         lambda v: {"additions": column(255 * v[0]), "thresholds": column(255 * v[1])}),
        "auto-contrast": (shades.STRETCHED, np.ones(n), k.AutoContrast(limits), lambda v: None),
        "equalization": (shades.EQUALIZED, np.ones(n), k.Equalization(limits), lambda v: None),
        "brightness": (shades.BRIGHTNESS, share * wide, k.RandomBrightness(0.3, limits), lambda v: {"rgb_delta": column(v[0])}),
        "colour degeneration": (shades.GREY, share, k.RandomColorDegeneration(0.3, limits), lambda v: {"factor": column(v[0])}),
        "contrast": (shades.CONTRAST, 1 + share, k.RandomContrast(0.3, limits), lambda v: {"contrast_factor": column(v[0])}),
        "sharpness": (shades.SHARP, 1 - 2 * share, k.RandomSharpness(0.3, limits), lambda v: {"factor": (1 - v[0]) / 2}),
    }  # fmt: skip
    assert set(cases) == {name for name, (_, places) in OPERATIONS.items() if places}
    for name, (place, values, theirs, given) in cases.items():
        ours = np.asarray(shaded(either_cpu, place, values, x, limits))
        lots = np.split(x, n) if name == "equalization" else [x]  # Keras equalizes a batch as one image
        change = given(np.atleast_2d(values))
        want = np.concatenate([np.asarray(theirs.transform_images(np.array(lot), change, training=True)) for lot in lots])
        np.testing.assert_allclose(ours, want, rtol=0, atol=1e-5 * wide, err_msg=name)
        if name not in ("auto-contrast", "equalization"):
            assert np.abs(ours - x).max() > 0.01 * wide, name
    untouched = np.asarray(shaded(either_cpu, [], np.empty((0, n)), x, limits))
    np.testing.assert_allclose(untouched, x, rtol=0, atol=1e-13 * max(map(abs, limits)))


def test_equalization_spreads_levels(cpu):
    y = np.asarray(shaded(cpu, shades.EQUALIZED, np.ones(6), LEVELS, (0, 255)))
    for image, out in zip(LEVELS.reshape(6, -1, 3), y.reshape(6, -1, 3), strict=True):
        for c in range(3):
            values, place, counts = np.unique(image[:, c], return_inverse=True, return_counts=True)
            below = np.cumsum(counts)
            want = np.rint((below - below[0]) * 255 / (below[-1] - below[0])) if len(values) > 1 else values
            np.testing.assert_array_equal(out[:, c], want[place])


@pytest.mark.parametrize(("factor", "all_ops"), [(0.3, True), (0.8, True), ((0.1, 0.5), False)])
def test_the_law_is_keras(cpu, factor, all_ops):
    compute_in("float64")
    layer = made(cpu, factor=factor, all_ops=all_ops)
    moves = np.asarray(layer._chosen(MANY, layer.move_ranges(*SIZE[:2]), geometry.NEUTRAL, 0, 1))
    tones = np.asarray(layer._chosen(MANY, layer.shade_ranges(), shades.SHADES, 1, 1))
    theirs = keras.layers.AugMix(factor=factor, all_ops=all_ops, seed=11)
    images = np.zeros((MANY, *SIZE))
    drawn = {name: getattr(theirs, name).get_random_transformation(images) for name in theirs._augment_layers if "auto" not in name and
             "equal" not in name}  # fmt: skip
    neutral = np.concatenate([geometry.NEUTRAL, shades.SHADES])
    places = [[*a, *(PLACES + b for b in bs)] for a, bs in OPERATIONS.values()]
    every = np.concatenate([moves, tones], axis=1)
    chosen = np.array([(every[:, p] != neutral[p]).any(axis=1) if p else np.zeros(MANY, bool) for p in places])
    chosen[0] = ~chosen.any(axis=0)
    assert (chosen.sum(axis=0) == 1).all(), "one operation an image"
    wanted = len(theirs._augment_layers) + 1
    assert wanted == (len(OPERATIONS) if all_ops else len(FEW))
    np.testing.assert_allclose(chosen.mean(axis=1), [1 / wanted] * wanted + [0] * (len(OPERATIONS) - wanted), atol=0.018)
    at = dict(zip(OPERATIONS, chosen, strict=True))

    def alike(ours, other, name):
        other = np.asarray(other).ravel()
        assert stats.ks_2samp(ours, other).pvalue > 1e-4, (name, ours.min(), ours.max(), other.min(), other.max())

    sign = np.where(moves[:, geometry.SIGN] > 0.5, -1, 1)[at["shear"]]
    for c, place in enumerate((geometry.SLANT_X, geometry.SLANT_Y)):
        alike(sign * moves[at["shear"], place], drawn["random_shear"]["shear_factor"][:, c], "shear")
    for c, place in enumerate((geometry.SHIFT_X, geometry.SHIFT_Y)):
        alike(moves[at["translation"], place], drawn["random_translation"]["translations"][:, c], "translation")
    alike(tones[at["solarization"], shades.ADDED] * 255, drawn["solarization"]["additions"], "additions")
    alike(tones[at["solarization"], shades.LIMIT] * 255, drawn["solarization"]["thresholds"], "thresholds")
    bits, other = np.floor(tones[at["posterization"], shades.BITS]), 8 - np.asarray(drawn["random_posterization"]["shift_factor"], int)
    assert set(bits) == set(other)
    for n in set(other.tolist()):
        assert abs((bits == n).mean() - (other == n).mean()) < 0.1
    if all_ops:
        alike(tones[at["brightness"], shades.BRIGHTNESS], drawn["random_brightness"]["rgb_delta"], "brightness")
        alike(tones[at["colour degeneration"], shades.GREY], drawn["random_color_degeneration"]["factor"], "colour")
        alike(tones[at["contrast"], shades.CONTRAST], drawn["random_contrast"]["contrast_factor"], "contrast")
        alike((1 - tones[at["sharpness"], shades.SHARP]) / 2, drawn["random_sharpness"]["factor"], "sharpness")
    low, high = theirs.random_rotation.factor
    turns = moves[at["rotation"], geometry.ANGLE] / (2 * np.pi)
    assert stats.kstest(turns, stats.uniform(low, high - low).cdf).pvalue > 1e-4


def test_it_mixes(cpu):
    x = np.repeat(LEVELS[:1], 200, axis=0)
    y = np.asarray(made(cpu).forward(cpu.asarray(x), True)[0])
    assert y.min() >= 0 and y.max() <= 255 and len({image.tobytes() for image in y}) == 200


def test_weights_of_chains(cpu):
    weights = np.empty((4000, 4))
    for alpha in (0.2, 1.0, 3.0):
        cpu.launch(MIXING, np.array([3]), 1, 2, alpha, weights)
        np.testing.assert_allclose(weights.sum(axis=1), 1)
        kept, others = weights[:, 0], weights[:, 1:] / (1 - weights[:, :1])
        assert abs(kept.mean() - 0.5) < 0.03 and kept.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)
        others = others[kept < 1 - 1e-9]
        np.testing.assert_allclose(others.mean(axis=0), 1 / 3, atol=0.03)
        np.testing.assert_allclose(others.var(axis=0), (2 / 9) / (3 * alpha + 1), rtol=0.12)
