"""A user's loss: a function of tensors, of NumPy arrays, of kernel launches, or of two scalar formulas."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.backend.foreign import as_array
from gpunn.kernels import weighing
from gpunn.kernels.record import REGISTRY
from gpunn.kernels.row_losses import row_loss
from gpunn.lookup import name_of, note
from gpunn.losses import targets
from gpunn.losses.base import BuiltIn, Loss


class LossFunctionWrapper(BuiltIn):
    """A loss from ``fn(y_true, y_pred, **kwargs)``: arithmetic on tensors (operators, `gpunn.ops`), which returns a value for each row.

    It is called once on symbolic tensors, differentiated and recorded; see `gpunn.losses.traced`. A function that cannot be called so takes
    NumPy's arrays and returns (value, gradient). value: one number for each position (rows, ...), or one for the whole batch; gradient:
    shape of y_pred, of each value with respect to its own prediction, before weights and the mean (or of the one number). Every step then
    runs launch by launch.

    A function with the attribute ``recordable = True`` takes ``fn(ops, y_true, y_pred)`` with arrays of the device, only launches kernels,
    and returns arrays of the device, one value for each row of the last axis: its steps are recorded.
    """

    def __init__(
        self, fn: Callable[..., Any], reduction: str | None = "sum_over_batch_size", name: str | None = None, dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(reduction, name or name_of(fn), dtype)
        self.fn, self.kwargs = fn, kwargs

    def call(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        return self.fn(y_true, y_pred, **self.kwargs)

    @property
    def squeezes(self) -> bool:
        return True

    @property
    def recordable(self) -> bool:
        return bool(getattr(self.fn, "recordable", False)) or super().recordable

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        launches = getattr(self.fn, "recordable", False)
        found = None if launches else self.trace(y, output_shape, dtype)
        return own_targets(y, output_shape, dtype, f"Loss {self.name}") if found is None else found

    def record(self, ops: Any, y: Any, p: Any, weight: Any, scale: float) -> tuple[Any, Any]:
        if not getattr(self.fn, "recordable", False):
            return super().record(ops, y, p, weight, scale)
        values, gradient = _pair(self, self.fn(ops, y, p, **self.kwargs))
        scaled = ops.empty((values.size, p.shape[-1]), p.dtype)
        ops.launch(weighing.times_rows, gradient.reshape(scaled.shape), weight, scale, scaled)
        return values.reshape(-1), scaled.reshape(p.shape)

    def get_config(self) -> dict[str, Any]:
        return {"fn": note(name_of(self.fn), self.fn), **self.kwargs, **super().get_config()}


class FormulaLoss(BuiltIn):
    """The mean over a row's columns of a scalar formula, on every device: ``FormulaLoss(value, gradient)``, two functions of (p, t).

    Prediction first. `gradient` is value's derivative in p; both are in the language of `gpunn.elementwise`, and become one kernel.
    Raises `FormulaError` for what is not in the language.
    """

    def __init__(
        self, value: Callable[..., Any], gradient: Callable[..., Any], reduction: str | None = "sum_over_batch_size",
        name: str | None = None, dtype: Any = None,
    ):
        super().__init__(reduction, name or value.__name__, dtype)
        known = getattr(value, "row_loss_kernel", None)
        if known is None or known[0] is not gradient:
            title, n = f"own_{self.name}", 1
            while title in REGISTRY:
                n += 1
                title = f"own_{self.name}_{n}"
            known = (gradient, row_loss(title, value, gradient))
            value.row_loss_kernel = known  # type: ignore[attr-defined]  # one kernel for a pair, however often it is wrapped
        self.formulas, self.kernel = (value, gradient), known[1]

    def get_config(self) -> dict[str, Any]:
        note(self.name, self)
        return super().get_config()

    def __reduce__(self) -> Any:
        return FormulaLoss, (*self.formulas, self.reduction, self.name)


def on_host(loss: Loss, call: Callable[..., Any], ops: Any, y: Any, p: Any, weight: Any, scale: float) -> tuple[Any, Any]:
    """A function of NumPy arrays on a batch of the device: read, called, written back."""
    given, w = ops.to_numpy(p), ops.to_numpy(weight)
    value, gradient = _pair(loss, call(ops.to_numpy(y), given))
    value, gradient = np.asarray(value, given.dtype), np.asarray(gradient, given.dtype)
    places = loss.value_shape(given.shape)
    if value.ndim and value.size == loss.count(given.shape):
        value = value.reshape(places)
    if gradient.shape != given.shape or value.shape not in ((), places):
        raise ValueError(
            f"Loss {loss.name}: expected a value of shape {places} or () and a gradient of shape {given.shape}. "
            f"Received: {value.shape} and {gradient.shape}."
        )
    if value.ndim == 0:
        if not (w == 1).all():
            raise ValueError(f"Loss {loss.name}: one value for the whole batch cannot be weighed by rows. Received: sample weights.")
        share = w.size * scale  # each position's part: all of them make up the value
        return ops.asarray(np.full(w.size, value / share, given.dtype)), ops.asarray(gradient)
    spread = w.reshape(places)[..., None] * given.dtype.type(scale)
    return ops.asarray(np.ascontiguousarray(value.reshape(-1))), ops.asarray(np.ascontiguousarray(gradient * spread))


def own_targets(y: Any, output_shape: tuple[int | None, ...], dtype: str, where: str) -> np.ndarray:
    """Targets for a function that knows what they mean: integers as int32, other numbers as the model's type, of any shape."""
    y = targets.finite(as_array(y), where)
    if y.ndim == len(output_shape) - 1 and output_shape[-1] == 1 and y.shape[1:] == tuple(output_shape[1:-1]):
        y = y[..., None]
    return y.astype(np.int32 if y.dtype.kind in "iub" and y.shape[1:] != tuple(output_shape[1:]) else dtype)


def _pair(loss: Loss, result: Any) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(
            f"Loss {loss.name}: expected what gpunn.ops makes of symbolic tensors, or (value, gradient) of NumPy arrays. "
            f"Received: {type(result).__name__}. On symbolic tensors: {loss.traced!r}."
        ) from (loss.traced if isinstance(loss.traced, Exception) else None)
    return result
