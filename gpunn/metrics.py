"""Metrics: a value for each row, averaged over the rows of an epoch on the device."""

from typing import Any

import numpy as np

from gpunn import losses
from gpunn.backend import get_backend
from gpunn.kernels import categorical
from gpunn.lookup import find, snake


class Metric:
    """Base class. `prepare` checks targets as a loss does; `record` launches the kernels that give one value a row.

    Used by itself: ``update_state(y_true, y_pred, sample_weight)``, ``result()``, ``reset_state()``.
    """

    def __init__(self, name: str | None = None, dtype: Any = None):
        self.name = name or snake(type(self).__name__)
        self._sum = self._weight = 0.0

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        return losses.MeanSquaredError(name=self.name).prepare(y, output_shape, dtype)

    def record(self, ops: Any, y: Any, p: Any) -> Any:
        raise NotImplementedError

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        p, ops = np.asarray(y_pred, np.float32), get_backend()
        y = self.prepare(y_true, (None, *p.shape[1:]), "float32")
        values = ops.to_numpy(self.record(ops, ops.asarray(y), ops.asarray(p))).astype(np.float64)
        w = np.ones(len(p)) if sample_weight is None else np.broadcast_to(np.asarray(sample_weight, np.float64), (len(p),))
        self._sum, self._weight = self._sum + float(values @ w), self._weight + float(w.sum())

    def result(self) -> float:
        return self._sum / self._weight if self._weight else 0.0

    def reset_state(self) -> None:
        self._sum = self._weight = 0.0

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}


class _RowMetric(Metric):
    kernel: Any = None

    def record(self, ops: Any, y: Any, p: Any) -> Any:
        hit = ops.empty((p.shape[0],), p.dtype)
        ops.launch(self.kernel, p, y, hit)
        return hit


class SparseCategoricalAccuracy(_RowMetric):
    """Share of rows whose largest output is the label's."""

    kernel = categorical.HIT_SPARSE

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        return losses.labels(y, output_shape, f"Metric {self.name}")


class CategoricalAccuracy(_RowMetric):
    """Share of rows whose largest output is where the target is largest."""

    kernel = categorical.HIT_DENSE


class BinaryAccuracy(Metric):
    """Share of outputs on the target's side of `threshold`."""

    def __init__(self, name: str | None = None, dtype: Any = None, threshold: float = 0.5):
        super().__init__(name, dtype)
        self.threshold = float(threshold)

    def record(self, ops: Any, y: Any, p: Any) -> Any:
        hit = ops.empty((p.shape[0],), p.dtype)
        ops.launch(categorical.HIT_BINARY, p, y, self.threshold, hit)
        return hit

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "threshold": self.threshold}


class LossMetric(Metric):
    """Any loss as a metric: its mean over rows."""

    def __init__(self, loss: Any, name: str | None = None):
        self.loss = losses.get(loss)
        super().__init__(name or self.loss.name)

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        return self.loss.prepare(y, output_shape, dtype)

    def record(self, ops: Any, y: Any, p: Any) -> Any:
        weight = ops.asarray(np.ones(p.shape[0], p.dtype))
        return self.loss.record(ops, y, p, weight, 0.0)[0]

    def get_config(self) -> dict[str, Any]:
        return {"loss": {"class_name": type(self.loss).__name__, "config": self.loss.get_config()}, "name": self.name}


def _loss_metric(cls: type) -> type:
    def __init__(self: Any, name: str | None = None, dtype: Any = None, **kwargs: Any):
        LossMetric.__init__(self, cls(**kwargs), name)

    return type(cls.__name__, (LossMetric,), {"__init__": __init__, "__doc__": cls.__doc__, "get_config": lambda self: {"name": self.name}})


MeanSquaredError = _loss_metric(losses.MeanSquaredError)
MeanAbsoluteError = _loss_metric(losses.MeanAbsoluteError)
BinaryCrossentropy = _loss_metric(losses.BinaryCrossentropy)
CategoricalCrossentropy = _loss_metric(losses.CategoricalCrossentropy)
SparseCategoricalCrossentropy = _loss_metric(losses.SparseCategoricalCrossentropy)

NAMES: dict[str, Any] = {}
for _c in (
    SparseCategoricalAccuracy, CategoricalAccuracy, BinaryAccuracy, MeanSquaredError, MeanAbsoluteError, BinaryCrossentropy,
    CategoricalCrossentropy, SparseCategoricalCrossentropy,
):
    NAMES[_c.__name__] = NAMES[snake(_c.__name__)] = _c
NAMES |= {"mse": MeanSquaredError, "MSE": MeanSquaredError, "mae": MeanAbsoluteError, "MAE": MeanAbsoluteError}
ACCURACY = ("accuracy", "acc")


def get(identifier: Any, loss: losses.Loss, output_shape: tuple[int | None, ...]) -> Metric:
    """A metric from its name or itself. "accuracy" becomes the kind that fits output and targets, as in Keras: binary for one output
    (with the threshold 0.5, logits or not), else by comparing with labels or with one-hot rows. Raises ValueError listing the names."""
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if isinstance(identifier, losses.Loss):
        return LossMetric(identifier)
    if not isinstance(identifier, str):
        raise ValueError(f"Could not interpret metric. Expected a name or a Metric. Received: {identifier!r}.")
    if identifier.lower() in ACCURACY:
        kind: Any = BinaryAccuracy if output_shape[-1] == 1 else SparseCategoricalAccuracy if loss.sparse else CategoricalAccuracy
        return kind(name=identifier)
    metric: Metric = find("metric", identifier, NAMES | dict.fromkeys(ACCURACY))()
    metric.name = identifier  # Keras logs a metric under the name it was asked for
    return metric
