"""Accuracies: shares of predictions that are right."""

from typing import Any

import numpy as np

from gpunn.kernels import categorical, measures
from gpunn.losses import targets
from gpunn.metrics.base import MeanOfRows, as_rows


class _Hits(MeanOfRows):
    """The share of hits, by a kernel that gives one number a row."""

    direction = "up"
    kernel: Any = None

    @property
    def numbers(self) -> tuple[Any, ...]:
        return ()

    def labels(self, y: Any, output_shape: tuple[int | None, ...]) -> np.ndarray:
        """One label for each position; one that the loss passes over is right where it is the number of the largest output, as in Keras."""
        passed = self.ignored if self.ignored not in range(int(output_shape[-1] or 0)) else None
        return targets.labels(y, output_shape, f"Metric {self.name}", ignored=passed)

    def record(self, ops: Any, y: Any, p: Any) -> Any:
        rows = as_rows(p)
        hit = ops.empty((rows.shape[0],), p.dtype)
        ops.launch(self.kernel, rows, y.reshape(-1) if y.dtype == np.int32 else as_rows(y), *self.numbers, hit)
        return hit


class Accuracy(_Hits):
    """Share of outputs equal to their target."""

    default_name = "accuracy"
    elementwise = each_weighs = True
    kernel = measures.HIT_EQUAL


class BinaryAccuracy(_Hits):
    """Share of outputs on the side of `threshold` that their target, 0 or 1, names."""

    default_name = "binary_accuracy"
    elementwise = each_weighs = True
    kernel = categorical.HIT_BINARY

    def __init__(self, name: str | None = None, dtype: Any = None, threshold: float = 0.5):
        super().__init__(name, dtype)
        self.threshold = float(threshold)

    @property
    def numbers(self) -> tuple[Any, ...]:
        return (self.threshold,)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "threshold": self.threshold}


class CategoricalAccuracy(_Hits):
    """Share of rows whose largest output is where the target is largest."""

    default_name = "categorical_accuracy"
    kernel = categorical.HIT_DENSE


class SparseCategoricalAccuracy(_Hits):
    """Share of rows whose largest output is the label's. Raises ValueError for labels outside 0..classes-1."""

    default_name = "sparse_categorical_accuracy"
    kernel = categorical.HIT_SPARSE

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        return self.labels(y, output_shape)


class TopKCategoricalAccuracy(_Hits):
    """Share of rows where fewer than k outputs are larger than the one at the target's largest."""

    default_name = "top_k_categorical_accuracy"
    kernel = measures.HIT_TOP_DENSE

    def __init__(self, k: int = 5, name: str | None = None, dtype: Any = None):
        super().__init__(name, dtype)
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            raise ValueError(f"Metric {self.name}: k must be an integer of at least 1. Received: k={k!r}.")
        self.k = int(k)

    @property
    def numbers(self) -> tuple[Any, ...]:
        return (self.k,)

    def get_config(self) -> dict[str, Any]:
        return {"k": self.k, "name": self.name}


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """Share of rows where fewer than k outputs are larger than the label's. Raises ValueError for labels outside 0..classes-1."""

    default_name = "sparse_top_k_categorical_accuracy"
    kernel = measures.HIT_TOP_SPARSE

    def __init__(self, k: int = 5, name: str | None = None, dtype: Any = None, from_sorted_ids: bool = False):
        super().__init__(k, name, dtype)
        if from_sorted_ids:
            raise ValueError(f"Metric {self.name}: y_pred holds a score for each class. Received: from_sorted_ids=True.")

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        return self.labels(y, output_shape)


def fitting(output_shape: tuple[int | None, ...], target_shape: tuple[int | None, ...] | None, sparse: bool) -> type:
    """The accuracy that "accuracy" means, as in Keras: binary for one output column, sparse for targets without the columns, else
    categorical. Before targets are seen, `sparse` says what the loss takes."""
    if output_shape[-1] == 1:
        return BinaryAccuracy
    if target_shape is not None:
        sparse = len(target_shape) < len(output_shape) or (target_shape[-1] == 1 and len(target_shape) == len(output_shape))
    return SparseCategoricalAccuracy if sparse else CategoricalAccuracy
