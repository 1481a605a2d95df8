"""Concatenate and Dot: inputs side by side, and their products along an axis."""

import math
from typing import Any

import numpy as np

from gpunn.kernels.columns import ROW_DOTS
from gpunn.kernels.unit import UNIT_ROWS, UNIT_ROWS_BWD
from gpunn.layers.base import Pullback
from gpunn.layers.columns import numbered, pick, put
from gpunn.layers.graph import INTEGERS, WHOLE
from gpunn.layers.merge import Merge, any_of, of_host

MOST = 1e7  # a row is multiplied by at most so much to make its length one: Keras divides by 1e-7 at least


class Concatenate(Merge):
    """The inputs side by side along `axis`; all other axes are alike. Raises ValueError for those that are not, or the batch axis."""

    recordable = True
    kept_kinds = WHOLE

    def __init__(self, axis: int = -1, **common: Any):
        super().__init__(**common)
        if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
            raise ValueError(f"Layer {self.name!r}: axis must be an integer. Received: axis={axis!r}.")
        self.axis = int(axis)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shapes = self.check(input_shape)
        first = shapes[0]
        axis = self.axis % len(first) if -len(first) <= self.axis < len(first) else 0
        if axis == 0:
            raise ValueError(f"Layer {self.name!r}: axis must name an axis of a row. Received: axis={self.axis} for shapes {shapes}.")
        others = {s[1:axis] + s[axis + 1 :] for s in shapes}
        if len({len(s) for s in shapes}) > 1 or len(others) > 1:
            raise ValueError(
                f"Layer {self.name!r}: a Concatenate layer requires inputs with matching shapes except for the concatenation axis "
                f"{self.axis}. Received: {shapes}."
            )
        return (None, *first[1:axis], sum(int(s[axis] or 0) for s in shapes), *first[axis + 1 :])

    def _places(self, x: list[Any]) -> list[np.ndarray]:
        """Where the columns of each input go."""
        row = self.compute_output_shape([(None, *a.shape[1:]) for a in x])[1:]
        axis = self.axis % (len(row) + 1) - 1
        return np.split(numbered(row), np.cumsum([a.shape[axis + 1] for a in x])[:-1], axis)

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> tuple[Any, Pullback]:
        ops, places = self.backend, self._places(x)
        y = ops.empty((x[0].shape[0], *self.compute_output_shape([(None, *a.shape[1:]) for a in x])[1:]), x[0].dtype)
        for a, place in zip(x, places, strict=True):
            put(ops, a, place, y)

        def pullback(dy: Any, need_dx: Any = True) -> list[Any]:
            needs = need_dx if isinstance(need_dx, tuple) else (bool(need_dx),) * len(x)
            return [
                pick(ops, dy, place, a.shape[1:]) if need else None for a, place, need in zip(x, places, needs, strict=True)
            ]

        return y, pullback

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """Masks side by side along the steps, ones where an input has none; along another axis what any has, if all have one."""
        if all(m is None for m in mask):
            return None
        if self.axis % x[0].ndim == 1 and of_host(self.backend, mask):
            return np.concatenate([np.ones(a.shape[:2], bool) if m is None else m for a, m in zip(x, mask, strict=True)], axis=1)
        if self.axis % x[0].ndim == 1:
            ops, ones = self.backend, lambda a: self.backend.asarray(np.ones(a.shape[:2], a.dtype))
            masks = [ones(a) if m is None else m for a, m in zip(x, mask, strict=True)]
            steps = [m.shape[1] for m in masks]
            out = ops.empty((masks[0].shape[0], sum(steps)), masks[0].dtype)
            for m, place in zip(masks, np.split(np.arange(sum(steps)), np.cumsum(steps)[:-1]), strict=True):
                put(ops, m, place, out)
            return out
        return any_of(self.backend, mask)

    def config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class Dot(Merge):
    """The products of two inputs, summed along an axis of each: (batch, a, n) and (batch, b, n) along axis 2 give (batch, a, b).

    Arguments: ``axes``, one for both or two; ``normalize``, whether rows along the axis are brought to length one first, so that the output
    is the cosine of their angle. Two vectors give (batch, 1). Raises ValueError for axes of different lengths, and the batch axis.
    """

    recordable = True
    kept_kinds = INTEGERS
    fewest = most = 2

    def __init__(self, axes: Any, normalize: bool = False, **common: Any):
        super().__init__(**common)
        pair = axes if isinstance(axes, (list, tuple)) else (axes, axes)
        if len(pair) != 2 or any(isinstance(a, bool) or not isinstance(a, (int, np.integer)) for a in pair):
            raise ValueError(f"Layer {self.name!r}: axes must be an integer or two. Received: axes={axes!r}.")
        self.axes, self.normalize = axes, bool(normalize)
        if self.normalize:
            self.kept_kinds = ()
        self._pair = (int(pair[0]), int(pair[1]))

    def _axes(self, shapes: list[Any]) -> list[int]:
        axes = [a % len(s) if -len(s) <= a < len(s) else 0 for a, s in zip(self._pair, shapes, strict=True)]
        if 0 in axes:
            raise ValueError(f"Layer {self.name!r}: axes must name axes of a row. Received: axes={self.axes} for shapes {shapes}.")
        return axes

    def compute_output_shape(self, input_shape: Any) -> Any:
        shapes = self.check(input_shape)
        axes = self._axes(shapes)
        sizes = [s[a] for s, a in zip(shapes, axes, strict=True)]
        if sizes[0] != sizes[1]:
            raise ValueError(
                f"Layer {self.name!r}: incompatible input shapes: axis values {sizes[0]} (at axis {axes[0]}) != {sizes[1]} (at axis "
                f"{axes[1]}). Received: {shapes[0]}, {shapes[1]}."
            )
        free = [n for s, a in zip(shapes, axes, strict=True) for i, n in enumerate(s) if i not in (0, a)]
        return (None, *(free or [1]))

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> tuple[Any, Pullback]:
        ops, axes = self.backend, self._axes([a.shape for a in x])
        shape = self.compute_output_shape([(None, *a.shape[1:]) for a in x])
        sides = [_Side(ops, a, axis, self.normalize) for a, axis in zip(x, axes, strict=True)]
        a, b = sides
        deep = a.deep
        y = ops.empty((x[0].shape[0], *shape[1:]), x[0].dtype)
        ops.launch(ROW_DOTS, a.rows, b.rows, b.free * deep, a.free, b.free, deep, deep, 1, deep, 1, y)

        def pullback(dy: Any, need_dx: Any = True) -> list[Any]:
            needs = need_dx if isinstance(need_dx, tuple) else (bool(need_dx),) * 2
            out: list[Any] = [None, None]
            for i, (own, other) in enumerate(((a, b), (b, a))):
                if needs[i]:
                    d = ops.empty(own.rows.shape, dy.dtype)
                    along = (b.free, 1) if i == 0 else (1, b.free)
                    ops.launch(ROW_DOTS, dy, other.rows, other.free * deep, own.free, deep, other.free, *along, 1, deep, d)
                    out[i] = own.back(d)
            return out

        return y, pullback

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        return None

    def config(self) -> dict[str, Any]:
        return {"axes": self.axes, "normalize": self.normalize}


class _Side:
    """An input with the axis last: ``rows`` (batch, free, deep)."""

    def __init__(self, ops: Any, x: Any, axis: int, normalize: bool):
        self.ops, self.shape, self.deep = ops, x.shape, x.shape[axis]
        self.free = math.prod(x.shape[1:]) // max(self.deep, 1)
        self._index = np.moveaxis(numbered(x.shape[1:]), axis - 1, -1)
        moved = axis != x.ndim - 1
        self.rows = pick(ops, x, self._index, (self.free, self.deep)) if moved else x.reshape(x.shape[0], self.free, self.deep)
        self._moved, self._unit = moved, None
        if normalize:
            flat = self.rows.reshape(-1, self.deep)
            y, inverse = ops.empty(flat.shape, x.dtype), ops.empty((flat.shape[0],), x.dtype)
            ops.launch(UNIT_ROWS, flat, MOST, y, inverse)
            self.rows, self._unit = y.reshape(self.rows.shape), (y, inverse)

    def back(self, d: Any) -> Any:
        """The input's gradient from that of the rows."""
        if self._unit is not None:
            flat = d.reshape(self._unit[0].shape)
            self.ops.launch(UNIT_ROWS_BWD, flat, *self._unit, MOST, flat)
        if self._moved:
            back = np.argsort(self._index.reshape(-1))
            return pick(self.ops, d, back, self.shape[1:])
        return d.reshape(self.shape)


def concatenate(inputs: Any, axis: int = -1, **common: Any) -> Any:
    """`Concatenate` of these inputs."""
    return Concatenate(axis, **common)(inputs)


def dot(inputs: Any, axes: Any = -1, **common: Any) -> Any:
    """`Dot` of these two inputs; `normalize` may be among the options."""
    return Dot(axes, **common)(inputs)
