"""Variable: a parameter of no layer, for computations of one's own."""

import functools
from typing import Any

import numpy as np

from gpunn import config, constraints
from gpunn.backend import get_backend
from gpunn.layers.names import fresh_name
from gpunn.layers.parameter import Parameter


class Variable(Parameter):
    """A value that can be assigned and learned: ``Variable(5.0)``, as TensorFlow's and Keras's.

    Arguments: `initial_value`, a number, an array, or a function of no argument (with `shape`, an initializer) that gives one; `trainable`;
    `name`; `dtype`, by default that of an array, `gpunn.config.floatx` for Python's floats and int32 for its integers; `shape`, which the
    value must have; `constraint`, applied after an optimizer's update.

    Arithmetic with it gives NumPy's arrays, and in a `GradientTape`'s block tensors. Only floats learn. Raises ValueError for what is no
    array of numbers, or has another shape.
    """

    def __init__(
        self, initial_value: Any = None, trainable: bool = True, name: str | None = None, dtype: Any = None, shape: Any = None,
        constraint: Any = None, **unused: Any,
    ):
        value = initial_value
        if callable(value):
            value = value() if shape is None else value(tuple(shape), dtype=dtype or config.floatx())
        array = np.asarray(value)
        if array.dtype.kind not in "iubf":
            raise ValueError(f"Variable: expected a number or an array of numbers. Received: {initial_value!r}.")
        if dtype is None and not hasattr(value, "dtype"):
            dtype = {"f": config.floatx(), "i": "int32"}.get(array.dtype.kind)
        array = np.array(array, None if dtype is None else getattr(dtype, "name", dtype))
        if shape is not None and array.shape != tuple(shape):
            raise ValueError(f"Variable: expected a value of shape {tuple(shape)}. Received: {array.shape}.")
        super().__init__(name or fresh_name("variable"), array, bool(trainable) and array.dtype.kind == "f", get_backend())
        self.constraint = constraints.get(constraint)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def read_value(self) -> np.ndarray:
        """The value, as a NumPy array."""
        return self.numpy()

    def __getitem__(self, key: Any) -> Any:
        """A part; one that answers as TensorFlow's can be assigned, too: ``v[0].assign(...)``."""
        found = super().__getitem__(key)
        if hasattr(found, "__dict__"):
            found.assign = functools.partial(self._assign_part, key)
        return found

    def _assign_part(self, key: Any, value: Any) -> "Variable":
        array = self.numpy().copy()
        array[key] = value
        self.assign(array)
        return self

    def scatter_nd_update(self, indices: Any, updates: Any) -> "Variable":
        """Replace the elements at these places, a row of `indices` for each."""
        return self._scattered(indices, updates, None)

    def scatter_nd_add(self, indices: Any, updates: Any) -> "Variable":
        """Add to these elements."""
        return self._scattered(indices, updates, "add")

    def scatter_nd_sub(self, indices: Any, updates: Any) -> "Variable":
        """Take away from these elements."""
        return self._scattered(indices, -np.asarray(updates), "add")

    def _scattered(self, indices: Any, updates: Any, reduction: str | None) -> "Variable":
        from gpunn.ops.scattering import scatter_update  # which is made of variables

        self.assign(scatter_update(self, indices, updates, reduction))
        return self

    def __float__(self) -> float:
        return float(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __bool__(self) -> bool:
        return bool(self.numpy())

    def __len__(self) -> int:
        return len(self.numpy())

    def __format__(self, how: str) -> str:
        return format(self.numpy()[()], how)

    def __repr__(self) -> str:
        return f"<Variable {self.name} shape={self.shape}, dtype={self.dtype}, values={self.numpy()!r}>"
