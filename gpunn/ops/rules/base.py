"""Rules by definitions, and the rule of what is linear."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gpunn.layers.tensor import Record, Tensor
from gpunn.ops import along_axes
from gpunn.ops.at_once import Call, operate
from gpunn.ops.moves import copy, filled
from gpunn.ops.operation import Definition
from gpunn.ops.shaping import RESHAPE

Found = list[Tensor | None]


@dataclass
class Asked:
    """A call of an operation whose gradients are asked for: its ``operands`` (tensors in the type that it computed in, numbers, arrays),
    ``y``, the gradient ``dy``, and for each operand whether its own is needed."""

    call: Call
    record: Record
    operands: list[Any]
    y: Tensor
    dy: Tensor
    needs: list[bool]


Rule = Callable[[Asked], Found]
RULES: dict[Any, Rule] = {}  # by definitions and by their classes


class OfTensors(Definition):
    """An operation that is called on tensors alone, by rules."""

    def outcome(self, operands: Sequence[Any], options: dict[str, Any]) -> tuple[Any, str]:
        return (), "float32"


def rule(*kinds: Any) -> Callable[[Rule], Rule]:
    """The rule of these definitions, or of all of these classes: of a call's `Asked` a gradient for each operand, made of operations."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(kinds, function))
        return function

    return register


def gradients_of(call: Call, record: Record, gradients: Sequence[Tensor | None], needs: Sequence[bool]) -> Found:
    """The gradients of a call's inputs. Raises NotImplementedError for an operation without a rule."""
    definition, inputs, asked = call.definition, iter(zip(record.inputs, needs, strict=True)), []
    found = next((RULES[kind] for kind in (definition, *type(definition).__mro__) if kind in RULES), None)
    if found is None:
        raise without(f"operation {definition.name!r}")
    for value in call.values:
        asked.append(next(inputs) if isinstance(value, Tensor) else (value, False))
    dy: Any = gradients[0]
    y = Tensor(call.y, dy.backend)
    y.number, y.made_by = record.outputs[0], record  # what other tapes know by this number
    made = found(Asked(call, record, [v for v, _ in asked], y, dy, [need for _, need in asked]))
    return [d for d, value in zip(made, call.values, strict=True) if isinstance(value, Tensor)]


def without(what: str) -> NotImplementedError:
    """The error for what has no second derivative."""
    return NotImplementedError(
        f"GradientTape.gradient while another tape records: {what} has no gradient of its gradient. First derivatives are there: ask for "
        "them after the blocks of all tapes, or within `stop_recording` of the others."
    )


def folded(d: Any, like: Tensor) -> Tensor:
    """A gradient of the shape of broadcast operands as that of one of them."""
    extra = len(d.shape) - len(like.shape)
    axes = [i for i, n in enumerate(d.shape) if i < extra or (like.shape[i - extra] == 1 and n != 1)]
    return shaped(along_axes.sum(d, axis=axes, keepdims=True) if axes else d, like.shape)


def shaped(tensor: Any, shape: Sequence[int]) -> Any:
    return tensor if tuple(tensor.shape) == tuple(shape) else operate(RESHAPE, [tensor], {"shape": tuple(shape)})


class Linear:
    """The rule of a call that is linear in its inputs: gradients by its own pullback, which is linear as well, and whose pullback is the
    call. ``forward`` of tensors gives tensors, recorded with a rule."""

    def __init__(self, forward: Callable[[list[Tensor]], list[Tensor]]):
        self.forward = forward

    def __call__(self, record: Record, gradients: Sequence[Tensor | None], needs: Sequence[bool]) -> Found:
        given = [g for g in gradients if g is not None]
        arrays = record.pullback([None if g is None else copy(g.backend, g.array) for g in gradients], needs)
        made = [None if a is None else Tensor(a.reshape(t.shape), t.backend) for a, t in zip(arrays, record.inputs, strict=True)]

        def back(of: Record, upstream: Sequence[Tensor | None], needed: Sequence[bool]) -> Found:
            own = iter(upstream)
            chosen = [None if m is None else next(own) for m in made]
            ys = self.forward([zeros_of(t) if d is None else d for d, t in zip(chosen, record.inputs, strict=True)])
            return [shaped(y, g.shape) for y, g in zip(ys, gradients, strict=True) if g is not None]

        out = [m for m in made if m is not None]

        def pullback(upstream: list[Any], needed: Sequence[bool]) -> list[Any]:
            tensors = [None if d is None else Tensor(d.reshape(m.shape), m.backend) for d, m in zip(upstream, out, strict=True)]
            return [t.array for t in back(made_by, tensors, needed) if t is not None]

        made_by = Record(given, out, pullback, [], rule=back)
        return made


def zeros_of(tensor: Tensor) -> Tensor:
    return Tensor(filled(tensor.backend, tensor.shape, 0.0, tensor.computed_in), tensor.backend)


def linear(asked: Asked) -> Found:
    """The rule of an operation that is linear in its tensors."""
    call = asked.call

    def forward(tensors: list[Tensor]) -> list[Tensor]:
        given = iter(tensors)
        return [operate(call.definition, [next(given) if isinstance(v, Tensor) else v for v in call.values], call.options)]

    needs = [need for need, value in zip(asked.needs, call.values, strict=True) if isinstance(value, Tensor)]
    made = iter(Linear(forward)(asked.record, [asked.dy], needs))
    return [next(made) if isinstance(value, Tensor) else None for value in call.values]
