"""Layers that draw: what they draw, that forward and backward draw the same, shared masks, seeds, devices, configurations."""

import math

import numpy as np
import pytest

from gpunn import random
from gpunn.layers import (
    AlphaDropout,
    Dense,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    Input,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from gpunn.layers.base import Rng
from gpunn.models import Sequential, load_model
from gpunn.random import set_random_seed

pytestmark = pytest.mark.usefixtures("float64")


def drawn(layer, x, ops, step=0):
    """-> (output, gradient for an upstream of ones) of a training step."""
    layer.rng = Rng(ops, random.current_seed())
    ops.write(layer.rng.step, step)
    y, pullback = layer.forward(x, True)
    return ops.to_numpy(y), ops.to_numpy(pullback(ops.asarray(np.ones(x.shape, x.dtype))))


# ------------------------------------------------------------------ distributions
def test_gaussian_noise_is_normal(either_cpu):
    stats = pytest.importorskip("scipy.stats")
    x = np.full((200, 301), 5.0)
    y, dx = drawn(GaussianNoise(0.3), x, either_cpu)
    assert stats.kstest((y - x).ravel() / 0.3, stats.norm.cdf).pvalue > 1e-3
    assert (dx == 1).all(), "what is added does not depend on x"
    assert abs(np.corrcoef((y - x)[:, :-1].ravel(), (y - x)[:, 1:].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_gaussian_dropout_multiplies(rate, either_cpu):
    stats = pytest.importorskip("scipy.stats")
    x = np.random.default_rng(0).uniform(1, 2, (200, 301))
    y, dx = drawn(GaussianDropout(rate), x, either_cpu)
    factor = y / x
    np.testing.assert_allclose(dx, factor, rtol=1e-12)
    assert stats.kstest(factor.ravel(), stats.norm(1, math.sqrt(rate / (1 - rate))).cdf).pvalue > 1e-3


@pytest.mark.parametrize("rate", [0.1, 0.4])
def test_alpha_dropout_keeps_mean_and_variance(rate, either_cpu):
    x = np.random.default_rng(0).standard_normal((300, 300))
    y, dx = drawn(AlphaDropout(rate), x, either_cpu)
    assert abs(y.mean()) < 0.02 and y.var() == pytest.approx(1, abs=0.03)
    dropped = dx == 0
    assert dropped.mean() == pytest.approx(rate, abs=0.01) and len(np.unique(y[dropped])) == 1


def test_alpha_dropout_is_keras_affine_map(either_cpu):
    """a, b and the dropped value from Keras's formula, written out in numbers."""
    rate, p = 0.25, -1.7580993408473766
    a = ((1 - rate) * (1 + rate * p * p)) ** -0.5
    b = -a * p * rate
    x = np.random.default_rng(0).standard_normal((40, 50))
    y, dx = drawn(AlphaDropout(rate), x, either_cpu)
    kept = dx != 0
    np.testing.assert_allclose(y[kept], a * x[kept] + b, rtol=1e-12)
    np.testing.assert_allclose(y[~kept], a * p + b, rtol=1e-12)
    np.testing.assert_allclose(dx[kept], a, rtol=1e-12)


# ------------------------------------------------------------------ masks that elements share
SHARED = {
    "columns": (Dropout(0.4, noise_shape=(1, None)), (30, 40), (1, 40)),
    "rows": (Dropout(0.4, noise_shape=[None, 1]), (30, 40), (30, 1)),
    "one for all steps": (Dropout(0.4, noise_shape=(None, 1, 20)), (30, 5, 20), (30, 1, 20)),
    "the batch and the last": (Dropout(0.4, noise_shape=(1, None, 1)), (30, 50, 20), (1, 50, 1)),
    "first and third": (Dropout(0.4, noise_shape=(None, 1, None, 1)), (10, 4, 30, 3), (10, 1, 30, 1)),
    "second and fourth": (Dropout(0.4, noise_shape=(1, None, 1, None)), (3, 20, 4, 30), (1, 20, 1, 30)),
    "spatial, 1": (SpatialDropout1D(0.4), (30, 5, 20), (30, 1, 20)),
    "spatial, 2": (SpatialDropout2D(0.4), (30, 3, 4, 20), (30, 1, 1, 20)),
    "spatial, 3": (SpatialDropout3D(0.4), (10, 2, 3, 4, 20), (10, 1, 1, 1, 20)),
    "alpha": (AlphaDropout(0.4, noise_shape=(None, 1)), (400, 4), (400, 1)),
}


@pytest.mark.parametrize("case", SHARED)
def test_elements_that_share_a_mask_share_their_fate(case, either_cpu):
    layer, shape, mask = SHARED[case]
    layer.backend = either_cpu
    _, dx = drawn(layer, np.ones(shape), either_cpu)
    kept = dx != 0
    first = kept[tuple(slice(0, 1) if m == 1 else slice(None) for m in mask)]
    np.testing.assert_array_equal(kept, np.broadcast_to(first, shape))
    assert abs(first.mean() - 0.6) < 4 * math.sqrt(0.24 / first.size)


def test_all_sizes_written_out_are_a_mask_of_their_own(either_cpu):
    x = np.ones((6, 10))
    masks = [drawn(Dropout(0.5, noise_shape=n), x, either_cpu)[0] for n in (None, (6, 10), (None, None))]
    np.testing.assert_array_equal(masks[0], masks[1])
    np.testing.assert_array_equal(masks[0], masks[2])


def test_rate_one_drops_everything(either_cpu):
    y, dx = drawn(Dropout(1.0), np.ones((5, 6)), either_cpu)
    assert not y.any() and not dx.any()


@pytest.mark.parametrize(
    "layer", [Dropout(0.0), GaussianNoise(0.0), GaussianDropout(0.0), AlphaDropout(0.0), SpatialDropout1D(0.0)], ids=lambda x: x.name
)
def test_nothing_drawn(layer, either_cpu):
    x = np.random.default_rng(0).standard_normal((3, 4, 5))
    np.testing.assert_array_equal(drawn(layer, x, either_cpu)[0], x)


# ------------------------------------------------------------------ seeds, steps, layers
LAYERS = [
    lambda **o: Dropout(0.5, **o), lambda **o: GaussianNoise(0.5, **o), lambda **o: GaussianDropout(0.5, **o),
    lambda **o: AlphaDropout(0.5, **o), lambda **o: Dropout(0.5, noise_shape=(None, 1), **o),
]  # fmt: skip


@pytest.mark.parametrize("make", LAYERS)
def test_a_seed_repeats_and_steps_differ(make, either_cpu):
    x = np.ones((20, 30))
    set_random_seed(1)
    first = drawn(make(seed=5), x, either_cpu)[0]
    set_random_seed(2)
    np.testing.assert_array_equal(drawn(make(seed=5), x, either_cpu)[0], first)
    assert not np.array_equal(drawn(make(seed=6), x, either_cpu)[0], first)
    assert not np.array_equal(drawn(make(seed=5), x, either_cpu, step=1)[0], first)
    np.testing.assert_array_equal(make(seed=5)(x), x), "not in training"
    assert np.array_equal(drawn(make(), x, either_cpu)[0], drawn(make(), x, either_cpu)[0])


def test_layers_of_a_model_draw_apart(cpu):
    model = Sequential([Input((50,)), Dropout(0.5), GaussianDropout(0.5), Dropout(0.5), AlphaDropout(0.5)])
    assert len({layer.stream for layer in model.layers}) == 4
    ones = np.ones((20, 50))
    outputs = [layer.forward(ones, True)[0] for layer in (model.layers[0], model.layers[2])]
    assert not np.array_equal(*outputs)


@pytest.mark.parametrize("make", LAYERS)
def test_cpus_and_sim_draw_the_same(make):
    import shutil

    import gpunn
    from gpunn.backend.cpu import CpuBackend, has_numba

    if shutil.which("g++") is None:
        pytest.skip("sim needs g++")
    backends = [CpuBackend(compiled=False), *([CpuBackend(compiled=True)] if has_numba() else []), gpunn.backend.get_backend("sim")]
    for dtype, near in (("float64", 1e-13), ("float32", 1e-5)):
        x = np.random.default_rng(0).standard_normal((33, 31)).astype(dtype)
        set_random_seed(3)
        results = []
        for ops in backends:
            layer = make()
            layer.backend = ops
            results.append(drawn(layer, ops.asarray(x), ops))
        for other in results[1:]:
            for a, b in zip(results[0], other, strict=True):
                np.testing.assert_allclose(b, a, rtol=near, atol=near)


def test_training_is_recorded_saved_and_goes_on(tmp_path, cpu):
    def model_of():
        noise = [GaussianNoise(0.1), GaussianDropout(0.2), AlphaDropout(0.1), Dropout(0.3, (None, 1))]
        model = Sequential([Input((8,)), noise[0], Dense(6, "relu"), *noise[1:], Dense(1)])
        model.compile("adam", "mse")
        return model

    x = np.random.default_rng(0).standard_normal((40, 8))
    set_random_seed(1)
    whole = model_of()
    assert whole.recordable
    whole.fit(x, x[:, 0], epochs=4, batch_size=16, verbose=0)
    set_random_seed(1)
    half = model_of()
    half.fit(x, x[:, 0], epochs=2, batch_size=16, verbose=0)
    half.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert again.get_config() == half.get_config()
    again.fit(x, x[:, 0], epochs=2, batch_size=16, verbose=0)
    for a, b in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# ------------------------------------------------------------------ configurations and errors
def test_configurations_are_keras(cpu):
    import os

    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    import gpunn

    for name, options in (
        ("Dropout", {"rate": 0.3, "noise_shape": (None, 1), "seed": 4}), ("GaussianNoise", {"stddev": 0.3}),
        ("GaussianDropout", {"rate": 0.3}), ("AlphaDropout", {"rate": 0.3, "seed": 1}), ("SpatialDropout1D", {"rate": 0.3}),
    ):  # fmt: skip
        mine, theirs = getattr(gpunn.layers, name)(**options).config(), getattr(keras.layers, name)(**options).get_config()
        assert mine == {k: theirs[k] for k in mine}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dropout(1.5), r"rate must be a number from 0 to 1. Received: rate=1.5"),
        (lambda: Dropout(True), "rate must be a number from 0 to 1. Received: rate=True"),
        (lambda: GaussianDropout(1.0), "rate must be at least 0 and below 1. Received: rate=1.0"),
        (lambda: AlphaDropout(1), "rate must be at least 0 and below 1. Received: rate=1"),
        (lambda: GaussianNoise(-0.1), "stddev must be a number of at least 0. Received: stddev=-0.1"),
        (lambda: GaussianNoise(float("inf")), "stddev must be a number of at least 0. Received: stddev=inf"),
        (lambda: Dropout(0.5, seed="a"), "seed must be an integer or None. Received: seed='a'"),
        (lambda: Dropout(0.5, noise_shape=(0, 3)), r"noise_shape must hold positive integers or None. Received: noise_shape=\(0, 3\)"),
        (lambda: Dropout(0.5, noise_shape="rows"), "noise_shape must hold positive integers or None. Received: noise_shape='rows'"),
        (lambda: Sequential([Input((4,)), Dropout(0.5, (None, 3))]), r"sizes or 1, for the shape \(None, 4\). Received: \(None, 3\)"),
        (lambda: Sequential([Input((4,)), Dropout(0.5, (None, 1, 1))]), r"input's sizes or 1, for the shape \(None, 4\)"),
        (lambda: Sequential([Input((4,)), SpatialDropout2D(0.5)]), "expected an input with 4 axes, the channels last. Received: 2 axes"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
