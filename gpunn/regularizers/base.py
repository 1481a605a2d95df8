"""Regularizer: what every regularizer is, and a function of the weights as one."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.backend import get_backend
from gpunn.kernels import REGISTRY, penalties


class Regularizer:
    """Base class. A subclass gives ``__call__(w)`` -> value, arithmetic on a tensor (operators, `gpunn.ops`), which is differentiated; or
    -> (value, gradient), of arrays.

    Attributes: ``penalty``, the kernels of a sum over elements, or None; ``recordable``, whether it only launches kernels.
    """

    penalty: penalties.Penalty | None = None
    _traces: dict[Any, Any] = {}  # noqa: RUF012  what `__call__` became, by shape and type of the weights; never changed in place

    @property
    def recordable(self) -> bool:
        return bool(self._traces)

    def __call__(self, w: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} gives no __call__(w) that returns (value, gradient).")

    def coefficients(self, size: int) -> tuple[float, ...]:
        """The numbers the formulas take after the element, for a parameter of `size` elements."""
        return ()

    def threshold(self, size: int) -> float:
        """What the proximal step after each update shrinks every element by, times the learning rate."""
        return 0.0

    def check(self, name: str, w: Any) -> None:
        """Raises ValueError when it cannot be applied to the weights `w`."""
        key = tuple(w.shape), str(w.dtype)
        if type(self).recordable is not Regularizer.recordable or key in self._traces:
            return
        if (traced := self._traced(w)) is not None:
            self._traces = {**self._traces, key: traced}
            return
        value_and_gradient(self, w, name)

    def _traced(self, w: Any) -> Any:
        from gpunn.ops.tracing import tried  # operations are layers, whose weights have regularizers

        found = tried(self, w)
        return found if found is not None and found.shape == () and found.recordable else None

    def slots(self, shape: tuple[int, ...]) -> int:
        """How many values `record` writes."""
        return 1

    def record(self, ops: Any, w: Any, gradient: Any, values: Any, factor: float = 1.0) -> None:
        """Write the value; add factor times its gradient to `gradient`, unless that is None."""
        from gpunn.ops.moves import filled

        value, back = self._traces[tuple(w.shape), str(w.dtype)].run(ops, [w])
        ops.launch(REGISTRY["linear"], value.reshape(1), values)
        slope = back(filled(ops, (), factor, w.dtype))[0] if gradient is not None else None
        if slope is not None:
            ops.launch(REGISTRY["add"], gradient, slope)

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if not k.startswith("_")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Regularizer":
        return cls(**config)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_config().items())})"


class FromFunction(Regularizer):
    """Any function ``f(w)`` as a `Regularizer` has it."""

    def __init__(self, function: Callable[..., Any]):
        if not callable(function):
            raise ValueError(
                f"Could not interpret regularizer. Expected a name, a Regularizer or a function of w. Received: {function!r}."
            )
        self.function = function

    def __call__(self, w: Any) -> Any:
        return self.function(w)

    def __repr__(self) -> str:
        return getattr(self.function, "__name__", repr(self.function))


def value_and_gradient(regularizer: Regularizer, w: Any, name: str) -> tuple[Any, Any]:
    """What a regularizer of the user's gives for the weights `w`. Raises ValueError when it is not (value, gradient)."""
    out = regularizer(w)
    if not isinstance(out, tuple) and (traced := regularizer._traced(w)) is not None:
        value, back = traced.run(get_backend(), [w])
        out = value, back(np.ones((), w.dtype))[0]
    if not isinstance(out, tuple) or len(out) != 2 or np.shape(out[0]) not in ((), (1,)) or getattr(out[1], "shape", None) != w.shape:
        shape = getattr(out, "shape", None) if not isinstance(out, tuple) else [getattr(o, "shape", ()) for o in out]
        raise ValueError(
            f"Regularizer {regularizer!r} of {name}: expected one number made of a symbolic tensor, or (value, gradient), a "
            f"number and an array of shape {w.shape}. Received: {type(out).__name__}{'' if shape is None else f' of shape {shape}'}."
        )
    return out


def value_of(regularizer: Regularizer, w: np.ndarray) -> float:
    """What a regularizer adds to the loss for these weights."""
    return float(regularizer(w) if regularizer.recordable else value_and_gradient(regularizer, w, "an array")[0])


def factor_of(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not math.isfinite(value) or value < 0:
        raise ValueError(f"Invalid value for argument {name}: expected a non-negative float. Received: {name}={value!r}")
    return float(value)
