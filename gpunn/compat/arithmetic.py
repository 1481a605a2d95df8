"""Names of ``tensorflow``, ``tf.math`` and ``keras.backend`` for arithmetic: tables onto `gpunn.ops`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn import ops
from gpunn.compat.arithmetic_names import OTHERWISE, SAME
from gpunn.ops import drawing
from gpunn.results import dressed


def _named(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function without TensorFlow's name for the operation in a graph."""

    def call(*arguments: Any, name: str | None = None, **options: Any) -> Any:
        return dressed(function(*arguments, **options))

    call.__name__, call.__doc__ = function.__name__, function.__doc__
    return call


globals().update({name: _named(getattr(ops, name)) for name in SAME})
globals().update({name: _named(getattr(ops, own)) for name, own in OTHERWISE.items() if hasattr(ops, own)})
int32, int64, bool_ = "int32", "int64", "bool"


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> np.ndarray:
    """A NumPy array."""
    array = np.asarray(ops.convert_to_tensor(value, dtype))
    return dressed(array if shape is None else np.broadcast_to(array, shape))


def concatenate(tensors: Any, axis: int = -1) -> Any:
    """``keras.backend.concatenate``."""
    return dressed(ops.concatenate(tensors, axis))


def size(x: Any, **unused: Any) -> Any:
    """How many elements there are."""
    return ops.size(x)


def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """``tf.norm``."""
    return ops.norm(tensor, ord, axis, keepdims)


normal, uniform = _named(drawing.normal), _named(drawing.uniform)
random_normal, random_uniform = normal, uniform
