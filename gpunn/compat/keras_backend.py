"""``keras.backend``: settings, values of variables, and questions about tensors."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from gpunn import ops
from gpunn.compat.functions import Function
from gpunn.config import floatx
from gpunn.layers.graph import KerasTensor, mapped
from gpunn.layers.names import reset_names
from gpunn.results import dressed
from gpunn.utils import is_keras_tensor, standardize_dtype

__all__ = [
    "argmax", "argmin", "batch_get_value", "batch_set_value", "cast_to_floatx", "clear_session", "count_params", "function", "get_uid",
    "get_value", "int_shape", "is_float_dtype", "is_int_dtype", "is_keras_tensor", "result_type", "set_value", "standardize_dtype",
]
_uids: Counter[str] = Counter()


def clear_session(free_memory: bool = True) -> None:
    """Count layer names and `get_uid` from the start again. There is no global graph to clear."""
    reset_names()
    _uids.clear()


def get_uid(prefix: str = "") -> int:
    """1, 2, 3 ... for each prefix."""
    _uids[prefix] += 1
    return _uids[prefix]


# ---------------------------------------------------------------------- values
def get_value(x: Any) -> Any:
    """A parameter as a NumPy array; a number, such as ``optimizer.learning_rate``, as a NumPy number."""
    return np.asarray(x)[()] if np.ndim(x) == 0 else np.asarray(x)


def set_value(x: Any, value: Any) -> None:
    """Set a parameter, or ``optimizer.learning_rate``. Raises TypeError for what cannot be set."""
    if not hasattr(x, "assign"):
        raise TypeError(f"set_value: expected a parameter, or an optimizer's learning_rate. Received: {type(x).__name__}.")
    x.assign(value)


def batch_get_value(tensors: Iterable[Any]) -> list[Any]:
    """`get_value` of each."""
    return [get_value(x) for x in tensors]


def batch_set_value(tuples: Iterable[tuple[Any, Any]]) -> None:
    """`set_value` for each (parameter, value)."""
    for x, value in tuples:
        set_value(x, value)


def cast_to_floatx(x: Any) -> np.ndarray:
    """An array of the type that layers compute in."""
    return np.asarray(x, dtype=floatx())


def argmax(x: Any, axis: int = -1) -> Any:
    """The place of the largest along an axis."""
    return dressed(ops.argmax(x, axis))


def argmin(x: Any, axis: int = -1) -> Any:
    """The place of the smallest along an axis."""
    return dressed(ops.argmin(x, axis))


def function(inputs: Any, outputs: Any, updates: Any = None, name: str | None = None, **unused: Any) -> Any:
    """Keras 2's: what gives arrays of symbolic outputs for arrays in the place of symbolic inputs, in lists where these were lists."""
    model = Function(inputs, outputs, name)
    return lambda values: mapped(np.asarray, model(values))


# ---------------------------------------------------------------------- questions
def int_shape(x: Any) -> tuple[int | None, ...]:
    """The shape of a symbolic tensor (with the batch axis as None), a parameter or an array."""
    return tuple(x.shape if isinstance(x, KerasTensor) else np.shape(x))


def count_params(x: Any) -> int:
    """How many numbers a parameter or an array holds."""
    return int(np.prod(np.shape(x)))


def is_float_dtype(dtype: Any) -> bool:
    """Whether it is a type of floating numbers."""
    return np.dtype(standardize_dtype(dtype)).kind == "f"


def is_int_dtype(dtype: Any) -> bool:
    """Whether it is a type of integers."""
    return np.dtype(standardize_dtype(dtype)).kind in "iu"


def result_type(*dtypes: Any) -> str:
    """The type of an operation of these: floats before integers, each the widest there is; Python's own int and float only where there is
    no other of their kind."""
    own = [dtype for dtype in dtypes if isinstance(dtype, type) and dtype in (int, float)]
    kinds = [np.dtype(standardize_dtype(dtype)) for dtype in dtypes if not any(dtype is kind for kind in own)]
    if floats := [kind for kind in kinds if kind.kind == "f"]:
        return np.result_type(*floats).name
    if float in own or not dtypes:
        return floatx()
    whole = [kind for kind in kinds if kind.kind != "b"]
    return np.result_type(*(whole or ([np.dtype("int32")] if own else kinds))).name
