"""Derivatives along a direction."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpunn.layers.graph import KerasTensor, flat, packed
from gpunn.ops.operation import operand
from gpunn.results import dressed

__all__ = ["jvp"]


def jvp(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> tuple[Any, ...]:
    """-> (``fun(*primals)``, its derivative along the tangents: the product of its Jacobian and these); with `has_aux` `fun` returns
    (value, more), and more comes out third.

    The gradient of the value in a direction u is linear in u; its own gradient in u, along the tangents, is the product (Townsend 2017).
    Raises ValueError for unlike primals and tangents, TypeError for symbolic tensors, and NotImplementedError where something has no
    gradient of its gradient.
    """
    from gpunn.training.tape import GradientTape  # training is made of operations

    points, directions = ([np.asarray(v) for v in values] for values in (_arrays(primals), _arrays(tangents)))
    if [v.shape for v in points] != [v.shape for v in directions]:
        raise ValueError(
            f"jvp: expected tangents of the primals' shapes, {[v.shape for v in points]}. Received: {[v.shape for v in directions]}."
        )
    with GradientTape() as outer:
        outer.watch(points)
        with GradientTape() as inner:
            inner.watch(points)
            found = fun(*(operand(v) for v in points))  # tensors, whose own arithmetic is recorded too
            value, more = found if has_aux else (found, ())
        ys = flat(value)
        us = [np.zeros(np.shape(y), np.asarray(y).dtype) for y in ys]
        outer.watch(us)
        gradients = inner.gradient(ys, points, output_gradients=us, unconnected_gradients="zero")
    along = outer.gradient(gradients, us, output_gradients=directions, unconnected_gradients="zero")
    out = packed(value, [dressed(np.asarray(y)) for y in ys]), packed(value, [dressed(np.asarray(d)) for d in along])
    return (*out, more) if has_aux else out


def _arrays(values: Sequence[Any]) -> Sequence[Any]:
    if not isinstance(values, (list, tuple)):
        raise TypeError(f"jvp: expected a list or tuple of arrays. Received: {type(values).__name__}.")
    if odd := [v for v in values if isinstance(v, KerasTensor) and not v.has_values]:
        raise TypeError(f"jvp: expected arrays. Received: {odd[0]!r}, a symbolic tensor.")
    return values
