"""Losses: value of each row and gradient in one pass. Names, defaults and the mean over a row's columns are Keras's."""

from typing import Any

import numpy as np

from gpunn.backend import get_backend
from gpunn.backend.foreign import as_array
from gpunn.kernels import categorical, row_losses, softmax
from gpunn.kernels.record import REGISTRY
from gpunn.lookup import from_identifier, snake

REDUCTIONS = ("sum_over_batch_size", "sum")


class Loss:
    """Base class.

    `prepare` checks targets at the door; `record` launches the kernels of one batch. `fuses` names the activation whose gradient the loss
    can take over when it is the last one of the model. Calling a loss with arrays gives its value.
    """

    kernel: Any = None
    fuses: str | None = None
    sparse = False

    def __init__(self, reduction: str = "sum_over_batch_size", name: str | None = None):
        if reduction not in REDUCTIONS:
            raise ValueError(f"Unknown reduction. Expected one of {REDUCTIONS}. Received: {reduction!r}.")
        self.reduction, self.name = reduction, name or snake(type(self).__name__)

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        """Targets as the kernels take them, checked. Raises ValueError for a shape that does not fit the model's output."""
        y = as_array(y)
        width = tuple(output_shape[1:])
        if len(width) > 1 and (self.fuses == "softmax" or self.reduction == "sum"):
            raise ValueError(f"Loss {self.name}: expected a model whose output has two axes, (rows, columns). Received: {(None, *width)}.")
        if y.ndim == 1 and width == (1,):
            y = y.reshape(-1, 1)
        if y.shape[1:] != width:
            flat = self.fuses == "softmax" and y.shape[1:] in ((), (1,))
            hint = " Integer labels go with sparse_categorical_crossentropy." if flat else ""
            raise ValueError(
                f"Loss {self.name}: targets do not fit the model's output. Expected shape {(None, *width)}. Received: {y.shape}.{hint}"
            )
        return _numbers(y, f"Loss {self.name}").astype(dtype)

    def scale(self, rows: int) -> float:
        return 1.0 / rows if self.reduction == "sum_over_batch_size" and rows else 1.0

    def record(self, ops: Any, y: Any, p: Any, weight: Any, scale: float) -> tuple[Any, Any]:
        """-> (value of each row, gradient with respect to p, times weight and scale)."""
        values, gradient = ops.empty((p.shape[0],), p.dtype), ops.empty(p.shape, p.dtype)
        ops.launch(self.kernel, p, y, weight, scale, values, gradient)
        return values, gradient

    def record_fused(self, ops: Any, y: Any, z: Any, weight: Any, scale: float) -> tuple[Any, Any, Any]:
        """-> (value of each row, gradient with respect to what goes into the activation, the activation's output)."""
        raise NotImplementedError

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """The loss of these predictions."""
        p = np.asarray(y_pred)
        p = p.astype("float64" if p.dtype == np.float64 else "float32")
        y, ops = self.prepare(y_true, (None, *p.shape[1:]), p.dtype.name), get_backend()
        if len(y) != len(p):
            raise ValueError(f"Loss {self.name}: as many targets as predictions are needed. Received: {len(y)} and {len(p)}.")
        w = np.ones(len(p), p.dtype) if sample_weight is None else np.broadcast_to(np.asarray(sample_weight, p.dtype), (len(p),))
        values, _ = self.record(ops, ops.asarray(y), ops.asarray(p), ops.asarray(w), 1.0)
        return float((ops.to_numpy(values).astype(np.float64) * w).sum() * self.scale(len(p)))

    def get_config(self) -> dict[str, Any]:
        return {"reduction": self.reduction, "name": self.name}


class MeanSquaredError(Loss):
    """mean_j (p_j - t_j)^2 of a row."""

    kernel = row_losses.MEAN_SQUARED_ERROR


class MeanAbsoluteError(Loss):
    """mean_j |p_j - t_j| of a row; its gradient at 0 is 0."""

    kernel = row_losses.MEAN_ABSOLUTE_ERROR


class _FromLogits(Loss):
    def __init__(self, from_logits: bool = False, reduction: str = "sum_over_batch_size", name: str | None = None):
        super().__init__(reduction, name)
        self.from_logits = bool(from_logits)

    def get_config(self) -> dict[str, Any]:
        return {"from_logits": self.from_logits, **super().get_config()}


class BinaryCrossentropy(_FromLogits):
    """-mean_j [t log p + (1 - t) log(1 - p)]; p clipped to [1e-7, 1 - 1e-7]. Exact for any logit with from_logits or with a sigmoid."""

    fuses = "sigmoid"

    @property
    def kernel(self) -> Any:  # type: ignore[override]
        return row_losses.BINARY_CROSSENTROPY_LOGITS if self.from_logits else row_losses.BINARY_CROSSENTROPY

    def record_fused(self, ops: Any, y: Any, z: Any, weight: Any, scale: float) -> tuple[Any, Any, Any]:
        values, gradient, p = ops.empty((z.shape[0],), z.dtype), ops.empty(z.shape, z.dtype), ops.empty(z.shape, z.dtype)
        ops.launch(row_losses.BINARY_CROSSENTROPY_LOGITS, z, y, weight, scale, values, gradient)
        ops.launch(REGISTRY["sigmoid"], z, p)
        return values, gradient, p


class CategoricalCrossentropy(_FromLogits):
    """-sum_j t_j log(p_j / sum p), clipped as Keras clips; t a distribution over the columns. Fused with a softmax there is no clip."""

    fuses = "softmax"
    _plain, _softmax = categorical.CROSSENTROPY_DENSE, softmax.SOFTMAX_CE_DENSE

    def record(self, ops: Any, y: Any, p: Any, weight: Any, scale: float) -> tuple[Any, Any]:
        if self.from_logits:
            return self.record_fused(ops, y, p, weight, scale)[:2]
        values, gradient = ops.empty((p.shape[0],), p.dtype), ops.empty(p.shape, p.dtype)
        ops.launch(self._plain, p, y, weight, scale, values, gradient)
        return values, gradient

    def record_fused(self, ops: Any, y: Any, z: Any, weight: Any, scale: float) -> tuple[Any, Any, Any]:
        values, gradient, p = ops.empty((z.shape[0],), z.dtype), ops.empty(z.shape, z.dtype), ops.empty(z.shape, z.dtype)
        ops.launch(self._softmax, z, y, weight, scale, p, values, gradient)
        return values, gradient, p


class SparseCategoricalCrossentropy(CategoricalCrossentropy):
    """The same with integer labels. Raises ValueError for labels outside 0..classes-1."""

    sparse = True
    _plain, _softmax = categorical.CROSSENTROPY_SPARSE, softmax.SOFTMAX_CE_SPARSE

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        return labels(y, output_shape, f"Loss {self.name}")


def labels(y: Any, output_shape: tuple[int | None, ...], where: str) -> np.ndarray:
    """Integer labels as int32, checked against the number of classes, the model's outputs."""
    y, classes = as_array(y), int(output_shape[-1] or 0)
    if len(output_shape) != 2:
        raise ValueError(f"{where}: expected a model whose output has two axes, (rows, classes). Received: {output_shape}.")
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(
            f"{where}: expected one integer label a row, shape (rows,). Received: shape {y.shape}. "
            "One-hot targets go with categorical_crossentropy."
        )
    if y.dtype.kind not in "iub":
        y = _numbers(y, where)
        if not np.array_equal(y, np.floor(y)):
            row = int(np.argmax(y != np.floor(y)))
            raise ValueError(f"{where}: labels must be integers. Received: {y[row]} in row {row}.")
    if y.size and (y.min() < 0 or y.max() >= classes):
        row = int(np.argmax((y < 0) | (y >= classes)))
        raise ValueError(
            f"{where}: labels must be from 0 to {classes - 1}, as the model has {classes} outputs. Received: {y[row]} in row {row}."
        )
    return y.astype(np.int32)


def _numbers(y: np.ndarray, where: str) -> np.ndarray:
    if y.dtype.kind not in "iubf":
        raise ValueError(f"{where}: targets must be numbers. Received: dtype {y.dtype}.")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        row = int(np.argmax(~np.isfinite(y.reshape(len(y), -1)).all(axis=1)))
        raise ValueError(f"{where}: targets must be finite. Received: NaN or infinity in row {row}.")
    return y


NAMES: dict[str, Any] = {}
for _c in (MeanSquaredError, MeanAbsoluteError, BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy):
    NAMES[_c.__name__] = NAMES[snake(_c.__name__)] = _c
NAMES |= {"mse": MeanSquaredError, "MSE": MeanSquaredError, "mae": MeanAbsoluteError, "MAE": MeanAbsoluteError}


def get(identifier: Any) -> Loss:
    """A loss from its name, itself or its configuration. Raises ValueError listing the names."""
    return from_identifier("loss", identifier, NAMES, Loss)
