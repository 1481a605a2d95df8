"""`reshape` to a shape with several lengths that only the arrays tell: what `shape` says of axes, and what is worked out of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.layers.graph import KerasTensor
from gpunn.ops import elementwise as e
from gpunn.ops.operation import Back, Definition, Place, apply

ARITHMETIC = {e.ADD: "+", e.SUBTRACT: "-", e.MULTIPLY: "*", e.DIVIDE: "/", e.FLOOR: "floor", e.CAST: "", e.NEGATIVE: "neg"}


class ReshapeTo(Definition):
    """x in a shape whose lengths are numbers, or are worked out of the lengths of the other operands' axes."""

    def numpy(self, x: Any, *others: Any, lengths: Any = ()) -> Any:
        return np.reshape(x, [length(n, others) for n in lengths])

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        x, *others = operands
        y = x.reshape(tuple(length(n, others) for n in options["lengths"]))
        return y, lambda dy, needs: [dy.reshape(x.shape), *[None] * len(others)]


RESHAPE_TO = ReshapeTo("reshape_to")


def length(wanted: Any, others: Sequence[Any]) -> int:
    """A length: itself, ("axis", which operand, its axis), or (sign, lengths ...)."""
    if not isinstance(wanted, tuple):
        return int(wanted)
    return int(_worked_out(wanted, others))


def _worked_out(wanted: Any, others: Sequence[Any]) -> float:
    if not isinstance(wanted, tuple):
        return wanted
    sign, *parts = wanted
    if sign == "axis":
        return int(others[parts[0]].shape[parts[1]])
    a, b = ([_worked_out(part, others) for part in parts] * 2)[:2]
    if sign == "floor":
        return a // 1
    return {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b, "neg": lambda: -a, "": lambda: a}[sign]()


def reshape_to(x: Any, newshape: Sequence[Any]) -> Any:
    """x in this shape, several of whose lengths are symbolic. Raises TypeError for one that is not worked out of what `shape` says."""
    others: list[KerasTensor] = []
    return apply(RESHAPE_TO, x, *others_of(newshape, others), lengths=tuple(told(n, others) for n in newshape))


def others_of(newshape: Sequence[Any], others: list[KerasTensor]) -> list[KerasTensor]:
    """The tensors whose axes are asked for, each once."""
    for n in newshape:
        told(n, others)
    return others


def told(n: Any, others: list[KerasTensor]) -> Any:
    """What `length` takes for a number that may be symbolic; tensors whose axes it asks for are put into `others`."""
    from gpunn.ops.shaping import ROWS  # which reshapes by this

    if not isinstance(n, KerasTensor):
        return -1 if n is None else int(n) if float(n).is_integer() else float(n)
    layer: Any = n.node.layer
    definition = getattr(layer, "definition", None)
    if definition is ROWS:
        (tensor,) = n.node.inputs
        if tensor not in others:
            others.append(tensor)
        return "axis", others.index(tensor), layer.options["axis"]
    if definition not in ARITHMETIC:
        raise TypeError(f"Expected whole numbers, and what is worked out of gpunn.ops.shape. Received: {n!r}.")
    given = iter(n.node.inputs)
    operands = [layer.constants[i] if i in layer.constants else next(given) for i in range(layer.count)]
    return (ARITHMETIC[definition], *(told(part, others) for part in operands))
