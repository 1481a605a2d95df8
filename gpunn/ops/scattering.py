"""Elements put at places that indices name: the names of ``keras.ops``."""

import math
from typing import Any

import numpy as np

from gpunn.ops import arithmetic as a
from gpunn.ops import segments, shaping
from gpunn.ops.operation import has_part

__all__ = ["scatter", "scatter_update"]
MERGES: dict[Any, tuple[Any, Any]] = {  # of arrays, of tensors
    "add": (np.add, a.add), "max": (np.maximum, a.maximum), "min": (np.minimum, a.minimum), "mul": (np.multiply, a.multiply),
}


def scatter(indices: Any, values: Any, shape: Any) -> Any:
    """Zeros of this shape, with values added at these places, a row of `indices` for each."""
    shape = tuple(int(n) for n in shape)
    if has_part(values):
        rows, places = _places("scatter", indices, shape)
        summed = segments.segment_sum(shaping.reshape(values, (len(places), -1)), places, rows)
        return shaping.reshape(summed, shape)
    given = np.asarray(values)
    out = np.zeros(shape, given.dtype)
    np.add.at(out, tuple(np.moveaxis(np.asarray(indices), -1, 0)), given)
    return out


def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    """The inputs with the elements at these places, a row of `indices` for each, replaced, by the last for each place; or what `reduction`,
    "add", "max", "min" or "mul", makes of both. Of tensors shape and indices are known, and a place stands once but for "add"."""
    if reduction is not None and reduction not in MERGES:
        raise ValueError(f"scatter_update: expected reduction None or one of {sorted(MERGES)}. Received: reduction={reduction!r}.")
    if has_part(inputs, updates):
        return _of_tensors(inputs, indices, updates, reduction)
    out, places, new = np.array(inputs), tuple(np.moveaxis(np.asarray(indices), -1, 0)), np.asarray(updates)
    if reduction is None:
        out[places] = new
    else:
        MERGES[reduction][0].at(out, places, new.astype(out.dtype))
    return out


def _of_tensors(inputs: Any, indices: Any, updates: Any, reduction: str | None) -> Any:
    rows, places = _places("scatter_update", indices, inputs.shape)
    inputs = inputs if has_part(inputs) else np.asarray(inputs)
    updates = updates if has_part(updates) else np.asarray(updates, inputs.dtype)
    if reduction == "add":
        return a.add(inputs, scatter(indices, updates, inputs.shape))
    before, new = shaping.reshape(inputs, (rows, -1)), shaping.reshape(updates, (len(places), -1))
    if reduction is not None:
        if len(set(places.tolist())) < len(places):
            raise ValueError(f"scatter_update: expected each place once for reduction={reduction!r} of tensors.")
        new = MERGES[reduction][1](shaping.take(before, places, axis=0), new)
    source = np.arange(rows)
    source[places] = rows + np.arange(len(places))
    return shaping.reshape(shaping.take(shaping.concatenate([before, new], 0), source, axis=0), tuple(inputs.shape))


def _places(what: str, indices: Any, shape: Any) -> tuple[int, np.ndarray]:
    """(how many parts the first axes, those that a row of indices names, have; the number of each that is named)."""
    if None in tuple(shape) or not getattr(indices, "has_values", True):
        raise TypeError(
            f"{what}: expected indices that are an array, and a tensor of known shape; gpunn.ops.where or slice_update take others. "
            f"Received: shape {tuple(shape)}."
        )
    given = np.asarray(indices)
    first = tuple(shape)[: given.shape[-1]]
    return math.prod(first), np.ravel_multi_index(tuple(np.moveaxis(given, -1, 0)), first).reshape(-1)
