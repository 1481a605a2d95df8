"""Operations of arrays alone, NumPy's own under the names of ``keras.ops``: what they give has no gradient.

Tensors that have their values are taken as arrays. Symbolic ones raise TypeError.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.layers.graph import KerasTensor, flat
from gpunn.results import dressed

NAMES = {  # that of keras.ops: that of NumPy
    **{name: name for name in (
        "argpartition", "argsort", "bincount", "bitwise_and", "bitwise_invert", "bitwise_or", "bitwise_xor", "corrcoef", "digitize", "fmod",
        "histogram", "isin", "left_shift", "median", "nanmax", "nanmean", "nanmin", "nanstd", "nansum", "nanvar", "percentile", "ptp",
        "quantile", "right_shift", "searchsorted", "sort", "unravel_index", "vander",
    )},
    **{f"linalg.{name}": f"linalg.{name}" for name in ("cholesky", "det", "eigh", "inv", "matrix_rank", "pinv", "qr", "solve", "svd")},
    **{name: name for name in ("bartlett", "blackman", "hamming", "hanning", "kaiser")},
}


def _array(value: Any, name: str) -> Any:
    if isinstance(value, KerasTensor) and not value.has_values:
        raise TypeError(f"gpunn.ops.{name} takes arrays. Received: {value!r}, a symbolic tensor.")
    return np.asarray(value) if isinstance(value, KerasTensor) else value


def of_arrays(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of arrays under this name."""

    def call(*values: Any, **options: Any) -> Any:
        for value in flat([list(values), options]):
            _array(value, name)  # within lists too
        return dressed(function(*(_array(v, name) for v in values), **{n: _array(v, name) for n, v in options.items()}))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"NumPy's {function.__name__}, of arrays."
    return call


def _found(path: str) -> Callable[..., Any]:
    holder: Any = np
    for part in path.split("."):
        holder = getattr(holder, part)
    return holder


def _top_k(x: Any, k: int, sorted: bool = True) -> tuple[np.ndarray, np.ndarray]:
    x = np.asarray(x)
    places = np.argsort(-x, axis=-1, kind="stable")[..., :k]
    return np.take_along_axis(x, places, -1), places.astype(np.int32)


def _in_top_k(targets: Any, predictions: Any, k: int) -> np.ndarray:
    scores = np.asarray(predictions)
    own = np.take_along_axis(scores, np.asarray(targets)[..., None].astype(int), -1)
    return (scores > own).sum(-1) < k


def _segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> np.ndarray:
    data, ids = np.asarray(data), np.asarray(segment_ids)
    out = np.zeros((int(ids.max(initial=-1)) + 1 if num_segments is None else num_segments, *data.shape[1:]), data.dtype)
    there = (ids >= 0) & (ids < len(out))
    np.add.at(out, ids[there], data[there])
    return out


MADE: dict[str, Callable[..., Any]] = {"in_top_k": _in_top_k, "segment_sum": _segment_sum, "top_k": _top_k}
TABLE: dict[str, Callable[..., Any]]
TABLE = {name.rpartition(".")[2]: of_arrays(name.rpartition(".")[2], _found(path)) for name, path in NAMES.items()}
TABLE |= {name: of_arrays(name, function) for name, function in MADE.items()}
globals().update(TABLE)
