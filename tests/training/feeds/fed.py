"""What the tests of feeds share: data, a network, and what comes out of it."""

import numpy as np

import gpunn
from gpunn import layers, models

RNG = np.random.default_rng(5)
X = RNG.integers(0, 256, (207, 12)).astype(np.uint8)
Y = (X.astype(int).sum(axis=1) % 5).astype(np.int64)
ONE_HOT = np.eye(5)[Y]
WEIGHTS = RNG.uniform(0.2, 2, len(X))


def network(name="cpu", loss="sparse_categorical_crossentropy", optimizer="adam"):
    with gpunn.device(name):
        gpunn.utils.set_random_seed(3)
        model = models.Sequential([
            layers.Input((12,)), layers.Dense(16, activation="relu"), layers.Dropout(0.2), layers.Dense(5, activation="softmax"),
        ], name="net")  # fmt: skip
        model.compile(optimizer, loss, ["accuracy"])
    return model


def outcome(model, fit, x=X, y=Y):
    """History, weights, evaluation and prediction after a fit; and how often the device was read for the history."""
    before = model.backend.reads
    history = fit(model).history
    reads = model.backend.reads - before
    return dict(history), model.get_weights(), model.evaluate(x, y, verbose=0), model.predict(x, verbose=0), reads


def same(one, other):
    np.testing.assert_equal(other, one)
