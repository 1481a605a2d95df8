"""Functions of ``tensorflow`` and ``tf.math`` whose arguments are not those of `gpunn.ops`."""

from typing import Any

import numpy as np

from gpunn import config, ops
from gpunn.compat.numpy_results import Array
from gpunn.layers.graph import KerasTensor
from gpunn.layers.parameter import Parameter
from gpunn.ops import draws
from gpunn.results import dressed

newaxis = None


def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: Any = None) -> Any:
    """Numbers from `start`, or 0, up to `limit`, without it."""
    start, limit = (0, start) if limit is None else (start, limit)
    return dressed(ops.arange(start, limit, delta, dtype))


def gather(params: Any, indices: Any, validate_indices: Any = None, axis: int | None = None, batch_dims: int = 0, name: Any = None) -> Any:
    """The elements at these places along an axis, by default the first. Raises ValueError for batch_dims."""
    if batch_dims:
        raise ValueError(f"tf.gather: expected batch_dims=0. Received: {batch_dims!r}.")
    return dressed(ops.take(params, indices, axis=axis or 0))


def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, name: Any = None, **unused: Any) -> Any:
    """a @ b, either with its last two axes in each other's place."""
    a, b = (ops.swapaxes(v, -1, -2) if turned else v for v, turned in ((a, transpose_a), (b, transpose_b)))
    return dressed(ops.matmul(a, b))


def one_hot(
    indices: Any, depth: int, on_value: float = 1.0, off_value: float = 0.0, axis: int | None = None, dtype: Any = None, **unused: Any
) -> Any:
    """`on_value` at each label's place along a new last axis, and `off_value` elsewhere."""
    hot = ops.one_hot(indices, depth, axis=-1 if axis is None else axis, dtype=dtype)
    return dressed(hot if (on_value, off_value) == (1.0, 0.0) else ops.add(ops.multiply(hot, on_value - off_value), off_value))


def transpose(a: Any, perm: Any = None, name: Any = None, **unused: Any) -> Any:
    """The axes in another order, by default reversed."""
    return dressed(ops.transpose(a, perm))


def fill(dims: Any, value: Any, name: Any = None) -> Any:
    """An array of one value."""
    return dressed(ops.full(dims, value, getattr(np.asarray(value), "dtype", None) if not isinstance(value, float) else config.floatx()))


def reverse(tensor: Any, axis: Any, name: Any = None) -> Any:
    """In reverse order along axes."""
    return dressed(ops.flip(tensor, tuple(np.atleast_1d(axis).tolist())))


def cumsum(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False, name: Any = None) -> Any:
    """The sums up to each place along an axis; `exclusive`: without its own element; `reverse`: from the end."""
    x = ops.flip(x, axis) if reverse else x
    found = ops.cumsum(x, axis)
    found = ops.subtract(found, x) if exclusive else found
    return dressed(ops.flip(found, axis) if reverse else found)


def top_k(input: Any, k: int = 1, sorted: bool = True, name: Any = None, **unused: Any) -> tuple[Any, Any]:
    """The k largest along the last axis, and where they are; of arrays."""
    array = np.asarray(input)
    places = np.argsort(-array, axis=-1, kind="stable")[..., :k]
    return dressed(np.take_along_axis(array, places, -1)), dressed(places.astype(np.int32))


def sort(values: Any, axis: int = -1, direction: str = "ASCENDING", name: Any = None) -> Any:
    """In order along an axis; of arrays."""
    found = np.sort(np.asarray(values), axis)
    return dressed(np.flip(found, axis) if direction == "DESCENDING" else found)


def argsort(values: Any, axis: int = -1, direction: str = "ASCENDING", stable: bool = False, name: Any = None) -> Any:
    """The places in order along an axis; of arrays."""
    array = np.asarray(values)
    return dressed(np.argsort(-array if direction == "DESCENDING" else array, axis, kind="stable").astype(np.int32))


def band_part(input: Any, num_lower: int, num_upper: int, name: Any = None) -> Any:
    """The last two axes' matrices without what is further from the diagonal than so many below and above; -1 keeps all."""
    rows, columns = tuple(input.shape)[-2:]
    apart = np.arange(columns)[None, :] - np.arange(rows)[:, None]
    kept = ((num_upper < 0) | (apart <= num_upper)) & ((num_lower < 0) | (-apart <= num_lower))
    if isinstance(input, np.ndarray) and input.dtype.kind == "b":
        return dressed(np.asarray(input) & kept)
    return dressed(ops.where(kept, input, 0.0))


def categorical(logits: Any, num_samples: int, dtype: Any = None, seed: Any = None, name: Any = None) -> Any:
    """``tf.random.categorical``: classes drawn by the logarithms of their probabilities."""
    return dressed(draws.categorical(logits, num_samples, dtype or "int64", seed))


def truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None, name: Any = None) -> Any:
    """Normal numbers within two standard deviations of their mean."""
    return dressed(draws.truncated_normal(shape, mean, stddev, dtype, seed))


def shuffle(value: Any, seed: Any = None, name: Any = None) -> Any:
    """Rows in another order."""
    return dressed(draws.shuffle(value, 0, seed))


def identity(input: Any, name: Any = None) -> Any:
    """As it is."""
    return input


def rank(input: Any, name: Any = None) -> int:
    """How many axes it has."""
    return len(input.shape) if hasattr(input, "shape") else np.ndim(input)


def is_tensor(x: Any) -> bool:
    """Whether it is what calls give here, a weight or a symbolic tensor. Other libraries ask this of arrays of theirs."""
    return isinstance(x, (Array, KerasTensor, Parameter))
