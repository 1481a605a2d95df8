"""Operations along axes: sums, means, the largest, and softmax. Along the batch axis they are of one batch: rows of a batch of prediction
or evaluation then depend on which others are in it."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn import activations
from gpunn.kernels.arithmetic import among_ties, is_equal
from gpunn.kernels.columns import LARGEST_COLUMNS, SUM_COLUMNS, times
from gpunn.kernels.reductions import COLUMN_SUM
from gpunn.layers.columns import numbered
from gpunn.layers.parameter import whole
from gpunn.ops.expression import Expression, Total
from gpunn.ops.moves import fold, spread
from gpunn.ops.operation import Back, Definition, Place


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes as a tuple of numbers from 0. Raises ValueError for one that is not there."""
    given = range(ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    if any(not -ndim <= a < ndim for a in given):
        raise ValueError(f"Expected axes of an array of {ndim} axes. Received: axis={axis!r}.")
    return tuple(sorted({int(a) % ndim for a in given}))


def _kept(shape: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def shape_after(shape: Sequence[int], axes: Sequence[int], keepdims: bool) -> tuple[int, ...]:
    return _kept(shape, axes) if keepdims else tuple(n for i, n in enumerate(shape) if i not in axes)


def _places(shape: Sequence[int], axes: Sequence[int]) -> np.ndarray:
    """Which of the results each element is part of."""
    return np.broadcast_to(numbered(_kept(shape, axes)), tuple(shape))


def total(ops: Any, x: Any, axes: Sequence[int]) -> Any:
    """The sum over these axes, which stay with length one: within the rows first, then over them."""
    within = [a for a in axes if a > 0]
    if within:
        x = fold(ops, SUM_COLUMNS, x, _places(x.shape, within), _kept(x.shape, within))
    if 0 in axes:
        y = ops.empty(_kept(x.shape, [0]), x.dtype)
        ops.launch(COLUMN_SUM, x, 0.0, y.reshape(-1))
        x = y
    return x


class Sum(Definition):
    """The sum over axes; with `mean` divided by how many elements it is of."""

    def __init__(self, name: str, mean: bool = False):
        super().__init__(name)
        self.mean = mean

    def numpy(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        x = np.asarray(x)
        axis = tuple(axis) if isinstance(axis, list) else axis
        dtype = np.float32 if self.mean and x.dtype.kind != "f" else None
        return (np.mean if self.mean else np.sum)(x, axis=axis, keepdims=keepdims, dtype=dtype)

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        ops, x = op.backend, operands[0]
        axes = axes_of(options["axis"], x.ndim)
        if Total.takes(axes, x.ndim):
            y, gradients = Expression([], 1).run(ops, [x], op.dtype, Total(axes, self.mean))
            return y.reshape(shape_after(x.shape, axes, options["keepdims"])), gradients
        factor = 1.0 / max(math.prod(x.shape[a] for a in axes), 1) if self.mean else 1.0
        y = total(ops, x, axes) if axes else spread(ops, x, x.shape)
        if self.mean and axes:
            ops.launch(times, whole(y), factor)

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            if self.mean:
                ops.launch(times, whole(dy), factor)
            return [spread(ops, dy.reshape(_kept(x.shape, axes)), x.shape)]

        return y.reshape(shape_after(x.shape, axes, options["keepdims"])), back


class Largest(Definition):
    """The largest element along axes; the gradient goes to it, in equal parts where there are several."""

    def numpy(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return np.max(x, axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims)

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        ops, x = op.backend, operands[0]
        axes = axes_of(options["axis"], x.ndim)
        places, kept = _places(x.shape, axes), _kept(x.shape, axes)
        y = fold(ops, LARGEST_COLUMNS, x, places, kept)

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            best, ties, dx = spread(ops, y, x.shape), ops.empty(x.shape, x.dtype), ops.empty(x.shape, x.dtype)
            ops.launch(is_equal, whole(x), whole(best), whole(ties))
            count = spread(ops, fold(ops, SUM_COLUMNS, ties, places, kept), x.shape)
            wide = spread(ops, dy.reshape(kept), x.shape)
            ops.launch(among_ties, whole(wide), whole(x), whole(best), whole(count), whole(dx))
            return [dx]

        return y.reshape(shape_after(x.shape, axes, options["keepdims"])), back


class OfRows(Definition):
    """One of the activations that take an axis."""

    def numpy(self, x: Any, axis: int = -1) -> Any:
        x = np.asarray(x, np.result_type(x, np.float32))
        z = x - x.max(axis=axis, keepdims=True)
        z = z - np.log(np.exp(z).sum(axis=axis, keepdims=True))
        return z if self.name == "log_softmax" else np.exp(z)

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        x = operands[0]
        y, back = activations.get(self.name).configured(axis=options["axis"]).apply(op.backend, x, shape=x.shape)
        return y.reshape(x.shape), lambda dy, needs: [back(dy)]


SUM, MEAN, LARGEST = Sum("sum"), Sum("mean", mean=True), Largest("max")
SOFTMAX, LOG_SOFTMAX = OfRows("softmax"), OfRows("log_softmax")
