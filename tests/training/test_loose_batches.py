"""A train_step whose batches hold parts of several numbers of rows, as in semi-supervised training: labelled ones beside others."""

import numpy as np
import pytest
from kernel_targets import needs_gxx

import gpunn
from gpunn import GradientTape, ops, optimizers
from gpunn import layers as L
from gpunn.training.recording import Recording
from gpunn.utils.dataset import Dataset

RNG = np.random.default_rng(0)
LABELLED, TARGETS, OTHERS = RNG.normal(size=(8, 3)).astype("float32"), np.tile([[0.5]], (8, 1)), RNG.normal(size=(30, 3)).astype("float32")
RATE = 0.1


class Both(gpunn.Model):
    """The mean square of the error of labelled rows, and of the outputs of all rows."""

    def __init__(self):
        super().__init__()
        self.inner = gpunn.Sequential([gpunn.Input((3,)), L.Dense(1, use_bias=False)])

    def train_step(self, data):
        (labelled, y), others = data
        with GradientTape() as tape:
            every = self.inner(ops.concatenate([labelled, others]), training=True)
            loss = ops.mean(ops.square(self.inner(labelled) - y)) + ops.mean(ops.square(every))
        self.optimizer.apply(tape.gradient(loss, self.inner.trainable_weights), self.inner.trainable_weights)
        return {"loss": loss}

    def test_step(self, data):
        labelled, y = data
        return {"error": ops.mean(ops.abs(self.inner(labelled) - y))}


def zipped():
    labelled = Dataset.from_tensor_slices((LABELLED, TARGETS)).batch(2)
    return Dataset.zip((labelled, Dataset.from_tensor_slices(OTHERS).batch(8)))  # the last one has 6


def by_hand(w, epochs):
    """The same in NumPy. -> the weights and the last losses of the epochs."""
    losses = []
    for _ in range(epochs):
        for i in range(4):
            x, others = LABELLED[2 * i : 2 * i + 2], OTHERS[8 * i : 8 * i + 8]
            every, error = np.concatenate([x, others]), x @ w - 0.5
            loss = np.mean(error**2) + np.mean((every @ w) ** 2)
            w = w - RATE * 2 * (x.T @ error / len(x) + every.T @ every @ w / len(every))
        losses.append(loss)
    return w, losses


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("place", ["cpu", pytest.param("sim", marks=needs_gxx)])
def test_parts_of_several_numbers_of_rows(place, eager, made):
    with gpunn.device(place):
        model = Both()
        model.compile(optimizers.SGD(RATE), run_eagerly=eager)
        before = model.inner.get_weights()[0].astype("float64")
        history = model.fit(zipped(), epochs=4, verbose=0, validation_data=Dataset.from_tensor_slices((LABELLED, TARGETS)).batch(4))
        w, losses = by_hand(before, 4)
        np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-4)
        np.testing.assert_allclose(model.inner.get_weights()[0], w, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(history.history["val_error"][-1], np.abs(LABELLED[4:] @ w - 0.5).mean(), rtol=1e-4)
    recorded = [m for m in made if isinstance(m, Recording)]
    assert len(recorded) == (0 if eager else 3), made  # for others of 8 and of 6 rows, and for the validation


@pytest.mark.usefixtures("cpu")
def test_numbers_that_are_not_finite():
    model = Both()
    model.compile(optimizers.SGD(RATE))
    bad = Dataset.zip((Dataset.from_tensor_slices((LABELLED, TARGETS * np.nan)).batch(2), Dataset.from_tensor_slices(OTHERS).batch(8)))
    with pytest.raises(ValueError, match=r"batch 1 of epoch 1 from a Dataset does not fit.*finite"):
        model.fit(bad, verbose=0)
