"""Operations that only move elements: the same NumPy function, done to the numbers of the elements, says where each comes from."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpunn.kernels.columns import PICK_COLUMNS, PUT_COLUMNS, SUM_COLUMNS
from gpunn.kernels.record import REGISTRY, Kernel
from gpunn.layers.columns import numbered
from gpunn.layers.parameter import whole
from gpunn.ops.one_type import of_one_type
from gpunn.ops.operation import Back, Definition, Place


def _by_rows(index: np.ndarray, rows: int, wide: int) -> np.ndarray | None:
    """Where the columns of a row come from, if each row takes from the row of its own number only, and all alike."""
    if rows == 0 or index.size % rows:
        return None
    within = index.reshape(rows, -1) - wide * np.arange(rows)[:, None]
    first = within[0]
    return first if ((first >= 0) & (first < wide)).all() and (within == first).all() else None


def _split(index: np.ndarray, x: Any) -> tuple[int, np.ndarray]:
    """-> (rows, index within a row) of a gather from x: row by row where it can be, else as one long row."""
    rows = x.shape[0] if x.ndim else 1
    own = _by_rows(index, rows, x.size // rows) if rows else None
    return (1, index.reshape(-1)) if own is None else (rows, own)


def _index(ops: Any, index: np.ndarray) -> Any:
    return ops.asarray(np.ascontiguousarray(index.reshape(-1), np.int32))


def gather(ops: Any, x: Any, index: np.ndarray) -> Any:
    """y[i] = x.flat[index[i]], of index's shape; where nothing moves, x itself in another shape."""
    if index.size == x.size and (index.reshape(-1) == np.arange(x.size)).all():
        return x.reshape(index.shape)
    rows, own = _split(index, x)
    y = ops.empty((rows, own.size), x.dtype)
    if index.size:
        ops.launch(PICK_COLUMNS, x.reshape(rows, -1), _index(ops, own), own.size, y)
    return y.reshape(index.shape)


def fold(ops: Any, kernel: Kernel, x: Any, index: np.ndarray, shape: Sequence[int]) -> Any:
    """y.flat[i] = the sum (or what else the kernel makes) of all x.flat[j] with index[j] = i: the gradient of `gather`, where it sums."""
    rows, wide = shape[0] if shape else 1, math.prod(shape[1:])
    own = _by_rows(index, rows, wide) if rows else None
    if own is None:
        rows, wide, own = 1, math.prod(shape), index.reshape(-1)
    y = ops.empty((rows, wide), x.dtype)
    order = np.argsort(own, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(own, minlength=wide))])
    given = x.reshape(rows, -1) if x.size else x.reshape(rows, 0)
    ops.launch(kernel, given, _index(ops, starts), _index(ops, order if order.size else np.zeros(1)), wide, y)
    return y.reshape(tuple(shape))


def spread(ops: Any, x: Any, shape: Sequence[int]) -> Any:
    """x broadcast to this shape."""
    return x if x.shape == tuple(shape) else gather(ops, x, np.broadcast_to(numbered(x.shape), tuple(shape)))


def fold_to(ops: Any, dy: Any, shape: Sequence[int]) -> Any:
    """The gradient of `spread`: dy summed to this shape."""
    if dy.shape == tuple(shape):
        return dy
    return fold(ops, SUM_COLUMNS, dy, np.broadcast_to(numbered(shape), dy.shape), shape)


def copy(ops: Any, x: Any) -> Any:
    y = ops.empty(x.shape, x.dtype)
    ops.launch(REGISTRY["linear"], whole(x), whole(y))
    return y


def filled(ops: Any, shape: Sequence[int], value: float, dtype: Any) -> Any:
    """An array of one number, which a recorded step writes anew each time it runs: whoever gets it may overwrite it."""
    return copy(ops, ops.asarray(np.full(tuple(shape) or (1,), value, dtype))).reshape(tuple(shape))


class Move(Definition):
    """An operation from the NumPy function that does it: ``function(x, **options)``."""

    def __init__(self, name: str, function: Callable[..., Any]):
        super().__init__(name)
        self.function = function

    def numpy(self, *operands: Any, **options: Any) -> Any:
        return self.function(*operands, **options)

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        ops, x = op.backend, operands[0]
        index = np.asarray(self.function(numbered(x.shape), **options))

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            own = index.reshape(-1)
            if own.size == x.size and (own == np.arange(x.size)).all():
                return [dy.reshape(x.shape)]
            return [fold(ops, SUM_COLUMNS, dy, index, x.shape)]

        return gather(ops, x, index), back


class Join(Move):
    """The same of several arrays, each of whose elements goes to one place: ``function(*arrays, **options)``."""

    def numpy(self, *arrays: Any, **options: Any) -> Any:
        return super().numpy(*of_one_type(arrays, False), **options)

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        ops, dtype = op.backend, op.dtype
        arrays = [ops.asarray(np.full((1,), v, dtype)).reshape(()) if isinstance(v, float) else v for v in operands]
        ends = np.cumsum([0, *(a.size for a in arrays)])
        index = np.asarray(self.function(*(numbered(a.shape) + at for a, at in zip(arrays, ends, strict=False)), **options))
        y = ops.empty(index.shape, dtype)
        places = np.argsort(index.reshape(-1))  # where each element goes
        parts = [places[a:b] for a, b in itertools.pairwise(ends)]
        for a, place in zip(arrays, parts, strict=True):
            rows = index.shape[0] if index.ndim else 1
            own = _by_rows(place, rows, index.size // rows) if rows else None
            rows, own = (1, place) if own is None else (rows, own)
            if own.size:
                ops.launch(PUT_COLUMNS, a.reshape(rows, -1), _index(ops, own), index.size // rows, y.reshape(rows, -1))

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            return [
                gather(ops, dy, place.reshape(a.shape)) if need else None for a, place, need in zip(arrays, parts, needs, strict=True)
            ]

        return y, back
