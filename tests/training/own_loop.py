"""A training loop of one's own, as written or as a `gpunn.function`."""

import numpy as np

import gpunn
from gpunn import GradientTape, losses, metrics, ops
from gpunn import layers as L
from gpunn.training.recording import Recording

RNG = np.random.default_rng(0)
X = RNG.standard_normal((50, 6)).astype(np.float32)
LABELS = X[:, :3].argmax(axis=1).astype(np.int64)


def network(*more):
    gpunn.utils.set_random_seed(1)
    return gpunn.Sequential([gpunn.Input((6,)), L.Dense(8, "relu", kernel_regularizer="l2"), *more, L.Dense(3)])


class Loop:
    """A training loop of one's own: its step, as written or recorded."""

    def __init__(self, model, optimizer, loss=None, recorded=True):
        self.model, self.optimizer = model, optimizer
        self.loss = loss or losses.SparseCategoricalCrossentropy(from_logits=True)
        self.accuracy, self.mean = metrics.SparseCategoricalAccuracy(), metrics.Mean()
        self.step = gpunn.function(self._step) if recorded else self._step

    def _step(self, x, y):
        with GradientTape() as tape:
            p = self.model(x, training=True)
            loss = ops.add_n([self.loss(y, p), *self.model.losses])
        gradients = tape.gradient(loss, self.model.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_weights, strict=True))
        self.accuracy.update_state(y, p)
        self.mean.update_state(loss)
        return {"loss": loss, "p": p}

    def recordings(self):
        return [v for v in self.step._known.values() if isinstance(v, Recording)]

    def run(self, epochs=3, size=20, x=X, y=LABELS):
        """Numbers to be compared: losses, metrics, weights, the optimizer's steps."""
        seen = []
        for _ in range(epochs):
            for at in range(0, len(x), size):  # the last one is short
                out = self.step(x[at : at + size], y[at : at + size])
                seen += [float(out["loss"]), out["p"].numpy()]
            seen += [self.accuracy.result(), self.mean.result()]
            self.mean.reset_state()
        return [*seen, *self.model.get_weights(), int(self.optimizer.iterations)]


def agree(ours, others):
    """But for rounding: a recorded step may lay a product out otherwise."""
    assert len(ours) == len(others)
    for a, b in zip(ours, others, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-6)
