"""Weights that a backward pass reads across are transposed once a step."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="programs of phases need Numba")

from gpunn.backend import flipped
from gpunn.backend.cpu import CpuBackend
from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.optimizers import SGD
from gpunn.utils import set_random_seed


def fitted(batch, threads=2, dtype="float32"):
    set_random_seed(3)
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2 * batch, 20)).astype(dtype), rng.integers(0, 10, 2 * batch)
    hidden = [Dense(n, "tanh", dtype=dtype) for n in (260, 257)]
    model = Sequential([Input((20,), dtype=dtype), *hidden, Dense(10, "softmax", dtype=dtype)])
    model.backend = CpuBackend(threads=threads, compiled=True)
    model.compile(SGD(0.1), "sparse_categorical_crossentropy")
    losses = model.fit(x, y, batch_size=batch, epochs=2, verbose=0).history["loss"]
    return model, losses


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [64, 129])
def test_the_same_bits_as_without(batch, dtype, monkeypatch):
    model, losses = fitted(batch, dtype=dtype)
    assert "flip x 260" in model.explain(batch)
    monkeypatch.setattr(flipped, "ROWS", range(0))
    plain, plain_losses = fitted(batch, dtype=dtype)
    assert "flip" not in plain.explain(batch)
    assert losses == plain_losses
    for a, b in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_same_bits_on_any_number_of_threads():
    one, losses = fitted(100, threads=1)
    for threads in (2, 3):
        more, more_losses = fitted(100, threads)
        assert losses == more_losses
        for a, b in zip(one.get_weights(), more.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_weights_set_between_two_steps_are_used():
    model, _ = fitted(64)
    x, y = np.ones((64, 20), "float32"), np.zeros(64, int)
    fresh = [w * 0.5 for w in model.get_weights()]
    model.set_weights(fresh)
    model.fit(x, y, batch_size=64, verbose=0)
    other = Sequential([Input((20,)), Dense(260, "tanh"), Dense(257, "tanh"), Dense(10, "softmax")])
    other.compile(SGD(0.1), "sparse_categorical_crossentropy")
    other.set_weights(fresh)
    other.fit(x, y, batch_size=64, verbose=0)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("batch", "width"), [(32, 300), (128, 100)])
def test_small_steps_are_left_alone(batch, width):
    model = Sequential([Input((20,)), Dense(width), Dense(width), Dense(1)])
    model.compile("adam", "mse")
    assert "flip" not in model.explain(batch)
