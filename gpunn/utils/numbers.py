"""Small changes of arrays, and questions about their types."""

from typing import Any

import numpy as np

from gpunn.config import floatx
from gpunn.layers.graph import KerasTensor
from gpunn.layers.spelling import old_names


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


def normalize(x: Any, axis: int = -1, order: float = 2) -> Any:
    """x divided by its norms along an axis (None: the last); what is all zeros stays. `order` is numpy.linalg.norm's, of a tensor that of
    `gpunn.ops.normalize`."""
    if isinstance(x, KerasTensor):
        from gpunn import ops

        return ops.normalize(x, -1 if axis is None else axis, order)
    x = np.asarray(x)
    norm = np.asarray(np.linalg.norm(x, order, -1 if axis is None else axis, keepdims=True))
    return x / np.where(norm == 0, 1, norm)


def standardize_dtype(dtype: Any) -> str:
    """A type's name: of a name, a NumPy type, Python's bool, int, float or str, or None, for `gpunn.config.floatx`.

    Raises ValueError for what is none."""
    known = {None: floatx(), bool: "bool", int: "int32", float: floatx(), str: "string"}
    if dtype is None or (isinstance(dtype, type) and dtype in known):
        return known[dtype]
    if dtype in ("string", "bfloat16"):
        return str(dtype)
    try:
        return np.dtype(dtype).name
    except TypeError as error:
        raise ValueError(f"Invalid dtype: {dtype!r}.") from error


def is_keras_tensor(x: Any) -> bool:
    """Whether it is a symbolic tensor, as `gpunn.Input` and layers called on one give."""
    return isinstance(x, KerasTensor)
