"""Constraints: where weights may be, enforced after every update. Names, defaults and formulas are Keras 3's.

A constraint of your own is an elementwise kernel ``w -> w`` (fused and recorded), a subclass of `Constraint` whose ``__call__(w)`` returns
the new array, or a function that does. Where the last two are arithmetic on tensors (`gpunn.ops`) they are recorded too; where they need
NumPy's arrays, they are called from Python after every update.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpunn import lookup
from gpunn.backend import get_backend
from gpunn.backend.foreign import on_host
from gpunn.kernels import constraints as kernels
from gpunn.kernels.record import REGISTRY, Kernel
from gpunn.results import dressed

__all__ = [
    "Constraint", "FromFormula", "FromFunction", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "deserialize", "get", "max_norm",
    "maxnorm", "min_max_norm", "non_neg", "nonneg", "serialize", "unit_norm", "unitnorm",
]
__dir__ = __all__.copy


class Constraint:
    """Base class. A subclass gives ``__call__(w)``, the weights in their new place.

    Attribute: ``recordable``, whether `record` only launches kernels.
    """

    _traces: dict[Any, Any] = {}  # noqa: RUF012  what `__call__` became, by shape and type of the weights; never changed in place

    @property
    def recordable(self) -> bool:
        return bool(self._traces)

    def __call__(self, w: Any) -> Any:
        return w

    def check(self, name: str, w: Any) -> None:
        """Raises ValueError when it cannot be applied to the weights `w`."""
        from gpunn.ops.tracing import tried  # operations are layers, whose weights have constraints

        if type(self).recordable is Constraint.recordable and (traced := tried(self, w)) is not None and traced.shape == tuple(w.shape):
            self._traces = {**self._traces, (tuple(w.shape), str(w.dtype)): traced}
            return
        new = self(w)
        if getattr(new, "shape", None) != w.shape:
            raise ValueError(f"Constraint {self!r} of {name}: expected an array of shape {w.shape}. Received: {type(new).__name__}.")

    def record(self, ops: Any, w: Any, name: str) -> None:
        """Put `w` right where it is."""
        if (traced := self._traces.get((tuple(w.shape), str(w.dtype)))) is not None:
            ops.launch(REGISTRY["linear"], traced.run(ops, [w])[0], w)
        else:
            ops.write(w, self(on_host(w, ops)))

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if not k.startswith("_")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Constraint":
        return cls(**config)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_config().items())})"


class _Recorded(Constraint):
    recordable = True

    def check(self, name: str, w: Any) -> None:
        pass

    def __call__(self, w: Any) -> np.ndarray:
        """The constrained array, as NumPy's."""
        w = np.asarray(w)
        ops = get_backend()
        out = ops.asarray(np.array(w, "float64" if w.dtype == np.float64 else "float32"))  # a copy: `record` works in place
        self.check("an array", out)
        self.record(ops, out, "an array")
        return dressed(ops.to_numpy(out))


class NonNeg(_Recorded):
    """w >= 0: negative weights become 0."""

    def record(self, ops: Any, w: Any, name: str) -> None:
        ops.launch(kernels.non_negative, w)


class _Norm(_Recorded):
    """Scales vectors along `axis` (an integer or several that are neighbours) by (rate * clip(n, low, high) + (1 - rate) * n) / (n + 1e-7),
    n being their norm."""

    axis: Any

    def bounds(self) -> tuple[float, float, float]:
        """(low, high, rate)."""
        raise NotImplementedError

    def _cut(self, name: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """(outer, along, inner): how many elements lie before, along and behind the axes."""
        axes = self.axis if isinstance(self.axis, (tuple, list)) else [self.axis]
        own = sorted({a + len(shape) if a < 0 else a for a in axes})
        if not own or own[0] < 0 or own[-1] >= len(shape) or own != list(range(own[0], own[-1] + 1)):
            raise ValueError(
                f"{type(self).__name__} of {name}: expected an axis of its shape {shape}, or several side by side. "
                f"Received: axis={self.axis!r}."
            )
        return math.prod(shape[: own[0]]), math.prod(shape[own[0] : own[-1] + 1]), math.prod(shape[own[-1] + 1 :])

    def check(self, name: str, w: Any) -> None:
        self._cut(name, w.shape)

    def record(self, ops: Any, w: Any, name: str) -> None:
        outer, along, inner = self._cut(name, w.shape)
        low, high, rate = self.bounds()
        if inner == 1:
            ops.launch(kernels.NORM_ROWS, w.reshape(outer, along), low, high, rate)
            return
        blocks = w.reshape(outer, along, inner)
        factor = ops.empty((outer, inner), w.dtype)
        for k in range(outer):
            ops.launch(kernels.NORM_COLUMNS, blocks[k], low, high, rate, factor[k])


class MaxNorm(_Norm):
    """Norms of at most `max_value`. For a Dense kernel axis 0 takes the weights into each unit, for Conv2D it is [0, 1, 2]."""

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0):
        self.max_value, self.axis = _bound("max_value", max_value), _axes(axis)

    def bounds(self) -> tuple[float, float, float]:
        return 0.0, self.max_value, 1.0


class UnitNorm(_Norm):
    """Norms of 1; see `MaxNorm` for the axis."""

    def __init__(self, axis: int | Sequence[int] = 0):
        self.axis = _axes(axis)

    def bounds(self) -> tuple[float, float, float]:
        return 1.0, 1.0, 1.0


class MinMaxNorm(_Norm):
    """Norms from `min_value` to `max_value`; a `rate` below 1 goes only so much of the way at each step. See `MaxNorm` for the axis."""

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int | Sequence[int] = 0):
        self.min_value, self.max_value = _bound("min_value", min_value), _bound("max_value", max_value)
        self.rate, self.axis = _bound("rate", rate), _axes(axis)
        if self.min_value > self.max_value or self.rate > 1:
            raise ValueError(
                "MinMaxNorm: expected min_value <= max_value and a rate from 0 to 1. "
                f"Received: min_value={min_value!r}, max_value={max_value!r}, rate={rate!r}."
            )

    def bounds(self) -> tuple[float, float, float]:
        return self.min_value, self.max_value, self.rate


class FromFormula(_Recorded):
    """An elementwise kernel ``w -> w`` as a constraint. Raises ValueError for another kernel."""

    def __init__(self, kernel: Kernel):
        if [o.kind for o in kernel.operands] not in (["full"], ["full", "full"]) or not kernel.operands[-1].written:
            raise ValueError(f"A constraint is a kernel from w to w. Received: {kernel.name} of {[o.name for o in kernel.operands]}.")
        self.function = kernel

    def record(self, ops: Any, w: Any, name: str) -> None:
        ops.launch(self.function, *[w] * len(self.function.operands))

    def __repr__(self) -> str:
        return self.function.name


class FromFunction(Constraint):
    """Any function ``f(w) -> w``."""

    def __init__(self, function: Callable[..., Any]):
        self.function = function

    def __call__(self, w: Any) -> Any:
        return self.function(w)

    def __repr__(self) -> str:
        return getattr(self.function, "__name__", repr(self.function))


def _wrapped(thing: Any) -> Constraint:
    if isinstance(thing, Kernel):
        return FromFormula(thing)
    if not callable(thing):
        raise ValueError(f"Could not interpret constraint. Expected a name, a Constraint or a function of w. Received: {thing!r}.")
    return FromFunction(thing)


def _bound(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not math.isfinite(value) or value < 0:
        raise ValueError(f"Invalid value for argument {name}: expected a number of at least 0. Received: {name}={value!r}.")
    return value if isinstance(value, int) else float(value)


def _axes(axis: Any) -> Any:
    """As given, a tuple as a list. Raises ValueError for what is not an integer or several."""
    axes = list(axis) if isinstance(axis, (tuple, list)) else [axis]
    if not axes or not all(isinstance(a, (int, np.integer)) and not isinstance(a, bool) for a in axes):
        raise ValueError(f"Invalid value for argument axis: expected an integer or several. Received: axis={axis!r}.")
    return [int(a) for a in axes] if isinstance(axis, (tuple, list)) else int(axis)


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm
maxnorm, nonneg, unitnorm = MaxNorm, NonNeg, UnitNorm  # Keras 1
NAMES: dict[str, Any] = {
    "MaxNorm": MaxNorm, "max_norm": MaxNorm, "maxnorm": MaxNorm, "NonNeg": NonNeg, "non_neg": NonNeg, "nonneg": NonNeg,
    "UnitNorm": UnitNorm, "unit_norm": UnitNorm, "unitnorm": UnitNorm, "MinMaxNorm": MinMaxNorm, "min_max_norm": MinMaxNorm,
}


def get(identifier: Any) -> Constraint | None:
    """A constraint from its name, itself, its configuration, an elementwise kernel, a function ``f(w) -> w``, or None.

    Raises ValueError listing the names.
    """
    return lookup.optional("constraint", identifier, NAMES, Constraint, _wrapped)


def serialize(constraint: Constraint | None) -> dict[str, Any] | None:
    """Its configuration, for `deserialize`."""
    return lookup.serialize(constraint)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Constraint | None:
    """A constraint from its configuration; classes of your own are found in `custom_objects`."""
    with lookup.custom_objects(custom_objects):
        return get(config)
