"""Every loss: its gradient against numeric differences, alone and fused, on every axis; planted errors show; nasty inputs stay finite."""

import numpy as np
import pytest
from gradient import compare
from loss_cases import CASES, COLUMNS, RUNS, draw, sigmoid, softmax

from gpunn import losses

pytestmark = pytest.mark.usefixtures("float64")


def made(case, **more):
    return getattr(losses, case.name)(**case.options | more)


def run(ops, loss, y, p, rng, fused=False):
    """(gradient, the function of `p` whose gradient it should be), weighted as a step weighs them."""
    weight = rng.uniform(0.2, 2.0, p.shape[0] * loss.positions(p.shape)) if loss.weighable else np.ones(p.shape[0])
    weighed, scale = loss.weigh(ops, y, weight), loss.scale(loss.count(p.shape))
    record = loss.record_fused if fused else loss.record
    gradient = record(ops, y, p, weighed, scale)[1].copy()
    if isinstance(loss, losses.Circle):  # its values have the mean in them, which counts the rows that have a pair
        assert (record(ops, y, p, weighed, scale)[0] > 0).any()
    return gradient, lambda: float((record(ops, y, p, weighed, scale)[0] * weighed).sum() * scale)


@pytest.mark.parametrize(("name", "shape"), RUNS)
def test_gradient(name, shape, either_cpu):
    case = CASES[name]
    if case.name == "Circle" and shape[0] == 1:
        shape = (9, 3)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        t, p = draw(case.kind, rng, shape)
        loss = made(case)
        y = loss.prepare(t, (None, *shape[1:]), "float64")
        gradient, value = run(either_cpu, loss, y, p, rng)
        compare(value, [p], [gradient], seed, f"{name} {shape}")
        if case.fused:
            whole = made(case, from_logits=False)
            gradient, value = run(either_cpu, whole, y, p, rng, fused=True)
            compare(value, [p], [gradient], seed, f"{name} {shape} fused")
            weight = np.ones(p.size // shape[-1])
            activation = softmax(p) if whole.fuses == "softmax" else sigmoid(p)
            np.testing.assert_allclose(whole.record_fused(either_cpu, y, p, weight, 1.0)[2], activation, rtol=1e-12)


@pytest.mark.parametrize("name", [n for n in CASES if CASES[n].name not in ("CosineSimilarity", "Dice")])
def test_the_check_sees_a_gradient_off_by_a_thousandth(name, cpu):
    case, rng = CASES[name], np.random.default_rng(1)
    t, p = draw(case.kind, rng, (9, COLUMNS))
    loss = made(case)
    y = loss.prepare(t, (None, COLUMNS), "float64")
    gradient, value = run(cpu, loss, y, p, rng)
    with pytest.raises(AssertionError, match=r"analytic .* numeric .*seed 0"):
        compare(value, [p], [1.001 * gradient], 0)


AXES = ["CosineSimilarity", "BinaryCrossentropy", "BinaryFocalCrossentropy", "CategoricalCrossentropy", "CategoricalFocalCrossentropy"]


@pytest.mark.parametrize("axis", [1, -2, 2, -1])
@pytest.mark.parametrize("name", [*AXES, "SparseCategoricalCrossentropy", "Dice", "Tversky"])
def test_axis(name, axis, either_cpu):
    """Along another axis a loss does what it does along the last one of the turned arrays."""
    rng = np.random.default_rng(0)
    other = np.moveaxis(rng.uniform(0.1, 0.9, (5, 3, COLUMNS)), axis, -1)
    t = rng.integers(0, other.shape[-1], other.shape[:-1]) if name.startswith("Sparse") else rng.integers(0, 2, other.shape).astype(float)
    p, target = np.moveaxis(other, -1, axis).copy(), t if name.startswith("Sparse") else np.moveaxis(t, -1, axis).copy()
    turned, plain = getattr(losses, name)(axis=axis), getattr(losses, name)(axis=-1)
    y = turned.prepare(target, (None, *p.shape[1:]), "float64")
    gradient, value = run(either_cpu, turned, y, p, np.random.default_rng(1))
    compare(value, [p], [gradient], 0, f"{name} along {axis}")
    same, _ = run(either_cpu, plain, plain.prepare(t, (None, *other.shape[1:]), "float64"), other.copy(), np.random.default_rng(1))
    np.testing.assert_allclose(np.moveaxis(gradient, axis, -1), same, rtol=1e-12)


@pytest.mark.parametrize("axis", [None, 0, 1, [1, 2], [0, 1], (0, 2), [-3, -2, -1]])
@pytest.mark.parametrize("name", ["Dice", "Tversky"])
def test_axes_of_overlap(name, axis, either_cpu):
    rng = np.random.default_rng(0)
    t, p = rng.integers(0, 2, (5, 3, COLUMNS)).astype(float), rng.uniform(0.1, 0.9, (5, 3, COLUMNS))
    loss = getattr(losses, name)(axis=axis)
    gradient, value = run(either_cpu, loss, loss.prepare(t, (None, 3, COLUMNS), "float64"), p, rng)
    compare(value, [p], [gradient], 0, f"{name} over {axis}")


def test_a_loss_of_a_batch_is_weighed_by_the_mean_of_its_weights(either_cpu):
    rng = np.random.default_rng(0)
    t, p = draw("bits", rng, (6, 3))
    weight, loss = rng.uniform(0, 2, 6), losses.Dice()
    assert loss(t, p, weight) == pytest.approx(loss(t, p) * weight.mean(), rel=1e-6)
    with pytest.raises(ValueError, match=r"expected shape \(3,\)"):
        losses.Dice(axis=0)(t, p, weight)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [n for n in CASES if CASES[n].kind.endswith("logits")])
def test_logits_far_out_stay_finite(name, dtype, either_cpu):
    loss = made(CASES[name])
    z = np.array([[80.0, -80.0, 0.0, 1.0], [-1e4, 1e4, 5.0, 2.0], [70.0, 70.0, -70.0, 0.0], [0.0, 0.0, 0.0, 0.0]], dtype)
    t, _ = draw(CASES[name].kind, np.random.default_rng(0), (4, 4))
    values, gradient = loss.record(either_cpu, loss.prepare(t, (None, 4), dtype), z, np.ones(4, dtype), 1.0)
    assert np.isfinite(values).all() and np.isfinite(gradient).all()


NASTY = {
    "bits": ([[0.0, 1.0, 0.0, 1.0]], [[0.0, 1.0, 1.0, 0.0]]),
    "shares": ([[0.0, 1.0, 0.0, 0.0]], [[1.0, 0.0, 0.0, 0.0]]),
    "labels": ([2], [[1.0, 0.0, 0.0, 0.0]]),
    "numbers": ([[0.0, 0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0, 0.0]]),
    "positive": ([[0.0, 0.0, 1.0, 1e6]], [[0.0, 1.0, 0.0, 1e-6]]),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [n for n in CASES if CASES[n].kind in NASTY])
def test_probabilities_of_zero_and_one_and_zeros_stay_finite(name, dtype, either_cpu):
    loss = made(CASES[name])
    t, p = NASTY[CASES[name].kind]
    y = loss.prepare(np.array(t), (None, 4), dtype)
    weight = loss.weigh(either_cpu, y, np.ones(1, dtype))
    values, gradient = loss.record(either_cpu, y, np.array(p, dtype), weight, 1.0)
    assert np.isfinite(values).all() and np.isfinite(gradient).all()


def test_no_rows_no_loss(either_cpu):
    for name in ("mse", "sparse", "cosine", "divergence", "dice of rows"):
        case = CASES[name]
        t, p = draw(case.kind, np.random.default_rng(0), (3, COLUMNS))
        assert made(case, reduction=None)(t[:0], p[:0]).shape == (0,)


def test_the_loss_of_a_batch_is_the_mean_of_its_pieces(cpu):
    """F-LOS-19: chunks of a data set give, by their rows, what the whole gives; so do their gradients."""
    rng = np.random.default_rng(0)
    t, p = draw("shares", rng, (12, COLUMNS))
    loss = losses.CategoricalCrossentropy()
    parts = [(loss(t[i : i + 4], p[i : i + 4]), 4) for i in (0, 4, 8)]
    assert loss(t, p) == pytest.approx(sum(v * n for v, n in parts) / 12, rel=1e-12)
    whole = loss.record(cpu, t, p, np.ones(12), 1 / 12)[1]
    pieces = [loss.record(cpu, t[i : i + 4].copy(), p[i : i + 4].copy(), np.ones(4), 1 / 4)[1] / 3 for i in (0, 4, 8)]
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=1e-12)


def test_binary_crossentropy_is_the_mean_negative_log_likelihood():
    """F-LOS-16: -ln L / n for L = prod p^t (1 - p)^(1 - t)."""
    t, p = np.array([1.0, 0, 1, 1, 0]), np.array([0.9, 0.2, 0.6, 0.7, 0.4])
    likelihood = np.prod(np.where(t == 1, p, 1 - p))
    assert losses.BinaryCrossentropy()(t[:, None], p[:, None]) == pytest.approx(-np.log(likelihood) / 5, rel=1e-6)
