"""Initializer: what every initializer is, and any callable as one."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpunn.results import dressed


class Initializer:
    """``initializer(shape, dtype)`` -> array. A subclass gives `draw`, or ``__call__`` itself."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return dressed(self.draw(tuple(int(n) for n in shape)).astype(dtype or "float32"))

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} gives neither draw(shape) nor __call__(shape, dtype).")

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if not k.startswith("_")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Initializer":
        return cls(**config)

    def clone(self) -> "Initializer":
        """Another of the same configuration."""
        return self.from_config(self.get_config())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_config().items())})"


class FromFunction(Initializer):
    """Any callable ``f(shape, dtype=None)``, or ``f(shape)``; what it returns is cast. Raises ValueError for a wrong shape."""

    def __init__(self, function: Callable[..., Any]):
        self.function = function

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        shape, dtype = tuple(int(n) for n in shape), np.dtype(dtype or "float32").name
        values = np.asarray(self.function(shape, dtype=dtype) if _takes_dtype(self.function) else self.function(shape))
        if values.shape != shape:
            raise ValueError(f"The initializer {self!r} returned the wrong shape. Expected {shape}. Received: {values.shape}.")
        return values.astype(dtype)

    def __repr__(self) -> str:
        return getattr(self.function, "__name__", repr(self.function))


def _takes_dtype(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a builtin that tells nothing about itself
        return True
    return "dtype" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
