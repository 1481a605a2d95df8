"""Variable: a parameter of no layer, for computations of one's own."""

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
