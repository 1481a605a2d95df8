"""Activations as layers, with parameters or without."""

from typing import Any

from gpunn import layers as L
from gpunn.layers.activation import ALONE
from gpunn.layers.tensor import Tensor
from gpunn.ops import arithmetic as a
from gpunn.ops.rules.activations import applied
from gpunn.training.opened.base import Opened, opens, weight


@opens(*ALONE)
def activation(call: Opened, inputs: list[Tensor]) -> Any:
    return applied(call.stage.activation or call.layer.activation, inputs[0])


@opens(L.PReLU)
def prelu(call: Opened, inputs: list[Tensor]) -> Any:
    (x,) = inputs
    return a.where(a.greater(x, 0.0), x, a.multiply(weight(call.layer.alpha), x))
