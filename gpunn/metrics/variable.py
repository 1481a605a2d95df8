"""Variable: a number or an array that a user's own metric keeps."""

from typing import Any

import numpy as np


class Variable:
    """A number or an array that a user's metric keeps: ``assign``, ``assign_add``, ``numpy``, arithmetic."""

    def __init__(self, shape: Any = (), initializer: Any = "zeros", dtype: Any = None, name: str | None = None):
        from gpunn import config, initializers

        self.name, self.dtype = name, np.dtype(dtype or config.floatx()).name
        self._start = np.asarray(initializers.get(initializer)(tuple(np.atleast_1d(shape)) if shape != () else (1,), "float64"))
        self._start = self._start.reshape(()) if shape == () else self._start
        self.value, self.shape = self._start.copy(), self._start.shape

    def reset(self) -> None:
        self.value = self._start.copy()

    def assign(self, value: Any) -> None:
        self.value = np.broadcast_to(np.asarray(value, np.float64), self._start.shape).copy()

    def assign_add(self, value: Any) -> None:
        self.assign(self.value + np.asarray(value))

    def assign_sub(self, value: Any) -> None:
        self.assign(self.value - np.asarray(value))

    def numpy(self) -> np.ndarray:
        return self.value

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.value.astype(dtype or self.value.dtype)

    def __repr__(self) -> str:
        return f"<Variable {self.name} shape={self.shape}, values={self.value!r}>"

    def __float__(self) -> float:
        return float(self.value)

    def __add__(self, other: Any) -> Any:
        return self.value + np.asarray(other)

    def __sub__(self, other: Any) -> Any:
        return self.value - np.asarray(other)

    def __mul__(self, other: Any) -> Any:
        return self.value * np.asarray(other)

    def __truediv__(self, other: Any) -> Any:
        return self.value / np.asarray(other)

    __radd__, __rmul__ = __add__, __mul__


class Sums:
    """The sums of a metric of gpunn's own as one variable: `numpy`, `assign`, ``shape``. Zeros are those of nothing."""

    dtype = "float64"

    def __init__(self, metric: Any):
        self._metric, self.name = metric, f"{metric.name}/sums"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.numpy().shape

    def numpy(self) -> np.ndarray:
        return np.array(self._metric.state())

    def assign(self, value: Any) -> None:
        values = np.asarray(value, np.float64)
        self._metric.sums = values.copy() if values.any() else None

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.numpy().astype(dtype or self.dtype)

    def __repr__(self) -> str:
        return f"<Variable {self.name} shape={self.shape}, values={self.numpy()!r}>"
