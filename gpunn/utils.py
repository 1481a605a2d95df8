"""Small helpers under the names Keras gives them."""

from typing import Any

import numpy as np

from gpunn.layers.spelling import old_names
from gpunn.random import set_random_seed

__all__ = ["set_random_seed", "to_categorical"]


@old_names(y="x", nb_classes="num_classes")
def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Integer labels (any shape) as float64 one-hot rows. Raises ValueError for labels that are negative or not below `num_classes`."""
    labels = np.asarray(x)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.size and (labels.min() < 0 or not np.array_equal(labels, np.floor(labels))):
        raise ValueError(f"Labels must be integers from 0. Received: {labels.min()!r} ... {labels.max()!r}.")
    labels = labels.astype(np.int64)
    classes = int(num_classes or (labels.max(initial=-1) + 1))
    if labels.size and labels.max() >= classes:
        raise ValueError(f"Labels must be below num_classes={classes}. Received: {labels.max()}.")
    return np.eye(classes)[labels]
