"""Regularizer: what every regularizer is, and a function of the weights as one."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.kernels import penalties


class Regularizer:
    """Base class. A subclass gives ``__call__(w) -> (value, gradient)``; one of gpunn's own returns the value alone, as Keras's do.

    Attributes: ``penalty``, the kernels of a sum over elements, or None; ``recordable``, whether it only launches kernels.
    """

    penalty: penalties.Penalty | None = None
    recordable = False

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
        if not self.recordable:
            value_and_gradient(self, w, name)

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if not k.startswith("_")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Regularizer":
        return cls(**config)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_config().items())})"


class FromFunction(Regularizer):
    """Any function ``f(w) -> (value, gradient)``."""

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
    if not isinstance(out, tuple) or len(out) != 2 or np.shape(out[0]) not in ((), (1,)) or getattr(out[1], "shape", None) != w.shape:
        shape = getattr(out, "shape", None) if not isinstance(out, tuple) else [getattr(o, "shape", ()) for o in out]
        raise ValueError(
            f"Regularizer {regularizer!r} of {name}: expected (value, gradient), a number and an array of shape {w.shape}, as nothing is "
            f"differentiated for it. Received: {type(out).__name__}{'' if shape is None else f' of shape {shape}'}."
        )
    return out


def value_of(regularizer: Regularizer, w: np.ndarray) -> float:
    """What a regularizer adds to the loss for these weights."""
    return float(regularizer(w) if regularizer.recordable else value_and_gradient(regularizer, w, "an array")[0])


def factor_of(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not math.isfinite(value) or value < 0:
        raise ValueError(f"Invalid value for argument {name}: expected a non-negative float. Received: {name}={value!r}")
    return float(value)
