"""Names of ``tensorflow``, ``tf.math`` and ``keras.backend`` for arithmetic: tables onto `gpunn.ops`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn import config, ops
from gpunn.compat.arithmetic_names import OTHERWISE, SAME
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


def size(x: Any, **unused: Any) -> Any:
    """How many elements there are."""
    return ops.size(x)


def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """``tf.norm``."""
    return ops.norm(tensor, ord, axis, keepdims)


def normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None, **unused: Any) -> np.ndarray:
    """Normal numbers, drawn at once; for those of each step there is `gpunn.layers.GaussianNoise`."""
    return dressed(_drawn(seed).normal(mean, stddev, shape).astype(dtype or config.floatx()))


def uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None, **unused: Any) -> np.ndarray:
    """Numbers between two bounds, drawn at once."""
    return dressed(_drawn(seed).uniform(minval, maxval, shape).astype(dtype or config.floatx()))


def _drawn(seed: Any) -> np.random.Generator:
    return np.random.default_rng(np.random.randint(1 << 31) if seed is None else seed)
