"""Along an axis in its order: products so far, differences, areas, correlations; the names of ``keras.ops``."""

from typing import Any

import numpy as np

from gpunn.layers.graph import KerasTensor
from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import made_of_others, shaping
from gpunn.ops.one_type import floats_of, narrowed, of_one_type
from gpunn.ops.operation import has_part, operand

__all__ = ["correlate", "cumprod", "diff", "trapezoid"]


def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The products up to each place along an axis of a row; over all elements without an axis."""
    x = operand(x)
    if not isinstance(x, KerasTensor):
        found = np.cumprod(x, axis=axis, dtype=dtype)
        return found if dtype is not None else narrowed(found, [x])
    x = x if dtype is None else a.cast(x, dtype)
    if axis is None:
        x, axis = shaping.ravel(x), 0
    if x.shape[axis] is None:
        raise ValueError(f"cumprod: expected an axis within a row. Received: axis={axis!r} of shape {x.shape}.")
    products: list[Any] = []
    for part in shaping.unstack(x, axis=axis):
        products.append(a.multiply(products[-1], part) if products else part)
    return shaping.stack(products, axis=axis % shaping.ndim(x))


def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """What each element is more than the one before it, n times over."""
    if not has_part(a):
        return np.diff(a, n, axis)
    for _ in range(n):
        after, before = _neighbours(a, axis)
        a = after - before
    return a


def _neighbours(x: Any, axis: int) -> tuple[Any, Any]:
    """(all but the first, all but the last)."""
    ahead: list[Any] = [slice(None)] * (axis % shaping.ndim(x))
    return shaping.getitem(x, (*ahead, slice(1, None))), shaping.getitem(x, (*ahead, slice(None, -1)))


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The area under lines through the points (x, y) along an axis; without x they are `dx` apart."""
    y = y if has_part(y) else np.asarray(y, floats_of(np.asarray(y)))
    width = dx
    if x is not None:
        width = diff(x, axis=-1 if shaping.ndim(x) == 1 else axis)
        if shaping.ndim(x) == 1:
            width = shaping.reshape(width, (-1, *(1,) * (shaping.ndim(y) - 1 - axis % shaping.ndim(y))))
    after, before = _neighbours(y, axis)
    return along.sum(a.multiply(a.multiply(a.add(after, before), 0.5), width), axis)


def correlate(x1: Any, x2: Any, mode: str = "valid") -> Any:
    """The sums of products of two vectors, the shorter at each place along the longer: where it lies within ("valid"), as many as the
    longer has elements ("same"), or wherever both meet ("full"). Raises ValueError for others."""
    n, m = (tuple(v.shape) if hasattr(v, "shape") else np.shape(v) for v in (x1, x2))
    if mode not in ("valid", "same", "full") or len(n) != 1 or len(m) != 1 or None in (*n, *m):
        raise ValueError(f"correlate: expected two vectors, and mode 'valid', 'same' or 'full'. Received: shapes {n} and {m}, {mode=}.")
    if not has_part(x1, x2):
        how: Any = mode
        first, second = of_one_type([np.asarray(v) for v in (x1, x2)], True)
        return np.correlate(first, second, how)
    if m[0] > n[0]:
        return shaping.flip(correlate(x2, x1, mode), 0)
    more = m[0] - 1
    before, after = {"valid": (0, 0), "same": (m[0] // 2, more - m[0] // 2), "full": (more, more)}[mode]
    wide = made_of_others.pad(x1, [(before, after)])
    places = np.add.outer(np.arange(n[0] + before + after - more), np.arange(m[0]))
    return along.matmul(shaping.take(wide, places, axis=0), x2)
