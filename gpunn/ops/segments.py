"""Labels as places: several of them in one vector, and rows gathered by theirs; the names of ``keras.ops``."""

from typing import Any

import numpy as np

from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import shaping
from gpunn.ops.operation import has_part

__all__ = ["multi_hot", "segment_max", "segment_min", "segment_prod", "segment_sum"]


def multi_hot(inputs: Any, num_classes: int | None = None, axis: int = -1, dtype: Any = None, sparse: bool = False, **old: Any) -> Any:
    """1 at the place of each label of a row (rows, labels), or of a vector, and 0 elsewhere, along a new axis. `num_tokens` is the old name
    of `num_classes`. Raises ValueError where nobody says how many classes there are, and for sparse arrays."""
    count = old.get("num_tokens") if num_classes is None else num_classes
    if count is None or sparse:
        raise ValueError(f"multi_hot: expected num_classes, and sparse=False. Received: {num_classes=}, {sparse=}.")
    labels = inputs if hasattr(inputs, "shape") else np.asarray(inputs)
    return along.max(shaping.one_hot(labels, count, axis, dtype), axis=1 if shaping.ndim(labels) > 1 else 0)


def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The sum of the rows of each number, (segments, ...): `segment_ids` (rows,) has a number for each, of which those that are none of
    0 ... num_segments - 1 do not count. Raises ValueError for other shapes, and TypeError for symbolic numbers of an unknown count."""
    return _reduced("segment_sum", np.add, 0, data, segment_ids, num_segments)


def segment_prod(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The product of the rows of each number; 1 where there is none."""
    return _reduced("segment_prod", np.multiply, 1, data, segment_ids, num_segments)


def segment_max(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The largest of the rows of each number; minus infinity, or the least integer, where there is none."""
    return _reduced("segment_max", np.maximum, -np.inf, data, segment_ids, num_segments)


def segment_min(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The smallest of the rows of each number; infinity, or the largest integer, where there is none."""
    return _reduced("segment_min", np.minimum, np.inf, data, segment_ids, num_segments)


OF_TENSORS: dict[np.ufunc, Any] = {np.add: along.sum, np.multiply: along.prod, np.maximum: along.max, np.minimum: along.min}


def _reduced(what: str, ufunc: np.ufunc, empty: float, data: Any, segment_ids: Any, num_segments: int | None) -> Any:
    data, ids = (v if hasattr(v, "shape") else np.asarray(v) for v in (data, segment_ids))
    if not shaping.ndim(data) or (data.shape[0],) != tuple(ids.shape):
        raise ValueError(f"{what}: expected a number for each row of data. Received: shapes {tuple(data.shape)} and {tuple(ids.shape)}.")
    if num_segments is None:
        if has_part(ids) and not getattr(ids, "has_values", True):
            raise TypeError(f"{what}: expected num_segments beside symbolic numbers of segments. Received: num_segments={num_segments}.")
        num_segments = int(np.asarray(ids).max(initial=-1)) + 1
    if not has_part(data, ids):
        return _of_arrays(ufunc, empty, data, ids, num_segments)
    inside = shaping.one_hot(ids, num_segments, axis=0, dtype=data.dtype)  # (segments, rows)
    inside = shaping.reshape(inside, (num_segments, -1, *(1,) * (shaping.ndim(data) - 1)))
    return OF_TENSORS[ufunc](a.where(inside, shaping.expand_dims(data, 0), float(empty)), axis=1)


def _of_arrays(ufunc: np.ufunc, empty: float, data: Any, ids: Any, num_segments: int) -> np.ndarray:
    if data.dtype.kind in "iu" and np.isinf(empty):
        empty = np.iinfo(data.dtype).max if empty > 0 else np.iinfo(data.dtype).min
    out = np.full((num_segments, *data.shape[1:]), empty, data.dtype)
    inside = (ids >= 0) & (ids < num_segments)
    ufunc.at(out, ids[inside].astype(int), data[inside])
    return out
