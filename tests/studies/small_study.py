"""A small problem, a small network, and a study of them; also for processes that tests start."""

import numpy as np

from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.studies import BatchSizeStudy


def build(shape, classes):
    return Sequential([Input(shape), Dense(12, "relu"), Dense(classes, activation="softmax")])


def rows():
    """Three clouds of points: (train, validation, test)."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 900)
    x = (rng.standard_normal((900, 6)) + 1.2 * np.eye(6)[y]).astype(np.float32)
    return [(x[a:b], y[a:b]) for a, b in ((0, 500), (500, 700), (700, 900))]


def made(**options):
    given = {"sizes": "16..64", "seeds": 2, "amount": 3, "learning_rate": 0.1, "base_batch": 32, "target": 0.6, "backends": ["cpu"]}
    return BatchSizeStudy(build, *rows(), **given | options)
