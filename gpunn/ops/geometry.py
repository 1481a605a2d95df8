"""Vectors in space: their cross products, and how far they are apart; the names of ``keras.ops``."""

from typing import Any

import numpy as np

from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import shaping

__all__ = ["cdist", "cross"]


def cross(x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The vector at right angles to two, along `axisc`; of two vectors of a plane its length alone. `axis` stands for all three others.

    Raises ValueError for vectors of other lengths than two or three.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    first, second = (v if hasattr(v, "shape") else np.asarray(v) for v in (x1, x2))
    lengths = [v.shape[i] if v.shape else None for v, i in ((first, axisa), (second, axisb))]
    if not {*lengths} <= {2, 3}:
        raise ValueError(f"cross: expected vectors of two or three numbers. Received: shapes {tuple(first.shape)}, {tuple(second.shape)}.")
    p, q = (shaping.unstack(shaping.moveaxis(v, i, -1), axis=-1) for v, i in ((first, axisa), (second, axisb)))
    upright = _turn(p, q, 0, 1)
    if lengths == [2, 2]:
        return upright
    p, q = ([*v, a.zeros_like(v[0])] if len(v) == 2 else v for v in (p, q))
    return shaping.moveaxis(shaping.stack([_turn(p, q, 1, 2), _turn(p, q, 2, 0), upright], axis=-1), -1, axisc)


def _turn(p: list[Any], q: list[Any], i: int, j: int) -> Any:
    return a.subtract(a.multiply(p[i], q[j]), a.multiply(p[j], q[i]))


def cdist(x: Any, y: Any) -> Any:
    """The Euclidean distance of each row of x (..., n, size) from each of y (..., m, size): (..., n, m). Raises ValueError for others."""
    shapes = [tuple(np.shape(v)) for v in (x, y)]
    if min(map(len, shapes)) < 2 or shapes[0][-1] != shapes[1][-1]:
        raise ValueError(f"cdist: expected rows (..., size) of the same size. Received: shapes {shapes[0]} and {shapes[1]}.")
    apart = a.subtract(shaping.expand_dims(x, -2), shaping.expand_dims(y, -3))
    return a.sqrt(along.sum(a.square(apart), axis=-1))
