"""The first layer of a small batch in parts of its sum."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="programs of phases need Numba")

from gpunn import backend
from gpunn.backend import split
from gpunn.backend.cpu import CpuBackend
from gpunn.kernels.gemm_parts import part_of
from gpunn.layers import Dense, Flatten, Input
from gpunn.models import Sequential
from gpunn.optimizers import SGD
from gpunn.utils import set_random_seed


def fitted(batch, threads, bytes_=False):
    set_random_seed(3)
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, (100, 28, 28)).astype(np.uint8)
    x = x if bytes_ else (x / 255).astype(np.float32)
    y = rng.integers(0, 10, 100)
    model = Sequential([Input((28, 28)), Flatten(), Dense(100, "relu"), Dense(10, "softmax")])
    model.backend = CpuBackend(threads=threads, compiled=True)  # as many as the test says
    model.compile(SGD(1e-6 if bytes_ else 0.1), "sparse_categorical_crossentropy")
    history = model.fit(x, y, batch_size=batch, epochs=2, verbose=0).history["loss"]
    return model.get_weights(), history


@pytest.mark.parametrize("bytes_", [False, True], ids=["float", "bytes"])
@pytest.mark.parametrize("batch", [1, 32, 100])
def test_equals_the_plain_step(batch, bytes_, monkeypatch):
    weights, losses = fitted(batch, 2, bytes_=bytes_)
    monkeypatch.setattr(split, "MOST_ROWS", 0)
    plain, plain_losses = fitted(batch, 2, bytes_=bytes_)
    np.testing.assert_allclose(losses, plain_losses, rtol=1e-5)
    for a, b in zip(weights, plain, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("batch", [32, 100])
def test_the_same_bits_on_any_number_of_threads(batch):
    one, losses = fitted(batch, 1)
    for threads in (2, 3):
        more, more_losses = fitted(batch, threads)
        assert losses == more_losses
        for a, b in zip(one, more, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("rows", "k"), [(1, 784), (32, 784), (65, 784), (256, 300), (8, 20000), (8, 5)])
def test_parts_are_multiples_of_eight_and_fit_the_cache(rows, k):
    part = part_of(rows, k)
    assert part % 8 == 0 and 0 < part <= 1024
    assert k > 8 * 1024 or -(-k // part) <= 8


def test_seen_in_what_explain_lists():
    with backend.device("cpu"):
        small = Sequential([Input((784,)), Dense(100, "relu"), Dense(10, "softmax")])
    small.compile("adam", "sparse_categorical_crossentropy")
    assert "gemm_parts" in small.explain(32) and "gemm_parts" not in small.explain(512)
