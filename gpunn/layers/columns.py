"""Rows whose columns are put elsewhere, repeated or joined: what layers that only move values are made of."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.kernels.columns import PICK_COLUMNS, PUT_COLUMNS, SUM_COLUMNS


def pick(ops: Any, x: Any, index: np.ndarray, shape: Sequence[int]) -> Any:
    """Rows of this shape with y[:, j] = x[:, index[j]], columns counted through all axes."""
    y = ops.empty((x.shape[0], *shape), x.dtype)
    ops.launch(PICK_COLUMNS, x, ops.asarray(index.reshape(-1).astype(np.int32)), math.prod(shape), y)
    return y


def add_up(ops: Any, dy: Any, index: np.ndarray, shape: Sequence[int]) -> Any:
    """The gradient of `pick`: rows of this shape with dx[:, i] = the sum of dy[:, j] over all j with index[j] = i."""
    index, width = index.reshape(-1), math.prod(shape)
    order = np.argsort(index, kind="stable").astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(np.bincount(index, minlength=width))]).astype(np.int32)
    dx = ops.empty((dy.shape[0], *shape), dy.dtype)
    ops.launch(SUM_COLUMNS, dy, ops.asarray(starts), ops.asarray(order), width, dx)
    return dx


def put(ops: Any, x: Any, index: np.ndarray, y: Any) -> None:
    """y[:, index[j]] = x[:, j]."""
    ops.launch(PUT_COLUMNS, x, ops.asarray(index.reshape(-1).astype(np.int32)), math.prod(y.shape[1:]), y)


def numbered(shape: Sequence[int]) -> np.ndarray:
    """The number of each column, in the axes of a row."""
    return np.arange(math.prod(shape), dtype=np.int64).reshape(tuple(shape))
