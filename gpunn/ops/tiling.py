"""Repeating along axes, as many times as there are rows too."""

from typing import Any

import numpy as np

from gpunn.layers.graph import KerasTensor
from gpunn.ops import arithmetic as a
from gpunn.ops import elementwise, shaping
from gpunn.ops.operation import apply


def tile(x: Any, repeats: Any) -> Any:
    """Repeated along each axis. The first axis, where it has length 1, as many times as there are rows, too: by what `shape` says of them,
    alone, in a list, or in a vector that was put together of it."""
    wanted = [repeats] if isinstance(repeats, int) else numbers_in(repeats)
    if not any(isinstance(n, KerasTensor) for n in wanted):
        return apply(shaping.TILE, x, repeats=tuple(int(n) for n in wanted))
    x = shaping.reshape(x, (1,) * (len(wanted) - shaping.ndim(x)) + tuple(np.shape(x) if not isinstance(x, KerasTensor) else x.shape))
    if any(isinstance(n, KerasTensor) for n in wanted[1:]) or x.shape[0] != 1:
        raise TypeError(f"tile: expected whole numbers, or a number of rows for a first axis of length 1. Received: {wanted}, {x.shape}.")
    once = apply(shaping.TILE, x, repeats=(1, *(int(n) for n in wanted[1:])))
    return a.multiply(once, shaping.ones([wanted[0], *(1,) * (len(wanted) - 1)]))


def numbers_in(vector: Any) -> list[Any]:
    """The numbers of a list or an array; of a symbolic vector that was put together of lengths and numbers, these. Raises TypeError for
    another one."""
    if not isinstance(vector, KerasTensor) or vector.has_values:
        return list(vector)
    layer: Any = vector.node.layer
    made_by = getattr(layer, "definition", None)
    if made_by is shaping.ROWS:
        return [vector]
    if made_by in (shaping.CONCATENATE, shaping.STACK):
        return [n for part in layer.operands(vector.node.inputs) for n in (numbers_in(part) if hasattr(part, "shape") else [part])]
    if made_by in (shaping.SLICE, shaping.RESHAPE, elementwise.CAST):
        return numbers_in(vector.node.inputs[0])
    raise TypeError(f"Expected lengths that gpunn.ops.shape gives, and numbers. Received: {vector!r}.")
