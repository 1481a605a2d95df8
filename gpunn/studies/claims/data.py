"""Data for the experiments: real images where they are found, and small problems made up from a seed."""

from functools import cache
from typing import Any

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]


@cache
def load(name: str) -> tuple[str, Pair, Pair]:
    """(the name of what was found, training rows, test rows). Where the files of `name` are neither here nor to be had: digits."""
    from gpunn import datasets

    try:
        train, test = getattr(datasets, name.replace("-", "_")).load_data()
    except (OSError, ValueError):
        name = "digits"
        train, test = datasets.digits.load_data()
    return name, train, test


XOR: Pair = (np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0], np.float32))


def line(rows: int, features: int = 3, noise: float = 0.1, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(x, y, true weights) of y = x w + 1 + noise."""
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal((rows, features)), np.linspace(-2, 3, features)
    y = x @ w + 1 + noise * rng.standard_normal(rows)
    return x.astype(np.float32), y.astype(np.float32)[:, None], w


def gradient_of(model: Any, x: Any, y: Any) -> np.ndarray:
    """The model's gradient of its loss over these rows, as one flat vector."""
    from gpunn.studies.gradients import Gradients

    with Gradients(model, x, y, len(x)) as g:
        return g.at()[1]
