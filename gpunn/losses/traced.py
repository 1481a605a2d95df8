"""Losses and functions of targets and predictions that are arithmetic (`gpunn.ops`): traced for the shapes at hand, differentiated, run.

A function's result is a value for each row, or each position of a row, or one for the batch; what has more axes than the output without
its last is averaged down to these, as Keras averages all.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.kernels.columns import times

Function = Callable[[Any, Any], Any]


class TracedValues:
    """``function(y_true, y_pred)`` for targets and predictions of these shapes. ``per``: "position", "row" or "batch".

    Raises what tracing raises where it is no arithmetic on tensors.
    """

    def __init__(self, function: Function, y_shape: tuple[int, ...], p_shape: tuple[int, ...], dtype: str):
        from gpunn.ops import mean
        from gpunn.ops.tracing import Traced  # operations know the losses

        places = (None, *p_shape[:-1])

        def values(y: Any, p: Any) -> Any:
            out = function(y, p)
            shape = getattr(out, "shape", None)
            if shape is None or not shape or shape == places:
                return out
            if len(shape) > len(places) and shape[: len(places)] == places:
                return mean(out, axis=list(range(len(places), len(shape))))
            if shape[0] is None:
                return mean(out, axis=list(range(1, len(shape)))) if len(shape) > 1 else out
            return mean(out)

        self.shapes = (y_shape, p_shape, dtype)
        self._traced = Traced(values, [(None, *y_shape), (None, *p_shape)], dtype)
        shape = self._traced.shape
        self.per = "batch" if not shape else "position" if shape == places else "row"

    @property
    def recordable(self) -> bool:
        return self._traced.recordable

    def values(self, ops: Any, y: Any, p: Any) -> Any:
        return self._traced.run(ops, [y, p])[0]

    def record(self, ops: Any, y: Any, p: Any, weight: Any, scale: float, share: float) -> tuple[Any, Any]:
        """-> (a value for each weight, gradient of the sum of values times weight and scale). `share`: what the values of one for the whole
        batch are multiplied by, in all, when they are reduced."""
        from gpunn.ops.expression import scaled
        from gpunn.ops.moves import copy, filled, spread

        values, back = self._traced.run(ops, [y, p])
        if self.per == "batch":
            upstream = filled(ops, (), scale / share, p.dtype)
            each = copy(ops, spread(ops, values.reshape(1), (weight.size,)))
            ops.launch(times, each, 1.0 / (weight.size * share))
        else:
            upstream, each = scaled(ops, weight, float(scale)).reshape(values.shape), values.reshape(-1)
        gradient = back(upstream, needs=(False, True))[1]
        return each, filled(ops, p.shape, 0.0, p.dtype) if gradient is None else gradient.reshape(p.shape)


def traced(function: Function, y: np.ndarray, output_shape: tuple[int | None, ...], dtype: str, before: Any) -> Any:
    """`TracedValues` of a function for such targets (those of `before`, where they are alike); the exception where it cannot be traced."""
    shapes = tuple(y.shape[1:]), tuple(int(n or 0) for n in output_shape[1:]), dtype
    if isinstance(before, TracedValues) and before.shapes == shapes:
        return before
    try:
        return TracedValues(function, *shapes)
    except Exception as error:  # whatever a function of NumPy arrays does with what is none
        return error


def of_lengths(function: Function, y: Any, p: Any, before: Any) -> Any:
    """The same for arrays of a step, whose rows may have other lengths than those that were prepared last."""
    if not isinstance(before, TracedValues):
        return before
    y_shape, p_shape, dtype = before.shapes
    alike = len(y_shape) == y.ndim - 1 and len(p_shape) == p.ndim - 1
    return traced(function, y, p.shape, dtype, before) if alike else before
