"""Scores of finished predictions, with scikit-learn's names and results: labels against labels, on the host."""

from typing import Any

import numpy as np


def accuracy_score(y_true: Any, y_pred: Any, *, normalize: bool = True, sample_weight: Any = None) -> float:
    """The share of predictions equal to their target; with normalize=False how many.

    Labels of any kind, (rows,) or (rows, 1); rows of several columns are right when all of them are. sample_weight: one a row.
    Raises ValueError for shapes that differ.
    """
    a, b = (_column(v) for v in (y_true, y_pred))
    _same(a, b)
    right = (a == b) if a.ndim == 1 else (a == b).all(axis=tuple(range(1, a.ndim)))
    weight = np.ones(len(right)) if sample_weight is None else np.asarray(sample_weight, np.float64).reshape(len(right))
    total = float(right @ weight)
    if not normalize:
        return total
    return total / float(weight.sum()) if weight.sum() else 0.0


def confusion_matrix(
    y_true: Any, y_pred: Any, *, labels: Any = None, sample_weight: Any = None, normalize: str | None = None
) -> np.ndarray:
    """How often each label (row) was predicted as each (column): labels as given, or all that occur, sorted.

    normalize: "true" makes rows sum to 1, "pred" columns, "all" the whole. Without weights and `normalize` the counts are integers.
    Raises ValueError for shapes that differ, labels of which none occurs, and another `normalize`.
    """
    if normalize not in (None, "true", "pred", "all"):
        raise ValueError(f"normalize must be one of 'true', 'pred', 'all' or None. Received: {normalize!r}.")
    a, b = (_column(v) for v in (y_true, y_pred))
    _same(a, b)
    known = np.unique(np.concatenate([a, b])) if labels is None else np.asarray(labels)
    if labels is not None and not (np.isin(known, a).any() or a.size == 0):
        raise ValueError(f"At least one label specified must be in y_true. Received: labels={known.tolist()}.")
    order = np.argsort(known, kind="stable")
    inside = np.isin(a, known) & np.isin(b, known)
    weight = np.ones(a.size, np.int64) if sample_weight is None else np.asarray(sample_weight).reshape(a.size)
    n = len(known)
    out = np.zeros((n, n), weight.dtype if weight.dtype.kind in "iub" else np.float64)
    if n:
        places = [order[np.searchsorted(known, v[inside], sorter=order)] for v in (a, b)]
        np.add.at(out, tuple(places), weight[inside])
    if normalize is None:
        return out
    axis = {"true": (1,), "pred": (0,), "all": (0, 1)}[normalize]
    total = out.sum(axis=axis, keepdims=True).astype(np.float64)
    return np.divide(out, total, out=np.zeros(out.shape), where=total != 0)


def _column(values: Any) -> np.ndarray:
    values = np.asarray(values)
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def _same(a: np.ndarray, b: np.ndarray) -> None:
    if a.shape != b.shape:
        raise ValueError(f"y_true and y_pred must have the same shape. Received: {a.shape} and {b.shape}.")
