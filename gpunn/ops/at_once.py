"""Operations on tensors that have their values: run at once, by the same forward and pullback as in a graph, and recorded by the tape."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gpunn.layers.fed import Fed
from gpunn.layers.tensor import Record, Tensor, watched
from gpunn.ops.operation import Definition

FLOATS = ("float32", "float64")
_kinds: dict[Any, str] = {}  # the type that comes out, by operation and the types that go in


class Here(NamedTuple):
    """What a definition's `device` asks of the operation."""

    backend: Any
    dtype: str


class Call:
    """What was called, as the rule of its record: its values and the array that came out."""

    __slots__ = ("definition", "options", "values", "y")

    def __init__(self, definition: Any, values: Sequence[Any], options: dict[str, Any], y: Any):
        self.definition, self.values, self.options, self.y = definition, values, options, y

    def __call__(self, record: Record, gradients: list[Tensor | None], needs: Sequence[bool]) -> list[Tensor | None]:
        from gpunn.ops.rules import gradients_of  # which are made of operations

        return gradients_of(self, record, gradients, needs)


def operate(definition: Definition, values: Sequence[Any], options: dict[str, Any]) -> Tensor:
    """An operation on tensors, numbers and arrays. Raises ValueError where tensors are on several devices."""
    places = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
    first = values[places[0]]
    dtype = max((values[i].computed_in for i in places if values[i].dtype in FLOATS), default=first.computed_in)
    given = [as_tensor(values[i], first.backend, dtype) for i in places]
    operands = [placed(v, first.backend, dtype) for v in values]
    for i, tensor in zip(places, given, strict=True):
        operands[i] = tensor.array
    y, back = definition.device(Here(first.backend, dtype), operands, options)
    key = (definition.name, options.get("dtype"), *(v.dtype if isinstance(v, Tensor) else np.asarray(v).dtype.kind for v in values))
    if key not in _kinds:
        _kinds[key] = definition.outcome(values, options)[1]
    kind = _kinds[key]
    out = Tensor(y, first.backend, dtype if np.dtype(kind).kind == "f" else kind)
    if out.dtype not in FLOATS or definition.constant:
        return out  # there is no way back

    def pullback(gradients: list[Any], needs: Sequence[bool]) -> list[Any]:
        asked = [False] * len(values)
        for place, need in zip(places, needs, strict=True):
            asked[place] = need
        found = back(gradients[0].reshape(y.shape), asked)
        return [None if found[i] is None else found[i].reshape(t.array.shape) for i, t in zip(places, given, strict=True)]

    Record(given, [out], pullback, rule=Call(definition, values, options, y))
    return out


def placed(value: Any, backend: Any, dtype: str) -> Any:
    """A constant as `device` takes it; a tensor as it is."""
    if isinstance(value, Tensor):
        return value
    return float(value) if np.ndim(value) == 0 else backend.asarray(np.asarray(value, dtype))


def as_tensor(value: Any, backend: Any, dtype: str) -> Tensor:
    """A tensor on this device, in this floating type: itself, the one that stands for an array that is watched, or a new one.

    Raises ValueError for a tensor on another device.
    """
    tensor = value if isinstance(value, Tensor) else watched(value)
    if tensor is None:
        here = backend.adopt(value, "a tensor")
        array = backend.asarray(np.asarray(value, dtype) if here is None else here, dtype)
        return Tensor(array.reshape(np.shape(value)), backend)  # a backend may give a number of no axes one
    if isinstance(tensor, Fed):
        tensor = tensor.on(backend)
    if tensor.backend is not backend:
        raise ValueError(f"A tensor: expected one on {backend.name}. Received: {tensor.shape} on {tensor.backend.name}.")
    return tensor if tensor.computed_in == dtype else cast(tensor, dtype)


def cast(tensor: Tensor, dtype: str) -> Tensor:
    """The same numbers in another floating type."""
    ops, before = tensor.backend, tensor.computed_in
    array = tensor.typed(dtype) if isinstance(tensor, Fed) else _converted(ops, tensor.array, dtype)
    out = Tensor(array, ops, dtype if tensor.dtype in FLOATS else tensor.dtype)
    Record(
        [tensor], [out], lambda gradients, needs: [_converted(ops, gradients[0], before)],
        rule=lambda record, gradients, needs: [cast(g, before) for g in gradients if g is not None],
    )
    return out


def _converted(ops: Any, array: Any, dtype: str) -> Any:
    return ops.asarray(ops.to_numpy(array).astype(dtype)).reshape(array.shape)
