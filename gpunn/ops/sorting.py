"""Elements of rows in order, the largest of them, and what stands at places: the names of ``keras.ops``."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.kernels import places as kernels
from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import shaping
from gpunn.ops.operation import Back, Definition, Place, apply, has_part

__all__ = ["argsort", "in_top_k", "sort", "take_along_axis", "top_k"]


class Order(Definition):
    """The places of the last axis from the smallest element to the largest: equal ones as they stand, what is no number behind all."""

    constant = True

    def numpy(self, x: Any) -> Any:
        return np.argsort(x, axis=-1, kind="stable").astype(np.int32)

    def outcome(self, operands: Sequence[Any], options: dict[str, Any]) -> tuple[Any, str]:
        return operands[0].shape, "int32"

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        (x,) = operands
        at = op.backend.empty(x.shape, x.dtype)
        op.backend.launch(kernels.ORDER, _rows(x), _rows(at))
        return at, lambda dy, needs: [None]


class AtPlaces(Definition):
    """x[..., places[..., i]], of arrays with the same axes before the last. The gradient is x's; of elements taken several times it adds
    up."""

    def numpy(self, x: Any, places: Any) -> Any:
        return np.take_along_axis(np.asarray(x), np.asarray(places).astype(np.int64), -1)

    def outcome(self, operands: Sequence[Any], options: dict[str, Any]) -> tuple[Any, str]:
        x, places = operands
        return (*x.shape[:-1], places.shape[-1]), np.dtype(x.dtype).name

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        ops, (x, places) = op.backend, operands
        at, wide = _rows(places), x.shape[-1]
        y = ops.empty(places.shape, x.dtype)
        ops.launch(kernels.AT_PLACES, _rows(x), at, places.shape[-1], _rows(y))

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            if not needs[0]:
                return [None, None]
            dx = ops.empty(x.shape, x.dtype)
            ops.launch(kernels.FROM_PLACES, _rows(dy), at, wide, _rows(dx))
            return [dx, None]

        return y, back


ORDER, AT_PLACES = Order("argsort"), AtPlaces("at_places")


def _rows(x: Any) -> Any:
    return x.reshape(-1, x.shape[-1])


def _last(x: Any, axis: int | None) -> tuple[Any, int]:
    """x with the axis at its end, all of it as one without an axis; -> also where the axis belongs."""
    x = x if hasattr(x, "shape") else np.asarray(x)
    return (shaping.ravel(x), -1) if axis is None else (shaping.moveaxis(x, axis, -1), axis)


def argsort(x: Any, axis: int | None = -1) -> Any:
    """The places along an axis from the smallest to the largest, equal ones as they stand; of all elements with None. No gradient."""
    x, axis = _last(x, axis)
    return shaping.moveaxis(apply(ORDER, x), -1, axis)


def sort(x: Any, axis: int | None = -1) -> Any:
    """The elements along an axis from the smallest to the largest; all of them with None."""
    x, axis = _last(x, axis)
    return shaping.moveaxis(apply(AT_PLACES, x, apply(ORDER, x)), -1, axis)


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Any, Any]:
    """(the k largest along the last axis, their places), the largest first, of equal ones the first."""
    x, _ = _last(x, -1)
    whole = not has_part(x) and x.dtype.kind in "biu"  # of which the least has no negative, and those without a sign have none at all
    places = apply(ORDER, np.invert(x) if whole else a.negative(x))[..., :k]
    return apply(AT_PLACES, x, places), places


def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Whether fewer than k predictions of a row are larger than that of its target."""
    own = take_along_axis(predictions, shaping.expand_dims(targets, -1), -1)
    return a.less(along.sum(a.cast(a.greater(predictions, own), "int32"), axis=-1), k)


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Any:
    """At each place the element that `indices`, of as many axes, names along an axis; without one of all elements."""
    if not has_part(x, indices):
        return np.take_along_axis(np.asarray(x), np.asarray(indices).astype(np.int64), axis)
    values, axis = _last(x, axis)
    places = _last(indices, axis)[0]
    places = a.where(a.less(places, 0), a.add(places, values.shape[-1]), places)
    if places.shape[:-1] != values.shape[:-1]:  # one for many
        values, places = a.add(values, a.zeros_like(places[..., :1])), a.add(places, a.zeros_like(values[..., :1]))
    return shaping.moveaxis(apply(AT_PLACES, values, places), -1, axis)
