"""Names of ``tensorflow``, ``tf.math`` and ``keras.backend`` for arithmetic: tables onto `gpunn.ops`."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn import ops
from gpunn.compat.arithmetic_names import OTHERWISE, SAME
from gpunn.layers.graph import flat, symbolic
from gpunn.layers.parameter import Parameter
from gpunn.layers.tensor import Tensor
from gpunn.ops import drawing
from gpunn.results import dressed

# TensorFlow's words for arguments: their places. Some are those of the function itself, and are left to it.
_WORDS = {
    **dict.fromkeys(("a", "features", "input", "input_tensor", "logits", "t", "tensor", "value", "values", "x"), 0),
    **dict.fromkeys(("b", "clip_value_min", "dims", "multiples", "paddings", "perm", "shape", "y"), 1),
    "clip_value_max": 2, "keep_dims": "keepdims",
}


def _named(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function under TensorFlow's words for its arguments, without the name for the operation in a graph."""
    own = list(inspect.signature(function).parameters)

    def word(given: str) -> str:
        place = given if given in own else _WORDS.get(given, given)
        return own[place] if isinstance(place, int) and place < len(own) else str(place)

    def call(*arguments: Any, name: str | None = None, **options: Any) -> Any:
        return dressed(function(*arguments, **{word(given): value for given, value in options.items()}))

    call.__name__, call.__doc__ = function.__name__, function.__doc__
    return call


globals().update({name: _named(getattr(ops, name)) for name in SAME})
globals().update({name: _named(getattr(ops, own)) for name, own in OTHERWISE.items() if hasattr(ops, own)})
int32, int64, bool_ = "int32", "int64", "bool"


_mean = globals()["reduce_mean"]


def reduce_mean(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """The mean; of whole numbers a whole one, cut towards 0."""
    known = symbolic(input_tensor) or any(isinstance(v, (Tensor, Parameter)) for v in flat(input_tensor))
    found = _mean(input_tensor, axis, keepdims)
    if known or (kind := np.asarray(input_tensor).dtype).kind not in "iu":
        return found
    return dressed(np.trunc(found).astype("int32" if isinstance(input_tensor, (int, list, tuple)) else kind))


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> np.ndarray:
    """A NumPy array."""
    array = np.asarray(ops.convert_to_tensor(value, dtype))
    return dressed(array if shape is None else np.broadcast_to(array, shape))


def concatenate(tensors: Any, axis: int = -1) -> Any:
    """``keras.backend.concatenate``."""
    return dressed(ops.concatenate(tensors, axis))


def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """The norm of all elements, or along axes."""
    return dressed(ops.norm(tensor, None if ord == "euclidean" else ord, axis, keepdims))


def squared_difference(x: Any, y: Any, name: str | None = None) -> Any:
    """(x - y)^2."""
    return dressed(ops.square(ops.subtract(x, y)))


def global_norm(t_list: Any, name: str | None = None) -> Any:
    """The Euclidean norm of all elements of several arrays, as of one vector; what is None counts as zeros."""
    return dressed(ops.sqrt(ops.add_n([ops.sum(ops.square(t)) for t in t_list if t is not None])))


def clip_by_global_norm(t_list: Any, clip_norm: float, use_norm: Any = None, name: str | None = None) -> tuple[list[Any], Any]:
    """-> (the arrays scaled down together to this norm of all, where theirs is larger; that norm)."""
    found = global_norm(t_list) if use_norm is None else use_norm
    share = ops.divide(clip_norm, ops.maximum(found, clip_norm))
    return [None if t is None else dressed(ops.multiply(t, share)) for t in t_list], found


def clip_by_norm(t: Any, clip_norm: float, axes: Any = None, name: str | None = None) -> Any:
    """The array scaled down to this norm (over `axes`, or over all), where its own is larger."""
    found = ops.sqrt(ops.sum(ops.square(t), axes, keepdims=True))
    return dressed(ops.multiply(t, ops.divide(clip_norm, ops.maximum(found, clip_norm))))


normal, uniform = _named(drawing.normal), _named(drawing.uniform)
random_normal, random_uniform = normal, uniform
