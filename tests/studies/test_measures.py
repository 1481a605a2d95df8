"""What the study measures, against problems whose answers are known."""

import math
import subprocess
import sys

import numpy as np
import pytest

import gpunn
from gpunn import optimizers
from gpunn.layers import BatchNormalization, Dense, Dropout, Input
from gpunn.models import Sequential
from gpunn.studies import GradientNoiseScale, Gradients, keskar_sharpness, top_eigenvalue
from gpunn.studies.noise import NoiseMeter, Running, two_batch
from gpunn.studies.sharpness import directions, slope_of_law
from gpunn.studies.statistics import estimate
from gpunn.studies.timing import bytes_of_step, step_parts
from gpunn.training.loop import Training

N, D = 400, 5


@pytest.fixture
def linear(cpu):
    """(model, x, y, per-row gradients, design matrix) of a linear regression."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((N, D)).astype(np.float32)
    y = (x @ rng.standard_normal((D, 1)) + rng.standard_normal((N, 1))).astype(np.float32)
    model = Sequential([Input((D,)), Dense(1)])
    model.compile(optimizers.SGD(0.1), "mse")
    kernel, bias = model.get_weights()
    design = np.concatenate([x, np.ones((N, 1))], axis=1).astype(float)
    rows = 2 * (x @ kernel + bias - y) * design
    return model, x, y, rows, design


def test_gradients_of_all_rows_and_of_batches(linear):
    model, x, y, rows, _ = linear
    with Gradients(model, x, y, 64) as g:
        loss, full = g.at()
        parts = list(g.batches(16, 50))
        small, big = g.moments(16, 25)
        moved = g.at(g.weights + 0.1)[0]
    assert loss == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-5) and moved != pytest.approx(loss, rel=1e-3)
    np.testing.assert_allclose(np.sort(full[full != 0]), np.sort(rows.mean(axis=0)), rtol=1e-4)
    np.testing.assert_allclose(np.mean(parts[:25], axis=0), full, rtol=1e-3, atol=1e-4)  # 25 disjoint batches of 16 are all rows
    assert big == pytest.approx(full @ full, rel=1e-4) and small > big


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_the_model_stays_as_it_is(cpu, kind):
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((96, 4)).astype(np.float32), rng.integers(0, 3, 96)

    def run(looks):
        gpunn.utils.set_random_seed(2)
        model = Sequential([Input((4,)), Dense(8), BatchNormalization(), Dropout(0.3), Dense(3, activation="softmax")])
        model.compile(kind, "sparse_categorical_crossentropy", ["accuracy"])
        for _ in range(2):
            model.fit(x, y, batch_size=32, verbose=0)
            if looks:
                gradients = Gradients(model, x, y)
                NoiseMeter(gradients, 8, 4).measure(0)
                keskar_sharpness(gradients, iterations=2)
                top_eigenvalue(gradients, 2)
        return model

    for a, b in zip(run(True).get_weights(), run(False).get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_noise_scale_is_unbiased(linear):
    """tr(Sigma) and |G|^2 of rows drawn without putting back, by 300 measurements, within three standard errors."""
    model, x, y, rows, _ = linear
    mean = rows.mean(axis=0)
    trace, square = ((rows - mean) ** 2).sum() / N, mean @ mean
    meter = NoiseMeter(Gradients(model, x, y), 8, 16)
    found = np.array([(m.trace, m.square) for m in (meter.measure(i) for i in range(300))])
    error = found.std(axis=0) / math.sqrt(len(found))
    assert np.all(np.abs(found.mean(axis=0) - [trace, square]) < 3 * error) and np.all(error < 0.05 * np.array([trace, square]))
    assert meter.running.scale == pytest.approx(trace / square, rel=0.5)
    # exactly, from expected squared norms: a batch's mean varies by (N - b) / (N - 1) of trace / b
    expected = [trace / b * (N - b) / (N - 1) + square for b in (8, 200)]
    assert two_batch(8, 200, *expected, N) == pytest.approx((square, trace))
    assert two_batch(8, 200, *expected, 10**9)[0] == pytest.approx(square - trace / (N - 1))  # as if rows were put back


def test_running_means_and_no_signal():
    running = Running(0.5)
    running.add(2.0, 8.0)
    assert running.scale == 4.0
    running.add(-5.0, 8.0)
    assert running.scale == math.inf


def test_the_callback_measures_while_training(linear):
    model, x, y, *_ = linear
    seen = GradientNoiseScale(x, y, every=10, small=8, count=16, log=True)
    history = model.fit(x, y, batch_size=20, epochs=3, callbacks=[seen], verbose=0).history
    assert [m.step for m in seen.values] == [10, 20, 30, 40, 50, 60] and history["noise_scale"][-1] == seen.scale
    with pytest.raises(ValueError, match="small \\* count at most the 400 rows"):
        GradientNoiseScale(x, y, small=64, count=16)


def test_eigenvalue_and_sharpness(linear):
    model, x, y, _, design = linear
    hessian = 2 * design.T @ design / N
    gradients = Gradients(model, x, y)
    assert top_eigenvalue(gradients) == pytest.approx(np.linalg.eigvalsh(hessian)[-1], rel=0.02)
    # the largest loss of a convex function over a box is at a corner: 2^6 of them
    kernel, bias = model.get_weights()
    w = np.concatenate([kernel[:, 0], bias])
    bound = 1e-2 * (np.abs(w) + 1)
    corners = (np.array([(n >> np.arange(6)) % 2 for n in range(64)]) * 2 - 1) * bound
    losses = [np.mean((design @ (w + c) - y[:, 0]) ** 2) for c in corners]
    here = np.mean((design @ w - y[:, 0]) ** 2)
    assert keskar_sharpness(gradients, 1e-2, 30) == pytest.approx(100 * (max(losses) - here) / (1 + here), rel=0.02)


def test_the_law_of_the_root(linear):
    model, x, y, *_ = linear
    sizes = [1, 2, 4, 8, 16]
    found = directions(Gradients(model, x, y), sizes, 60)
    assert slope_of_law(sizes, found["error"]) == pytest.approx(-0.5, abs=0.1)
    assert found["cosine"] == sorted(found["cosine"]) and 0 < found["cosine"][0] < found["cosine"][-1] <= 1


def test_parts_of_a_step_and_its_memory(linear):
    model, x, y, *_ = linear
    parts = step_parts(model, x, y, 64, seconds=0.02)
    assert parts["step"] == pytest.approx(sum(v for k, v in parts.items() if k != "step")) and parts["step"] > 0
    rows = model._check(x, y, None, None, "test")
    small, large = (bytes_of_step(Training(model, rows, n, True), n) for n in (10, 110))
    assert large - small >= 100 * 4 * (D + 1)  # a row's inputs and output at least


def test_peak_memory():
    """In a process of its own: where a test before has taken more, nothing rises."""
    code = (
        "import numpy as np; from gpunn.backend import get_backend; from gpunn.studies.memory import Peak\n"
        "with Peak(get_backend('cpu')) as peak: np.ones(3_000_000)\n"
        "print(-1 if peak.bytes is None else peak.bytes - peak.before)"
    )
    rise = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    if rise < 0:
        pytest.skip("this system does not tell the resident memory")
    assert rise > 12_000_000


def test_bootstrap():
    found = estimate([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.value == 3 and 1.5 < found.low < 2.3 and 3.7 < found.high < 4.5 and found.count == 5
    assert estimate([2.0]).low is None
    never = estimate([1.0, 2.0, math.inf], np.median)
    assert never.value == 2 and never.high == math.inf
    with pytest.raises(ValueError, match="no values"):
        estimate([])
