"""Layers of several inputs that are not linear in them: products, and the largest and smallest."""

import functools
from collections.abc import Callable
from typing import Any

from gpunn import layers as L
from gpunn.layers.tensor import Tensor
from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import shaping
from gpunn.training.opened.base import Opened, opens


def _chain(two: Callable[[Any, Any], Any]) -> Callable[[Opened, list[Tensor]], Any]:
    def chained(call: Opened, inputs: list[Tensor]) -> Any:
        deep = max(len(t.shape) for t in inputs)
        wide = [shaping.reshape(t, (t.shape[0], *(1,) * (deep - len(t.shape)), *t.shape[1:])) if len(t.shape) < deep else t for t in inputs]
        return functools.reduce(two, wide)

    return chained


opens(L.Multiply)(_chain(a.multiply))
opens(L.Maximum)(_chain(a.maximum))
opens(L.Minimum)(_chain(a.minimum))


@opens(L.Dot)
def dot(call: Opened, inputs: list[Tensor]) -> Any:
    """Rows by rows along the axes, brought to the end; axes that are free stay in their order."""
    axes, sides = call.layer._axes([t.shape for t in inputs]), []
    for t, axis in zip(inputs, axes, strict=True):
        last = shaping.moveaxis(t, axis, -1)
        unit = along.normalize(last, axis=-1) if call.layer.normalize else last
        sides.append(shaping.reshape(unit, (t.shape[0], -1, t.shape[axis])))
    found = along.matmul(sides[0], shaping.swapaxes(sides[1], -1, -2))
    return shaping.reshape(found, (inputs[0].shape[0], *call.layer.compute_output_shape([t.shape for t in inputs])[1:]))
