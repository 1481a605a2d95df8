"""Batches of sequences that differ in length: a recording a length, in training, evaluation and prediction."""

import numpy as np
import pytest
from kernel_targets import needs_gxx

import gpunn
from gpunn import layers as L
from gpunn.training import loop
from gpunn.utils.dataset import Dataset

RATE, EPOCHS = 0.5, 3


def sequences():
    rng = np.random.default_rng(0)
    return [(rng.integers(0, 9, n), rng.normal()) for n in (3, 3, 5, 4, 3, 2, 5, 5, 3)]


def padded():
    return Dataset.from_generator(sequences, output_types=("int32", "float32")).padded_batch(2, padded_shapes=([None], []))


def by_hand(table):
    """Means of numbers out of a table, the mean square of their errors, gradient descent. -> (the table, the losses of the epochs)"""
    batches = [(np.asarray(x), np.asarray(y)) for x, y in padded()]
    losses = []
    for _ in range(EPOCHS):
        total = 0.0
        for x, y in batches:
            error = table[x].mean(axis=1) - y
            total += np.sum(error**2)
            gradient = np.zeros_like(table)
            np.add.at(gradient, x, np.repeat(2 * error[:, None] / x.size, x.shape[1], axis=1))
            table = table - RATE * gradient
        losses.append(total / len(sequences()))
    return table, losses, np.concatenate([table[x].mean(axis=1) for x, _ in batches]), np.concatenate([y for _, y in batches])


@pytest.mark.parametrize("place", ["cpu", pytest.param("sim", marks=needs_gxx)])
def test_lengths(place, monkeypatch):
    recorded, record = [], loop.record_step
    monkeypatch.setattr(loop, "record_step", lambda *given: recorded.append(given) or record(*given))
    with gpunn.device(place):
        model = gpunn.Sequential([gpunn.Input((None,)), L.Embedding(9, 1), L.GlobalAveragePooling1D()])
        model.compile(gpunn.optimizers.SGD(RATE), "mse")
        table, losses, outputs, y = by_hand(model.get_weights()[0][:, 0].astype("float64"))
        history = model.fit(padded(), epochs=EPOCHS, verbose=0)
        assert len(recorded) == 3  # lengths of 3 and 5, and a last row alone
        np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-5)
        np.testing.assert_allclose(model.get_weights()[0][:, 0], table, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(model.predict(padded(), verbose=0)[:, 0], outputs, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(model.evaluate(padded(), verbose=0), np.mean((outputs - y) ** 2), rtol=1e-4)


@pytest.mark.usefixtures("cpu")
def test_outputs_that_cannot_be_put_together():
    model = gpunn.Sequential([gpunn.Input((None,)), L.Embedding(9, 1)])
    with pytest.raises(ValueError, match=r"outputs are rows of one shape, \[\(3, 1\)\]. Received: \[\(5, 1\)\]"):
        model.predict(padded(), verbose=0)
