"""Loss: what every loss is. Values and gradient in one pass; names, defaults and reductions are Keras 3's."""

import math
from typing import Any

import numpy as np

from gpunn.backend import get_backend
from gpunn.kernels import weighing
from gpunn.layers.tensor import Tensor, records, standing
from gpunn.lookup import snake
from gpunn.losses import targets
from gpunn.operators import Operators
from gpunn.results import dressed

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)
LEFT = ("none", None)  # no reduction: the values themselves, for calls


class Loss:
    """Base class.

    A loss has a value for each position of the output: each row, or each step of a row that is a sequence (the last axis is used up, or
    the one that `axis` names). Reductions: "sum_over_batch_size" and "mean" divide their sum by their number,
    "mean_with_sample_weight" by the sum of the weights, "sum" by nothing; "none" or None leaves them as they are, for calls.

    `prepare` checks targets at the door; `weigh` gives the weights that `record` then takes; `record` launches the kernels of one batch.
    `fuses` names the activation whose gradient the loss can take over when it is the last one of the model. Calling a loss with arrays
    gives its value.

    A user's own loss may give ``call(y_true, y_pred)`` instead: arithmetic on tensors, which is differentiated, or NumPy's, with the
    gradient; see `LossFunctionWrapper`. Where it gives ``__call__`` alone, what that returns for a batch is its `call`.
    """

    kernel: Any = None
    fuses: str | None = None
    sparse = False
    axis: Any = -1
    traced: Any = None  # of a user's `call`: what it became for the last targets, or why it could not be traced
    function_name = ""  # the name of the function of the same formula, which strings find too

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        if "__call__" in vars(cls) and "call" not in vars(cls) and cls.__base__ is Loss:
            cls.call = vars(cls)["__call__"]  # type: ignore[method-assign]

    def __init__(self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None):
        if reduction not in REDUCTIONS:
            raise ValueError(f"Unknown reduction. Expected one of {REDUCTIONS}. Received: {reduction!r}.")
        self.reduction, self.name = reduction, name or self.function_name or snake(type(self).__name__)
        self.dtype = None if dtype is None else np.dtype(dtype).name

    # ------------------------------------------------------------------ what a subclass gives
    @property
    def numbers(self) -> tuple[float, ...]:
        """What the kernel's formula takes beyond prediction and target."""
        return ()

    def numbers_of(self, columns: int) -> tuple[float, ...]:
        """The same for rows of so many columns."""
        return self.numbers

    def call(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """(value, gradient) from NumPy arrays: for users' own classes."""
        raise NotImplementedError

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        """Targets as the kernels take them, checked. Raises ValueError for a shape that does not fit the model's output."""
        if self.own_call and (found := self.trace(y, output_shape, dtype)) is not None:
            return found
        self.check_axis(len(output_shape))
        why = f" On symbolic tensors its call gives: {self.traced!r}." if isinstance(self.traced, Exception) else ""
        return targets.numbers(y, output_shape, dtype, f"Loss {self.name}", why)

    def trace(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray | None:
        """Targets for `call` on symbolic tensors; None where it is a function of NumPy arrays."""
        from gpunn.losses import function, traced

        given = function.own_targets(y, output_shape, dtype, f"Loss {self.name}")
        self.traced = traced.traced(self.call, given, output_shape, dtype, self.traced)
        return None if isinstance(self.traced, Exception) else given.astype(dtype)

    def launch(self, ops: Any, p: Any, y: Any, weight: Any, scale: float, values: Any, gradient: Any) -> None:
        """The kernels for a matrix of predictions, a row for each value."""
        ops.launch(self.kernel, p, y, weight, scale, *self.numbers_of(p.shape[1]), values, gradient)

    def traced_for(self, y: Any, p: Any) -> Any:
        """What `call` does on symbolic tensors, for arrays of these shapes: rows of several lengths come in turn."""
        from gpunn.losses import traced

        return traced.of_lengths(self.call, y, p, self.traced)

    # ------------------------------------------------------------------ what a step asks
    @property
    def own_call(self) -> bool:
        """Whether a user's class gives `call`."""
        return type(self).call is not Loss.call

    @property
    def squeezes(self) -> bool:
        """Whether predictions (rows, steps, 1) of targets (rows, steps) are vectors, as they are (see `targets.beside`)."""
        return not (self.sparse or self.own_call)

    @property
    def recordable(self) -> bool:
        """Whether a step with this loss only launches kernels."""
        return not self.own_call or bool(getattr(self.traced, "recordable", False))

    @property
    def batchwise(self) -> bool:
        """Whether rows of a batch have no values of their own."""
        return False

    @property
    def apart(self) -> bool:
        """Whether a batch's loss is no mean over its rows, so that batches of other sizes must be added up apart."""
        return self.reduction == "sum" or self.batchwise

    @property
    def weighable(self) -> bool:
        """Whether rows can weigh more or less."""
        return getattr(self.traced, "per", "") != "batch"

    @property
    def reweighs(self) -> bool:
        """Whether `weigh` changes weights."""
        return self.reduction == "mean_with_sample_weight"

    def positions(self, shape: tuple[int | None, ...]) -> int:
        """How many values a row of an output of this shape has."""
        return math.prod(n or 1 for n in self.value_shape(shape)[1:])

    def value_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape of the values for an output of this shape."""
        if getattr(self.traced, "per", "position") != "position":
            return shape[:1]
        kept = list(shape)
        kept.pop(self.axis)
        return tuple(kept)

    def count(self, shape: tuple[int, ...]) -> int:
        """How many values a batch of this shape has."""
        return math.prod(self.value_shape(shape))  # type: ignore[arg-type]

    def scale(self, count: int) -> float:
        """What the weighted sum of so many values is multiplied by."""
        return 1.0 / count if self.reduction not in ("sum", *LEFT) and count else 1.0

    def weigh(self, ops: Any, y: Any, weight: Any) -> Any:
        """The weight of each value, from one for each position: as they are, or so that their mean is one."""
        if not self.reweighs:
            return weight
        out = ops.empty(weight.shape, weight.dtype)
        ops.launch(weighing.WEIGH, weight, ops.asarray(np.ones(weight.shape, weight.dtype)), 1, 1, out)
        return out

    def record(self, ops: Any, y: Any, p: Any, weight: Any, scale: float) -> tuple[Any, Any]:
        """-> (each value, gradient with respect to p, times weight and scale)."""
        if self.own_call:
            found: Any = self.traced_for(y, p)
            if hasattr(found, "record"):
                return found.record(ops, y, p, weight, scale, self.scale(self.count(p.shape)))
            from gpunn.losses.function import on_host

            return on_host(self, self.call, ops, y, p, weight, scale)
        order = self.order(p.shape)
        rows, target = self.rows(ops, p, order), y if self.sparse else self.rows(ops, y, order)
        values, gradient = ops.empty((rows.shape[0],), p.dtype), ops.empty(rows.shape, p.dtype)
        self.launch(ops, rows, target.reshape(-1) if self.sparse else target, weight, scale, values, gradient)
        return values, self.back(ops, gradient, p.shape, order)

    def record_fused(self, ops: Any, y: Any, z: Any, weight: Any, scale: float) -> tuple[Any, Any, Any]:
        """-> (each value, gradient with respect to what goes into the activation, the activation's output)."""
        raise NotImplementedError

    # ------------------------------------------------------------------ axes
    def check_axis(self, axes: int) -> None:
        """Raises ValueError unless `axis` names an axis of the output that is not the batch's."""
        if isinstance(self.axis, bool) or not isinstance(self.axis, (int, np.integer)) or not -axes < self.axis < axes or self.axis == 0:
            raise ValueError(f"Loss {self.name}: `axis` must be of type `int` and name an axis of a row. Received: axis={self.axis!r}.")

    def order(self, shape: tuple[int, ...]) -> np.ndarray | None:
        """Where each element of (positions, axis) comes from; None where it lies there already."""
        axis = self.axis % len(shape)
        if axis == len(shape) - 1:
            return None
        return moved(shape, [*(a for a in range(len(shape)) if a != axis), axis])

    def rows(self, ops: Any, array: Any, order: np.ndarray | None) -> Any:
        """An array as a matrix whose rows are what one value is made of."""
        width = array.shape[self.axis]
        if order is None:
            return array.reshape(-1, width) if array.size else array.reshape(self.count(array.shape), width)
        return taken(ops, array, order, (array.size // width, width))

    def back(self, ops: Any, gradient: Any, shape: tuple[int, ...], order: np.ndarray | None) -> Any:
        return gradient.reshape(shape) if order is None else taken(ops, gradient, np.argsort(order).astype(np.int32), shape)

    # ------------------------------------------------------------------ by itself
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss of these predictions: a number, or with no reduction an array of values.

        y_pred: (rows, ..., columns), or one row (columns,). sample_weight: one for each row or each value.
        Raises ValueError for targets or weights that do not fit.
        """
        y_true, y_pred = standing(y_true), standing(y_pred)
        if isinstance(y_pred, Operators) and records(y_pred):
            from gpunn.ops.loss_at_once import lost  # operations are made of losses

            return lost(self, y_true, y_pred, sample_weight)
        if isinstance(y_pred, Operators) and not isinstance(y_pred, Tensor):
            from gpunn.ops import known  # operations are made of losses

            return known.reduced(self, y_true, y_pred, sample_weight)
        p, ops = np.asarray(y_pred), get_backend()
        p = p.astype(self.dtype or ("float64" if p.dtype == np.float64 else "float32"))
        if np.ndim(y_true) == 0 and p.ndim and not self.sparse and not self.own_call:  # one target for all
            y_true = np.full(p.shape, y_true, p.dtype)
        p = p.reshape(targets.beside(np.shape(y_true), p.shape, self.squeezes))
        single = p.ndim == 1
        if single:  # one row, whose value is a number
            p, y_true = p[None], np.asarray(y_true)[None]
        y = self.prepare(y_true, (None, *p.shape[1:]), p.dtype.name)
        if len(y) != len(p):
            raise ValueError(f"Loss {self.name}: as many targets as predictions are needed. Received: {len(y)} and {len(p)}.")
        shape = self.value_shape(p.shape)
        if single and self.count(p.shape) != 1:
            raise ValueError(f"Loss {self.name}: a vector has no axis beyond the batch's. Received: y_pred of shape {p.shape[1:]}.")
        values, weights = (a.reshape(() if single else shape) for a in self._values(ops, y, p))  # type: ignore[arg-type]
        if sample_weight is not None:
            given = np.asarray(sample_weight, p.dtype)
            if given.ndim == 2 and given.shape[1] == 1 and values.ndim == 1:  # Keras: then values are a column, too
                values, weights = values[:, None], weights[:, None]
            weights = weights * targets.weights(given, values.shape, f"Loss {self.name}: sample_weight")
        return dressed(self._reduced(values, weights))

    def _values(self, ops: Any, y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The value of each position, and what it counts."""
        target, weight = ops.asarray(y), ops.asarray(np.ones(len(p) * self.positions(p.shape), p.dtype))
        weighed = self.weigh(ops, target, weight)
        values, _ = self.record(ops, target, ops.asarray(p), weighed, self.scale(self.count(p.shape)))
        return ops.to_numpy(values), ops.to_numpy(weighed)

    def _reduced(self, values: np.ndarray, weights: np.ndarray) -> Any:
        if self.reduction in LEFT:
            return (values * weights)[()]
        each = values.astype(np.float64) * weights
        if self.reduction == "mean_with_sample_weight" and each.ndim:  # Keras: one value keeps its weight
            whole = float(np.broadcast_to(weights, each.shape).sum(dtype=np.float64))
            return float(each.sum()) / whole if whole else 0.0
        return float(each.sum() * self.scale(each.size))

    def _weights(self, sample_weight: Any, shape: tuple[int, ...]) -> np.ndarray:
        wanted = shape[:1] if self.batchwise else self.value_shape(shape)
        if not self.weighable:
            raise ValueError(f"Loss {self.name}: its values are not those of rows, and cannot be weighed by rows.")
        return targets.spread(sample_weight, wanted, f"Loss {self.name}: sample_weight").reshape(-1)  # type: ignore[arg-type]

    def get_config(self) -> dict[str, Any]:
        return {"reduction": self.reduction, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Loss":
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class BuiltIn(Loss):
    """A loss of gpunn's own: its arguments stand in the order in which those of Keras's own stand."""

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = None, dtype: Any = None):
        super().__init__(name, reduction, dtype)


def moved(shape: tuple[int, ...], axes: list[int]) -> np.ndarray:
    """Where each element of an array with its axes in this order comes from, for `taken`."""
    return np.arange(math.prod(shape), dtype=np.int32).reshape(shape).transpose(axes).reshape(-1)


def taken(ops: Any, array: Any, order: np.ndarray, shape: tuple[int, ...]) -> Any:
    """The elements of an array in another order and shape."""
    out = ops.empty(shape, array.dtype)
    ops.launch(weighing.TAKE, array, ops.asarray(order), out)
    return out
