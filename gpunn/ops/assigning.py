"""Parameters that are set to a tensor: within a graph ``weight.assign(tensor)`` is a step of it, done anew every time it runs; to one that
has its values it is a copy on the device, and part of a recording."""

from typing import Any

import numpy as np

from gpunn.backend.traced import trace
from gpunn.kernels.data import COUNT
from gpunn.kernels.record import REGISTRY
from gpunn.layers.graph import KerasTensor, Node
from gpunn.layers.parameter import Parameter, name_of, whole
from gpunn.layers.tensor import Tensor
from gpunn.ops.arithmetic import cast
from gpunn.ops.operation import Owned, current, operand


class Assigned(Owned):
    """The first input, written into a parameter. Nothing has a gradient by it: what is read afterwards is the parameter."""

    recordable = True

    def __init__(self, parameter: Parameter, value: KerasTensor):
        super().__init__(name_of(parameter.value.dtype), "assigned")
        self.into = parameter
        Node(self, [value], [KerasTensor(parameter.shape, self.dtype)], many_in=True, arguments=([value],))

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Any]:
        self.backend.launch(REGISTRY["linear"], whole(x[0].reshape(self.into.shape)), whole(self.into.value))
        return x[0], lambda dy, need_dx=True: [None]


def assigned_in_graph(parameter: Parameter, value: Any) -> bool:
    """Make the assignment a step of the graph that is being traced; False where none is, or the value is no tensor of it.

    Raises ValueError when the shape differs."""
    graph = current()
    if graph is None:
        return False
    tensor = operand(value)
    if not isinstance(tensor, KerasTensor) or tensor.has_values:
        return False
    if tuple(tensor.shape) != tuple(parameter.shape):
        raise ValueError(f"Cannot assign to {parameter.name}: expected shape {parameter.shape}. Received: {tensor.shape}.")
    if parameter.shown is not None:
        tensor = cast(tensor, parameter.shown)
    before = graph.weights.pop(id(parameter), None)  # who reads it from now on reads what it is then
    if before is not None:
        before.node.layer.copied = True
    graph.assigned.append(Assigned(parameter, tensor).output)
    return True


def assigned_here(parameter: Parameter, value: Any) -> bool:
    """Copy a tensor that has its values, or another parameter, on the device of both; False for anything else."""
    array = value.array if isinstance(value, Tensor) else value.value if isinstance(value, Parameter) else None
    if array is None or value.backend is not parameter.backend or tuple(value.shape) != tuple(parameter.shape):
        return False
    if array.dtype != parameter.value.dtype or array.dtype.kind != "f" or parameter.shown is not None:
        return False
    parameter.backend.launch(REGISTRY["linear"], array.reshape(-1), parameter.value.reshape(-1))
    _changed(parameter)
    return True


def counted_here(parameter: Parameter, value: Any, sign: int) -> bool:
    """Add one whole number to whole numbers, or take it away, on their device; False for anything else."""
    kernel = COUNT.get(name_of(parameter.value.dtype))
    if kernel is None or not isinstance(value, (int, np.integer)):
        return False
    parameter.backend.launch(kernel, parameter.value.reshape(-1), sign * int(value))
    _changed(parameter)
    return True


def _changed(parameter: Parameter) -> None:
    """Its version is another one, now and after each replay of what is being recorded."""
    _count(parameter)
    if (recorded := trace()) is not None:
        recorded.taken.append(lambda: [parameter.value])
        recorded.ends.append(lambda: _count(parameter))


def _count(parameter: Parameter) -> None:
    parameter.version += 1
