"""Accuracies as functions: ``categorical_accuracy(y_true, y_pred)`` gives 0 or 1 for each row, as in Keras."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.backend import get_backend
from gpunn.metrics import accuracy as kinds
from gpunn.metrics import correlation
from gpunn.metrics.base import MeanOfRows, floating
from gpunn.results import dressed


def _values(metric: MeanOfRows, y_true: Any, y_pred: Any) -> np.ndarray:
    p, ops = floating(y_pred), get_backend()
    shape = p.shape if metric.elementwise else p.shape[:-1]
    if metric.elementwise:  # every output by itself
        y_true = np.asarray(y_true)
        if y_true.shape != shape and y_true.size == p.size:
            y_true = y_true.reshape(shape)
        p, y_true = p.reshape(-1, 1), np.broadcast_to(y_true, shape).reshape(-1, 1)
    elif p.ndim == 1:
        p, y_true = p[None], np.asarray(y_true)[None]
    y = metric.prepare(y_true, (None, *p.shape[1:]), p.dtype.name)
    return dressed(ops.to_numpy(metric.record(ops, ops.asarray(y), ops.asarray(p))).reshape(shape))


def accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """1 for each output that is equal to its target, else 0."""
    return _values(kinds.Accuracy(), y_true, y_pred)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> np.ndarray:
    """1 for each output on the side of `threshold` that its target, 0 or 1, names, else 0."""
    return _values(kinds.BinaryAccuracy(threshold=threshold), y_true, y_pred)


def categorical_accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """1 for each row whose largest output is where its target is largest, else 0."""
    return _values(kinds.CategoricalAccuracy(), y_true, y_pred)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """1 for each row whose largest output is its label's, else 0."""
    return _values(kinds.SparseCategoricalAccuracy(), y_true, y_pred)


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> np.ndarray:
    """1 for each row where fewer than k outputs are larger than that at the target's largest, else 0."""
    return _values(kinds.TopKCategoricalAccuracy(k), y_true, y_pred)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> np.ndarray:
    """1 for each row where fewer than k outputs are larger than the label's, else 0."""
    return _values(kinds.SparseTopKCategoricalAccuracy(k), y_true, y_pred)


def pearson_correlation(y_true: Any, y_pred: Any, axis: Any = -1) -> np.ndarray:
    """Pearson's correlation of each row, or along other axes."""
    return _correlations(correlation.PearsonCorrelation(axis=axis), y_true, y_pred)


def concordance_correlation(y_true: Any, y_pred: Any, axis: Any = -1) -> np.ndarray:
    """Lin's concordance of each row, or along other axes."""
    return _correlations(correlation.ConcordanceCorrelation(axis=axis), y_true, y_pred)


def _correlations(metric: correlation.PearsonCorrelation, y_true: Any, y_pred: Any) -> np.ndarray:
    p, ops = floating(y_pred), get_backend()
    y = np.asarray(y_true).reshape(p.shape).astype(p.dtype)
    return dressed(ops.to_numpy(metric.record(ops, ops.asarray(y), ops.asarray(p))).reshape(metric.value_shape(p.shape)))


CLASSES: dict[Callable[..., Any], type] = {
    accuracy: kinds.Accuracy, binary_accuracy: kinds.BinaryAccuracy, categorical_accuracy: kinds.CategoricalAccuracy,
    sparse_categorical_accuracy: kinds.SparseCategoricalAccuracy, top_k_categorical_accuracy: kinds.TopKCategoricalAccuracy,
    sparse_top_k_categorical_accuracy: kinds.SparseTopKCategoricalAccuracy, pearson_correlation: correlation.PearsonCorrelation,
    concordance_correlation: correlation.ConcordanceCorrelation,
}
