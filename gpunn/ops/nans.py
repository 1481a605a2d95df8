"""Numbers along axes that leave out what is no number: the names of ``keras.ops``. Where nothing is left the result is no number, or what a
sum or product of nothing is."""

import math
from typing import Any

import numpy as np

from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import made_of_others, running
from gpunn.ops.one_type import as_floats
from gpunn.ops.operation import has_part

__all__ = [
    "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum", "nanvar",
]


def _or(x: Any, value: float) -> Any:
    """x with a number in the place of what is none."""
    if not has_part(x) and np.asarray(x).dtype.kind != "f":  # whole numbers are numbers
        return np.asarray(x)
    return a.where(a.isnan(x), value, x)


def _counted(x: Any, axis: Any, keepdims: bool) -> Any:
    """How many numbers there are."""
    return along.sum(a.cast(a.logical_not(a.isnan(x)), "float32"), axis, keepdims)


def nansum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum of the numbers."""
    return along.sum(_or(x, 0.0), axis, keepdims)


def nanprod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The product of the numbers."""
    return along.prod(_or(x, 1.0), axis, keepdims)


def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The sums of the numbers up to each place."""
    return made_of_others.cumsum(_or(x, 0.0), axis, dtype)


def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The products of the numbers up to each place."""
    return running.cumprod(_or(x, 1.0), axis, dtype)


def nanmean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean of the numbers."""
    return a.divide(nansum(as_floats(x), axis, keepdims), _counted(x, axis, keepdims))


def nanvar(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean of their squared distances from their mean."""
    apart = a.subtract(x, nanmean(x, axis, keepdims=True))
    apart = a.where(a.isnan(x), 0.0, apart)  # before it is squared: its slope would be no number either
    return a.divide(along.sum(a.square(apart), axis, keepdims), _counted(x, axis, keepdims))


def nanstd(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The root of `nanvar`."""
    return a.sqrt(nanvar(x, axis, keepdims))


def nanmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest number."""
    return _among(along.max, x, -math.inf, axis, keepdims)


def nanmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest number."""
    return _among(along.min, x, math.inf, axis, keepdims)


def _among(largest: Any, x: Any, least: float, axis: Any, keepdims: bool) -> Any:
    found = largest(_or(x, least), axis, keepdims)
    if not has_part(x) and np.asarray(x).dtype.kind != "f":
        return found
    return a.where(a.equal(_counted(x, axis, keepdims), 0.0), math.nan, found)


def nanargmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the largest number; -1 where there is none. No gradient."""
    return _place(along.argmax, x, -math.inf, axis, keepdims)


def nanargmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the smallest number; -1 where there is none. No gradient."""
    return _place(along.argmin, x, math.inf, axis, keepdims)


def _place(place: Any, x: Any, least: float, axis: int | None, keepdims: bool) -> Any:
    return a.cast(a.where(a.equal(_counted(x, axis, keepdims), 0.0), -1, place(_or(x, least), axis, keepdims)), "int32")
