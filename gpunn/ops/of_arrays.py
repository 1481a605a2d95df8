"""Operations of arrays alone, NumPy's own under the names of ``keras.ops``: what they give has no gradient.

Tensors that have their values are taken as arrays. Symbolic ones raise TypeError.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn import config
from gpunn.layers.graph import KerasTensor, flat
from gpunn.layers.parameter import Parameter
from gpunn.ops.one_type import as_floats, narrowed
from gpunn.results import dressed

NAMES = {  # that of keras.ops: that of NumPy
    **{name: name for name in (
        "argpartition", "bincount", "bitwise_and", "bitwise_invert", "bitwise_or", "bitwise_xor", "corrcoef",
        "digitize", "fmod", "gcd", "histogram", "isin", "lcm", "left_shift", "median", "nanmedian", "nanpercentile", "nanquantile",
        "nonzero", "percentile", "ptp", "quantile", "right_shift", "searchsorted", "unravel_index", "vander",
    )},
    **{f"linalg.{name}": f"linalg.{name}" for name in ("eigh", "matrix_rank", "pinv", "qr", "svd")},
    "bitwise_left_shift": "left_shift", "bitwise_not": "bitwise_invert", "bitwise_right_shift": "right_shift", "linalg.eig": "linalg.eig",
    **{name: name for name in ("bartlett", "blackman", "hamming", "hanning", "kaiser")},
}


def _array(value: Any, name: str) -> Any:
    if isinstance(value, KerasTensor) and not value.has_values:
        raise TypeError(f"gpunn.ops.{name} takes arrays. Received: {value!r}, a symbolic tensor.")
    return np.asarray(value) if isinstance(value, (KerasTensor, Parameter)) else value


def of_arrays(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of arrays under this name."""

    def call(*values: Any, **options: Any) -> Any:
        for value in flat([list(values), options]):
            _array(value, name)  # within lists too
        given = [_array(v, name) for v in values]
        return dressed(as_wide_as(function(*given, **{n: _array(v, name) for n, v in options.items()}), given))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = function.__doc__ if function.__module__.startswith("gpunn.") else f"NumPy's {function.__name__}, of arrays."
    return call


def as_wide_as(found: Any, given: list[Any]) -> Any:
    """Results in the floating type of gpunn, and integers of 32 bits, where nothing that was given has a wider one."""
    if isinstance(found, (list, tuple)):
        parts = [as_wide_as(part, given) for part in found]
        return type(found)(*parts) if hasattr(found, "_fields") else type(found)(parts)
    found, kind = narrowed(found, flat(given)), np.dtype(config.floatx())
    if getattr(found, "dtype", None) != np.float64 or kind == np.float64 or np.float64 in [getattr(v, "dtype", None) for v in flat(given)]:
        return found
    return found.astype(kind)


def _found(path: str) -> Callable[..., Any]:
    holder: Any = np
    for part in path.split("."):
        holder = getattr(holder, part)
    return holder


def _angle(x: Any) -> np.ndarray:
    """The angle of complex numbers; of others 0, or pi below 0."""
    return np.angle(as_floats(np.asarray(x)))


def _nextafter(x1: Any, x2: Any) -> np.ndarray:
    """The number next to x1 on the way to x2."""
    return np.nextafter(as_floats(x1), as_floats(x2))


def _i0(x: Any) -> np.ndarray:
    """The modified Bessel function of the first kind, of order 0."""
    x = np.asarray(x)
    return np.i0(x).astype(x.dtype if x.dtype.kind == "f" else config.floatx())


def _lstsq(a: Any, b: Any, rcond: float | None = None) -> np.ndarray:
    """The x, the shortest of them, for which a x is nearest to b."""
    a, b = np.asarray(a), np.asarray(b)
    return np.linalg.lstsq(a, b, rcond=rcond)[0].astype(np.result_type(a, b))


def _lu_factor(x: Any) -> tuple[np.ndarray, np.ndarray]:
    """(L below the diagonal, whose own is 1, and U on it and above; for each row the one it was exchanged with) of matrices (..., n, m)."""
    lu = np.array(x, np.result_type(np.asarray(x), np.float32))
    count = min(lu.shape[-2:])
    pivots = np.zeros((*lu.shape[:-2], count), np.int32)
    for index in np.ndindex(lu.shape[:-2]):
        m = lu[index]
        for k in range(count):
            p = pivots[index][k] = k + int(np.abs(m[k:, k]).argmax())
            m[[k, p]] = m[[p, k]]
            if m[k, k] != 0:
                m[k + 1 :, k] /= m[k, k]
                m[k + 1 :, k + 1 :] -= np.outer(m[k + 1 :, k], m[k, k + 1 :])
    return lu, pivots


def _polar(abs_: Any, angle: Any) -> np.ndarray:
    """Complex numbers of this size and angle."""
    return np.asarray(abs_) * np.exp(1j * np.asarray(angle))


def _unique(
    x: Any, sorted: bool = True, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False,
    axis: int | None = None, size: int | None = None, fill_value: Any = None,
) -> Any:
    """The different elements, or parts along an axis, in order; with where each was first, which of them each place has, and how many
    there are of each, where these are asked for. `size`: so many, cut off or filled up with `fill_value` (the least) and counts of 0."""
    first, index, inverse, counts = np.unique(np.asarray(x), True, True, True, axis=axis, equal_nan=False)
    if size is not None:
        first = _filled(first, size, axis or 0, first.min() if fill_value is None else fill_value)
        index, counts = _filled(index, size, 0, index[0] if index.size else 0), _filled(counts, size, 0, 0)
    asked = ((return_index, index), (return_inverse, inverse), (return_counts, counts))
    more = [part for wanted, part in asked if wanted]
    return (first, *more) if more else first


def _filled(x: np.ndarray, size: int, axis: int, value: Any) -> np.ndarray:
    x = np.take(x, np.arange(min(size, x.shape[axis])), axis)
    more = [(0, size - x.shape[axis] if i == axis else 0) for i in range(x.ndim)]
    return np.pad(x, more, constant_values=value)


MADE: dict[str, Callable[..., Any]] = {
    "angle": _angle, "i0": _i0, "lstsq": _lstsq, "lu_factor": _lu_factor, "nextafter": _nextafter, "polar": _polar, "unique": _unique,
}
TABLE: dict[str, Callable[..., Any]]
TABLE = {name.rpartition(".")[2]: of_arrays(name.rpartition(".")[2], _found(path)) for name, path in NAMES.items()}
TABLE |= {name: of_arrays(name, function) for name, function in MADE.items()}
globals().update(TABLE)
