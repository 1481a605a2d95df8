"""CTC: the sum over all alignments by brute force, its gradient, Keras's values, training, what is refused."""

import itertools

import numpy as np
import pytest
from gradient import compare
from keras_twin import assert_same_history, assert_same_weights, keras, twins
from loss_cases import softmax

import gpunn
from gpunn import losses
from gpunn.layers import Dense, Input
from gpunn.models import Sequential

pytestmark = pytest.mark.usefixtures("float64")
ROWS = 5
LABELS = np.array([[1, 2, 2], [3, 0, 0], [0, 0, 0], [1, 3, 0], [2, 2, 0]])
STEPS, CLASSES = 5, 4


def logits(rows=ROWS, seed=0):
    return 2 * np.random.default_rng(seed).standard_normal((rows, STEPS, CLASSES))


def by_hand(labels, z):
    """Every path over the steps, merged where it repeats itself and without its blanks, that spells the labels."""
    p = softmax(z)
    total = 0.0
    for path in itertools.product(range(CLASSES), repeat=STEPS):
        if [k for k, _ in itertools.groupby(path) if k] == [k for k in labels if k]:
            total += np.prod(p[np.arange(STEPS), list(path)])
    return -np.log(total)


def test_all_alignments(either_cpu):
    z = logits()
    with gpunn.device("cpu"):
        found = losses.CTC(reduction=None)(LABELS, z)
    np.testing.assert_allclose(found, [by_hand(*row) for row in zip(LABELS, z, strict=True)], rtol=1e-12)


@pytest.mark.parametrize("spoil", [1.0, 1.001])
def test_gradient(spoil, either_cpu):
    for seed in range(3):
        z, loss = logits(seed=seed), losses.CTC()
        y, w = loss.prepare(LABELS, (None, STEPS, CLASSES), "float64"), np.random.default_rng(seed).uniform(0.2, 2, ROWS)
        gradient = spoil * loss.record(either_cpu, y, z, w, 0.2)[1].copy()

        def check(z=z, gradient=gradient, loss=loss, y=y, w=w, seed=seed):
            compare(lambda: float((loss.record(either_cpu, y, z, w, 0.2)[0] * w).sum() * 0.2), [z], [gradient], seed)

        if spoil == 1:
            check()
        else:
            with pytest.raises(AssertionError, match="analytic"):
                check()


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight", None])
def test_like_keras(reduction):
    mine, theirs = (m.CTC(reduction=reduction) for m in (losses, keras.losses))
    w = np.random.default_rng(1).uniform(0, 2, ROWS)
    for weights in (None, w):
        np.testing.assert_allclose(mine(LABELS, logits(), weights), np.asarray(theirs(LABELS, logits(), weights)), rtol=1e-6)
    np.testing.assert_allclose(losses.ctc(LABELS, logits()), np.asarray(keras.losses.ctc(LABELS, logits())), rtol=1e-6)


def test_twenty_steps():
    """Keras counts an impossible path as e^-100000, not as 0: the gradients agree all the same."""
    x, y = np.random.default_rng(0).standard_normal((50, STEPS, 3)), np.tile(LABELS, (10, 1))
    models = twins([("Dense", {"units": CLASSES})], ("SGD", {"learning_rate": 0.1}), ("CTC", {}), shape=(STEPS, 3))
    mine, theirs = (m.fit(x, y, batch_size=5, epochs=2, shuffle=False, verbose=0) for m in models)
    assert_same_history(mine, theirs, 1e-6)
    assert_same_weights(*models, 1e-6)


def test_a_network_learns_where_symbols_are(sim_with):
    """One symbol in each of two places: found without being told where, recorded, on the device as on the CPU."""
    sim_with()
    rng = np.random.default_rng(0)
    y, ends = rng.integers(1, CLASSES, (64, 2)), []
    x = np.eye(CLASSES)[np.stack([y[:, 0], 0 * y[:, 0], 0 * y[:, 0], y[:, 1], 0 * y[:, 0]], axis=1)]
    for device in ("cpu", "sim"):
        with gpunn.device(device):
            gpunn.utils.set_random_seed(3)
            model = Sequential([Input((STEPS, CLASSES)), Dense(CLASSES)])
            model.compile(gpunn.optimizers.Adam(0.1), "ctc")
            history = model.fit(x, y, epochs=10, batch_size=16, verbose=0).history["loss"]
            assert history[-1] < 0.2 < history[0]
            ends.append(model.get_weights())
    for a, b in zip(*ends, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([[1, 2], [1, 4]], r"labels must be from 1 to 3, then zeros. Received: 4 at place 1 of row 1"),
        ([[1, 2], [0, 1]], r"then zeros. Received: 1 at place 1 of row 1"), ([[1, 2], [1.5, 1]], "labels must be integers"),
        ([1, 2], r"expected labels of shape \(rows, longest\)"),
        ([[1, 1, 1, 1], [0, 0, 0, 0]], r"row 0 needs at least 7 steps for its labels. Received: 5 steps"),
    ],
)
def test_refused(labels, message, cpu):
    with pytest.raises(ValueError, match=message):
        losses.CTC()(labels, logits(2))
