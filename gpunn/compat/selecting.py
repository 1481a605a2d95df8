"""Functions of ``tensorflow`` that pick elements, find their places or count them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn import ops
from gpunn.layers.graph import symbolic
from gpunn.results import dressed


def _largest(found: Any, output_type: Any) -> Any:
    return dressed(found if symbolic(found) else np.asarray(found).astype(getattr(output_type, "name", output_type)))


def argmax(input: Any, axis: int | None = None, output_type: Any = "int64", name: str | None = None) -> Any:
    """The place of the largest along an axis, by default the first."""
    return _largest(ops.argmax(input, 0 if axis is None else axis), output_type)


def argmin(input: Any, axis: int | None = None, output_type: Any = "int64", name: str | None = None) -> Any:
    """The place of the smallest along an axis, by default the first."""
    return _largest(ops.argmin(input, 0 if axis is None else axis), output_type)


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """x where the condition holds, y elsewhere; without these the places where it does, (places, axes), of arrays."""
    if x is None and y is None:
        return dressed(np.stack(ops.where(condition), axis=-1).astype(np.int64))
    return dressed(ops.where(condition, x, y))


def slice(input_: Any, begin: Sequence[int], size: Sequence[int], name: str | None = None) -> Any:
    """A block from a place on; -1: all that is left of an axis."""
    ends = [None if n == -1 else int(first) + int(n) for first, n in zip(begin, size, strict=True)]
    return dressed(input_[tuple(_from(int(first), end) for first, end in zip(begin, ends, strict=True))])


def _from(first: int, end: int | None) -> Any:
    return np.s_[first:end]


def gather_nd(params: Any, indices: Any, batch_dims: int = 0, name: str | None = None) -> Any:
    """The elements, or parts, at places that are told along the first axes together; of arrays."""
    if batch_dims:
        raise ValueError(f"tf.gather_nd: expected batch_dims=0. Received: {batch_dims}.")
    places = np.asarray(indices)
    count = places.shape[-1]
    flat = np.ravel_multi_index(tuple(np.moveaxis(places, -1, 0)), params.shape[:count])
    return dressed(ops.take(ops.reshape(params, (-1, *params.shape[count:])), flat, axis=0))


def boolean_mask(tensor: Any, mask: Any, axis: int | None = None, name: str | None = None) -> Any:
    """The elements, or parts, where a mask of the first axes (from `axis` on) holds; the mask is an array."""
    chosen = np.asarray(mask, bool)
    first = axis or 0
    shape = (*tensor.shape[:first], -1, *tensor.shape[first + chosen.ndim :])
    return dressed(ops.take(ops.reshape(tensor, shape), np.flatnonzero(chosen), axis=first))


def unique(x: Any, out_idx: Any = "int32", name: str | None = None) -> tuple[Any, Any]:
    """(the different elements in the order in which they come, for each element the place of its like there); of an array of one axis."""
    found, first, place = np.unique(np.asarray(x), return_index=True, return_inverse=True)
    order = np.argsort(first)
    back = np.empty(len(order), np.dtype(getattr(out_idx, "name", out_idx)))
    back[order] = np.arange(len(order))
    return dressed(found[order]), dressed(back[place.reshape(-1)])


def bincount(arr: Any, weights: Any = None, minlength: int | None = None, maxlength: int | None = None, **unused: Any) -> Any:
    """How often each whole number from 0 on is there, or the sum of its weights."""
    counts = np.bincount(np.asarray(arr).reshape(-1), None if weights is None else np.asarray(weights).reshape(-1), minlength or 0)
    counts = counts[:maxlength]
    return dressed(counts.astype(np.int32) if weights is None else counts.astype(np.asarray(weights).dtype))


def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = "bool", name: str | None = None) -> Any:
    """For each length as many truths, in a row of `maxlen`, by default the longest."""
    longest = int(np.max(np.asarray(lengths), initial=0)) if maxlen is None else maxlen
    return dressed(ops.cast(ops.less(ops.arange(longest), ops.expand_dims(lengths, -1)), dtype))


def confusion_matrix(
    labels: Any, predictions: Any, num_classes: int | None = None, weights: Any = None, dtype: Any = "int32", name: str | None = None
) -> Any:
    """How often each label (row) was taken for each class (column). Raises ValueError for labels that are not as many, or out of range."""
    truth, given = (np.asarray(v).reshape(-1).astype(np.int64) for v in (labels, predictions))
    count = int(num_classes or max(truth.max(initial=-1), given.max(initial=-1)) + 1)
    if len(truth) != len(given) or min(truth.min(initial=0), given.min(initial=0)) < 0 or max(truth.max(), given.max()) >= count:
        raise ValueError(
            f"tf.math.confusion_matrix: expected as many labels as predictions, from 0 to below {count}. Received: {len(truth)} labels "
            f"and {len(given)} predictions, from {min(truth.min(), given.min())} to {max(truth.max(), given.max())}."
        )
    out = np.zeros((count, count), np.dtype(getattr(dtype, "name", dtype)))
    np.add.at(out, (truth, given), 1 if weights is None else np.asarray(weights).reshape(-1))
    return dressed(out)


def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Any:
    """x. Raises ValueError unless it has this shape, in which None is any number."""
    expected = tuple(shape)
    if len(x.shape) != len(expected) or any(n not in (None, m) and m is not None for n, m in zip(expected, x.shape, strict=True)):
        raise ValueError(f"tf.ensure_shape: expected shape {expected}. Received: {tuple(x.shape)}.")
    return x
