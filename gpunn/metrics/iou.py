"""The confusion matrix, and intersections over unions, which are read off it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.backend.foreign import as_array
from gpunn.kernels import measures, weighing
from gpunn.losses import targets
from gpunn.metrics.base import BuiltIn, as_rows, plain

GUARD = 1e-7  # Keras's
NOBODY = -(2**40)  # no label


class ConfusionMatrix(BuiltIn):
    """How often each class (row) was taken for each (column), as scikit-learn lays it out; the choice is the largest output.

    With one output column the classes are 0 and 1, by `threshold`. Targets are labels, or one-hot rows. Keras has no metric of this name.
    Positions whose label is `ignore_class`, and labels or choices outside 0..num_classes-1, are not counted.
    """

    default_name = "confusion_matrix"
    elementwise = True

    def __init__(
        self, num_classes: int | None = None, name: str | None = None, dtype: Any = None, ignore_class: int | None = None,
        threshold: float = 0.5,
    ):
        super().__init__(name, dtype)
        if num_classes is not None and (isinstance(num_classes, bool) or num_classes < 1):
            raise ValueError(f"Metric {self.name}: num_classes must be a positive integer. Received: num_classes={num_classes!r}.")
        self.num_classes, self.ignore_class, self.threshold = num_classes, ignore_class, float(threshold)
        self._classes = num_classes or 0
        self.sparse_y_pred = self.split = False

    @property
    def size(self) -> int:
        return self._classes**2

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        y, width = as_array(y), int(output_shape[-1] or 0)
        self._classes = self.num_classes or max(width, 2)
        self.split = width == 1 and not self.sparse_y_pred
        if y.shape[1:] == tuple(output_shape[1:]) and width > 1:
            y = y.argmax(axis=-1)
        return self._places(y, tuple(output_shape[:-1]))

    def _places(self, y: np.ndarray, shape: tuple[int | None, ...]) -> np.ndarray:
        """Labels, one for each position; any integer, as those out of range are not counted."""
        if y.ndim == len(shape) + 1 and y.shape[-1] == 1:
            y = y[..., 0]
        if y.shape[1:] != tuple(shape[1:]) or y.ndim != len(shape):
            raise ValueError(f"Metric {self.name}: expected a label for each position, shape {shape}. Received: shape {y.shape}.")
        return np.clip(targets.integers(y, f"Metric {self.name}"), -(2**31), 2**31 - 1).astype(np.int32)

    def accumulate(self, ops: Any, y: Any, p: Any, weight: Any, sums: Any, step: Any) -> None:
        labels = y.reshape(-1)
        choice, cell = ops.empty(labels.shape, "int32"), ops.empty(labels.shape, "int32")
        if self.sparse_y_pred or self.split:
            ops.launch(measures.AS_CLASS, p.reshape(-1), self.threshold, int(self.split), choice)
        else:
            ops.launch(measures.ARGMAX, as_rows(p), choice)
        ignored = NOBODY if self.ignore_class is None else self.ignore_class
        ops.launch(measures.PAIR, labels, choice, self._classes, ignored, cell)
        ops.launch(measures.COUNT, sums, cell, weight, labels.size)

    def matrix(self) -> np.ndarray:
        return self.state().reshape(self._classes, self._classes)

    def result(self) -> Any:
        return self.matrix()

    def get_config(self) -> dict[str, Any]:
        return {"num_classes": self.num_classes, "ignore_class": self.ignore_class, "threshold": self.threshold, "name": self.name}


class IoU(ConfusionMatrix):
    """Intersection over union, tp / (tp + fp + fn), the mean over `target_class_ids` that occur.

    sparse_y_true, sparse_y_pred: labels rather than one column a class. Raises ValueError for a class id that is too large.
    """

    default_name = ""
    direction = "up"

    def __init__(
        self, num_classes: int, target_class_ids: Sequence[int], name: str | None = None, dtype: Any = None,
        ignore_class: int | None = None, sparse_y_true: bool = True, sparse_y_pred: bool = True, axis: int = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class)
        if max(target_class_ids) >= num_classes:
            raise ValueError(f"Target class id {max(target_class_ids)} is out of range, which is [0, {num_classes}).")
        if axis != -1:
            raise ValueError(f"Metric {self.name}: classes are the last axis. Received: axis={axis}.")
        self.target_class_ids, self.sparse_y_true, self.sparse_y_pred = list(target_class_ids), sparse_y_true, sparse_y_pred

    @property
    def each_weighs(self) -> bool:  # type: ignore[override]
        return self.sparse_y_pred  # each output is a label then

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        y = as_array(y)
        self._classes = int(self.num_classes or 0)
        if not self.sparse_y_true:
            y = y.argmax(axis=-1)
        if self.sparse_y_pred:  # every output is a label
            return self._places(y[..., None] if y.ndim == len(output_shape) - 1 and output_shape[-1] == 1 else y, output_shape)
        return self._places(y, output_shape[:-1])

    def accumulate(self, ops: Any, y: Any, p: Any, weight: Any, sums: Any, step: Any) -> None:
        if weight.size != y.size:  # a label for each output: a row's weight is that of all its outputs
            wide = ops.empty(p.shape, p.dtype)
            ops.launch(weighing.times_rows, ops.asarray(np.ones(p.shape, p.dtype)).reshape(-1, p.shape[-1]), weight, 1.0, as_rows(wide))
            weight = wide.reshape(-1)
        super().accumulate(ops, y, p, weight, sums, step)

    def result(self) -> float:
        matrix = self.matrix()
        hits = np.diag(matrix)[self.target_class_ids]
        union = (matrix.sum(axis=0) + matrix.sum(axis=1))[self.target_class_ids] - hits
        there = union > 1e-9
        return plain(np.where(there, hits / (union + GUARD), 0.0).sum() / (there.sum() + GUARD))

    def get_config(self) -> dict[str, Any]:
        return {
            "num_classes": self.num_classes, "target_class_ids": self.target_class_ids, "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true, "sparse_y_pred": self.sparse_y_pred, "name": self.name,
        }


class BinaryIoU(IoU):
    """`IoU` of outputs that are at least `threshold` (class 1) or not (class 0)."""

    def __init__(
        self, target_class_ids: Sequence[int] = (0, 1), threshold: float = 0.5, name: str | None = None, dtype: Any = None
    ):
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold, self.split = float(threshold), True

    def get_config(self) -> dict[str, Any]:
        return {"target_class_ids": self.target_class_ids, "threshold": self.threshold, "name": self.name}


class MeanIoU(IoU):
    """`IoU`, the mean over all classes that occur."""

    def __init__(
        self, num_classes: int, name: str | None = None, dtype: Any = None, ignore_class: int | None = None, sparse_y_true: bool = True,
        sparse_y_pred: bool = True, axis: int = -1,
    ):
        super().__init__(num_classes, range(num_classes), name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        out = super().get_config()
        del out["target_class_ids"]
        return out


class OneHotIoU(IoU):
    """`IoU` of one-hot targets and, by default, outputs with one column a class."""

    def __init__(
        self, num_classes: int, target_class_ids: Sequence[int], name: str | None = None, dtype: Any = None,
        ignore_class: int | None = None, sparse_y_pred: bool = False, axis: int = -1,
    ):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        out = super().get_config()
        del out["sparse_y_true"]
        return out


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of one-hot targets and, by default, outputs with one column a class."""

    def __init__(
        self, num_classes: int, name: str | None = None, dtype: Any = None, ignore_class: int | None = None, sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        out = super().get_config()
        del out["sparse_y_true"]
        return out
