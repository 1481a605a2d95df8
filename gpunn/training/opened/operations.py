"""What calls written by the user are made of: operations, alone or several in one pass, weights and constants."""

from typing import Any

from gpunn.layers.tensor import Tensor
from gpunn.ops.assigning import Assigned
from gpunn.ops.drawing import Normal
from gpunn.ops.known import ACTIVATED, LOST
from gpunn.ops.operation import Operation, Weight, apply
from gpunn.ops.rules.activations import applied
from gpunn.ops.rules.base import zeros_of
from gpunn.ops.rules.losses import loss_values
from gpunn.training.fuse_operations import Fused
from gpunn.training.opened.base import Opened, opens, weight


@opens(Operation)
def operation(call: Opened, inputs: list[Tensor]) -> Any:
    return _operated(call.layer, inputs)


def _operated(layer: Any, inputs: list[Tensor]) -> Any:
    operands, options = layer.operands(inputs), layer.options
    if layer.definition is ACTIVATED:
        return applied(options["activation"], *operands)
    if layer.definition is LOST:
        return loss_values(options["loss"], *operands)
    return apply(layer.definition, *operands, **options)


@opens(Fused)
def fused(call: Opened, inputs: list[Tensor]) -> Any:
    plan = call.layer.alone
    values = dict(zip(plan.inputs, inputs, strict=True))
    for stage in plan.stages:
        values[stage.outputs[0]] = _operated(stage.layer, [values[i] for i in stage.inputs])
    return values[plan.outputs[0]]


@opens(Assigned, Normal)
def without_gradient(call: Opened, inputs: list[Tensor]) -> Any:
    """What depends on its inputs' shapes alone, or is read elsewhere."""
    return zeros_of(inputs[0])


@opens(Weight)
def read(call: Opened, inputs: list[Tensor]) -> Any:
    return weight(call.layer.reads[0])
