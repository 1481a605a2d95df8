"""Functions of ``tensorflow`` on tensors whose arguments are others than those of `gpunn.ops`."""

from typing import Any

import numpy as np

from gpunn import ops
from gpunn.compat.numpy_results import Array
from gpunn.layers.graph import KerasTensor, symbolic
from gpunn.layers.parameter import Parameter
from gpunn.ops import scattering, sorting
from gpunn.ops.of_arrays import TABLE as OF_ARRAYS
from gpunn.results import dressed

newaxis = None


def identity(input: Any, name: str | None = None) -> Any:
    """The same."""
    return dressed(ops.convert_to_tensor(input))


def tensor_scatter_nd_add(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """The tensor with values added at places, a row of `indices` for each."""
    return dressed(scattering.scatter_update(tensor, indices, updates, "add"))


def tensor_scatter_nd_sub(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """The same with values taken away."""
    return tensor_scatter_nd_add(tensor, indices, ops.negative(updates))


def tensor_scatter_nd_max(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """The same with the larger one of both."""
    return dressed(scattering.scatter_update(tensor, indices, updates, "max"))


def tensor_scatter_nd_min(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """The same with the smaller one of both."""
    return dressed(scattering.scatter_update(tensor, indices, updates, "min"))


def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, name: str | None = None, **unused: Any) -> Any:
    """a @ b, either of them with its last two axes in each other's place."""
    a, b = (ops.swapaxes(v, -1, -2) if turned else v for v, turned in ((a, transpose_a), (b, transpose_b)))
    return dressed(ops.matmul(a, b))


def split(value: Any, num_or_size_splits: Any, axis: int = 0, num: int | None = None, name: str | None = None) -> list[Any]:
    """Parts along an axis: so many alike, or of these sizes, one of which may be -1."""
    if np.ndim(num_or_size_splits) == 0:
        return dressed(ops.split(value, int(num_or_size_splits), axis))
    lengths = [int(n) for n in num_or_size_splits]
    whole = value.shape[axis]
    lengths = [whole - sum(n for n in lengths if n != -1) if n == -1 else n for n in lengths]
    if whole is not None and sum(lengths) != whole:
        raise ValueError(f"tf.split: expected sizes whose sum is {whole}. Received: {num_or_size_splits!r}.")
    return dressed(ops.split(value, np.cumsum(lengths)[:-1].tolist(), axis))


def gather(params: Any, indices: Any, validate_indices: Any = None, axis: int | None = None, batch_dims: int = 0, name: Any = None) -> Any:
    """The elements at these places along an axis; with one batch axis each row's own."""
    if batch_dims == 0:
        return dressed(ops.take(params, indices, axis=axis or 0))
    if batch_dims != 1 or ops.ndim(params) != 2 or axis not in (None, 1, -1):
        raise ValueError("tf.gather: expected batch_dims=0, or batch_dims=1 for a matrix.")
    if ops.ndim(indices) == 1:  # one place a row
        return dressed(ops.squeeze(sorting.take_along_axis(params, ops.expand_dims(indices, -1), axis=1), -1))
    return dressed(sorting.take_along_axis(params, indices, axis=1))


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Any:
    """In reverse order along axes."""
    axes = [int(a) for a in np.atleast_1d(axis)]
    return dressed(ops.flip(tensor, tuple(axes) if len(axes) > 1 else axes[0]))


def range_(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str | None = None) -> Any:
    """Numbers from `start` up to `limit`, without it."""
    found = ops.arange(start, limit, delta, dtype)
    if symbolic(found):
        return found
    kind = found.dtype.kind
    return dressed(found if dtype else found.astype("int32" if kind == "i" else "float32") if kind in "if" else found)


def fill(dims: Any, value: Any, name: str | None = None) -> Any:
    """An array of one number."""
    return dressed(ops.full(dims, value, np.asarray(value).dtype if isinstance(value, (np.generic, np.ndarray)) else
                            "int32" if isinstance(value, int) else None))


def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, name: str | None = None) -> Any:
    """More elements before and after along axes."""
    mode = mode.lower()
    return dressed(ops.pad(tensor, paddings, mode, constant_values) if mode == "constant" else ops.pad(tensor, paddings, mode))


def cumsum(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None) -> Any:
    """Sums up to each place along an axis; `exclusive` of the place itself, `reverse` from the end."""
    x = ops.flip(x, axis) if reverse else x
    out = ops.cumsum(x, axis)
    out = ops.subtract(out, x) if exclusive else out
    return dressed(ops.flip(out, axis) if reverse else out)


def one_hot(
    indices: Any, depth: int, on_value: float = 1.0, off_value: float = 0.0, axis: int | None = None, dtype: Any = None, **unused: Any
) -> Any:
    """`on_value` at each label's place along a new last axis, and `off_value` elsewhere."""
    hot = ops.one_hot(indices, depth, axis=-1 if axis is None else axis, dtype=dtype)
    return dressed(hot if (on_value, off_value) == (1.0, 0.0) else ops.add(ops.multiply(hot, on_value - off_value), off_value))


def transpose(a: Any, perm: Any = None, name: str | None = None, **unused: Any) -> Any:
    """The axes in another order, by default reversed."""
    return dressed(ops.transpose(a, perm))


def sort(values: Any, axis: int = -1, direction: str = "ASCENDING", name: str | None = None) -> Any:
    """In order along an axis; of arrays."""
    found = np.sort(np.asarray(values), axis)
    return dressed(np.flip(found, axis) if direction == "DESCENDING" else found)


def argsort(values: Any, axis: int = -1, direction: str = "ASCENDING", stable: bool = False, name: str | None = None) -> Any:
    """The places in order along an axis; of arrays."""
    array = np.asarray(values)
    return dressed(np.argsort(-array if direction == "DESCENDING" else array, axis, kind="stable").astype(np.int32))


def is_tensor(x: Any) -> bool:
    """Whether it is what calls give here, a weight or a symbolic tensor. Other libraries ask this of arrays of theirs."""
    return isinstance(x, (Array, KerasTensor, Parameter))


def rank(input: Any, name: str | None = None) -> Any:
    """How many axes there are."""
    return dressed(np.int32(ops.ndim(input)))


def size(input: Any, out_type: Any = "int32", name: str | None = None) -> Any:
    """How many elements there are."""
    found = ops.size(input)
    return found if symbolic(found) else dressed(np.dtype(getattr(out_type, "name", out_type)).type(found))


def band_part(input: Any, num_lower: int, num_upper: int, name: str | None = None) -> Any:
    """``tf.linalg.band_part``: 0 further than so far below and above the diagonal; -1 keeps all."""
    out = input if num_upper < 0 else ops.tril(input, num_upper)
    return dressed(out if num_lower < 0 else ops.triu(out, -num_lower))


def svd(tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None) -> Any:
    """(s, u, v) of u diag(s) v^T, or s alone: `gpunn.ops.svd` gives u, s and v^T."""
    if not compute_uv:
        return dressed(OF_ARRAYS["svd"](tensor, full_matrices, False))
    u, s, transposed = OF_ARRAYS["svd"](tensor, full_matrices)
    return dressed((s, u, np.swapaxes(transposed, -1, -2)))


def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Any:
    """Moved along axes, round their ends."""
    return dressed(ops.roll(input, shift, axis))
