"""Every loss: its gradient against numeric differences, alone and fused with the activation it takes over, and its value by hand."""

import numpy as np
import pytest
from gradient import compare

from gpunn import losses

pytestmark = pytest.mark.usefixtures("float64")


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def rows_of(kind, rng, shape):
    """(targets, predictions) for a kind of loss."""
    z = 0.5 * rng.standard_normal(shape)  # no probability near 0, where -log is too curved for a difference quotient
    if kind == "numbers":
        return rng.standard_normal(shape), z
    if kind == "bits":
        return rng.integers(0, 2, shape).astype(float), sigmoid(z)
    if kind == "shares":
        return softmax(rng.standard_normal(shape)), softmax(z) * rng.uniform(0.5, 2, (shape[0], 1))  # need not add up to one
    return rng.integers(0, shape[1], shape[0]), softmax(z)


CASES = {
    "mse": (losses.MeanSquaredError, "numbers", lambda t, p: ((p - t) ** 2).mean(axis=1)),
    "mae": (losses.MeanAbsoluteError, "numbers", lambda t, p: abs(p - t).mean(axis=1)),
    "binary": (losses.BinaryCrossentropy, "bits", lambda t, p: -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(axis=1)),
    "dense": (losses.CategoricalCrossentropy, "shares", lambda t, p: -(t * np.log(p / p.sum(axis=1, keepdims=True))).sum(axis=1)),
    "sparse": (losses.SparseCategoricalCrossentropy, "labels", lambda t, p: -np.log(p[np.arange(len(t)), t])),
}
LOGITS = {"binary": sigmoid, "dense": softmax, "sparse": softmax}
SHAPES = [(7, 4), (1, 5), (6, 1)]


def shape_for(case, shape):
    return (shape[0], 2) if shape[1] == 1 and case in ("dense", "sparse") else shape


def run(ops, loss, fused, y, p, rng):
    """Values, gradient, and a function of `p` whose gradient it should be."""
    weight, scale = rng.uniform(0.2, 2.0, len(p)), 0.37
    record = loss.record_fused if fused else loss.record
    values, gradient = record(ops, y, p, weight, scale)[:2]
    return values, gradient, lambda: float((record(ops, y, p, weight, scale)[0] * weight).sum() * scale)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("case", CASES)
def test_plain(case, shape, either_cpu):
    make, kind, by_hand = CASES[case]
    for seed in range(3):
        rng = np.random.default_rng(seed)
        t, p = rows_of(kind, rng, shape_for(case, shape))
        loss = make()
        y = loss.prepare(t, (None, *p.shape[1:]), "float64")
        values, gradient, value = run(either_cpu, loss, False, y, p, rng)
        np.testing.assert_allclose(values, by_hand(t, p), rtol=1e-12)
        compare(value, [p], [gradient.copy()], seed, case)


@pytest.mark.parametrize("way", ["fused", "from_logits"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("case", LOGITS)
def test_of_logits(case, shape, way, either_cpu):
    make, kind, by_hand = CASES[case]
    for seed in range(3):
        rng = np.random.default_rng(seed)
        shape = shape_for(case, shape)
        t, _ = rows_of(kind, rng, shape)
        z = 3 * rng.standard_normal(shape)
        loss = make(from_logits=way == "from_logits")
        y = loss.prepare(t, (None, *shape[1:]), "float64")
        values, gradient, value = run(either_cpu, loss, way == "fused", y, z, rng)
        np.testing.assert_allclose(values, by_hand(t, LOGITS[case](z)), rtol=1e-9)
        compare(value, [z], [gradient.copy()], seed, f"{case} {way}")
        if way == "fused":
            np.testing.assert_allclose(loss.record_fused(either_cpu, y, z, np.ones(len(z)), 1.0)[2], LOGITS[case](z), rtol=1e-12)


@pytest.mark.parametrize(("case", "fused"), [(c, False) for c in CASES] + [(c, True) for c in LOGITS])
def test_the_check_sees_a_gradient_off_by_a_thousandth(case, fused, cpu):
    make, kind, _ = CASES[case]
    rng = np.random.default_rng(0)
    t, p = rows_of(kind, rng, (7, 4))
    loss = make()
    y = loss.prepare(t, (None, 4), "float64")
    _, gradient, value = run(cpu, loss, fused, y, p, rng)
    with pytest.raises(AssertionError, match=r"analytic .* numeric .*seed 0"):
        compare(value, [p], [1.001 * gradient], 0)


@pytest.mark.parametrize("case", LOGITS)
def test_logits_far_out_stay_finite(case, either_cpu):
    make, kind, _ = CASES[case]
    t, _ = rows_of(kind, np.random.default_rng(0), (4, 3))
    z = np.array([[800.0, -800.0, 0.0], [-1e4, 1e4, 5.0], [700.0, 700.0, -700.0], [0.0, 0.0, 0.0]])
    loss = make(from_logits=True)
    y = loss.prepare(t, (None, 3), "float64")
    values, gradient = loss.record(either_cpu, y, z, np.ones(4), 1.0)
    assert np.isfinite(values).all() and np.isfinite(gradient).all()


def test_probabilities_of_zero_and_one_are_clipped_as_keras_clips(either_cpu):
    loss = losses.BinaryCrossentropy()
    p, t = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[0.0, 1.0], [0.0, 1.0]])
    values, gradient = loss.record(either_cpu, t, p, np.ones(2), 1.0)
    np.testing.assert_allclose(values, [-np.log(1 - 1e-7), -np.log(1e-7)], rtol=1e-6)
    np.testing.assert_array_equal(gradient, 0)


def test_called_with_arrays():
    """A number worked out by hand: the reported loss is the loss."""
    assert losses.MeanSquaredError()([[0.0, 1.0], [2.0, 3.0]], [[1.0, 1.0], [2.0, 1.0]]) == pytest.approx((0.5 + 2.0) / 2)
    assert losses.MeanSquaredError(reduction="sum")([[0.0, 1.0], [2.0, 3.0]], [[1.0, 1.0], [2.0, 1.0]]) == pytest.approx(2.5)
    assert losses.MeanSquaredError()([[1.0], [2.0]], [[1.0], [4.0]], sample_weight=[1.0, 0.5]) == pytest.approx(1.0)
    assert losses.MeanSquaredError()([1.0, 2.0], [1.0, 4.0], sample_weight=[1.0, 0.5]) == pytest.approx(1.5)  # Keras: one row
    assert losses.SparseCategoricalCrossentropy()([1, 0], [[0.25, 0.75], [0.5, 0.5]]) == pytest.approx(-(np.log(0.75) + np.log(0.5)) / 2)
