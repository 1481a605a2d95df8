"""Rules of activations: of one element from their formulas, of an axis from what comes out."""

from typing import Any

from gpunn import activations
from gpunn.activations.traced import FromTensors
from gpunn.layers.tensor import Tensor
from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import shaping
from gpunn.ops.known import ACTIVATED, activated
from gpunn.ops.reductions import LOG_SOFTMAX, SOFTMAX
from gpunn.ops.rules.base import Asked, Found, rule, without, zeros_of
from gpunn.ops.rules.formulas import on_tensors


@rule(ACTIVATED)
def activation(asked: Asked) -> Found:
    chosen, (x,) = asked.call.options["activation"], asked.operands
    if not chosen.elementwise:
        return [_of_axis(chosen, asked)]
    if chosen is activations.linear:
        return [asked.dy]
    forward, backward, constants, _ = chosen.formulas
    array = next(o.name for o in forward.operands if o.read and o.kind == "full")
    values: dict[str, Any] = constants | {array: x, forward.outputs[0].name: asked.y}
    rest = [o.name for o in backward.operands if o.read][1:]
    d = on_tensors(backward.formula)(asked.dy, *(values[name] for name in rest))
    return [zeros_of(x) if isinstance(d, float) else d]


def _of_axis(chosen: Any, asked: Asked) -> Tensor:
    axis = chosen.formulas.axis if chosen.name in activations.rows.NAMES else None
    axis = tuple(axis) if isinstance(axis, list) else axis
    if chosen.name == "softmax":
        return _softmax(asked, axis)
    if chosen.name == "log_softmax":
        return _log_softmax(asked, axis)
    if chosen.name == "sparsemax":
        return _sparsemax(asked, axis)
    if chosen.name == "glu":
        return _glu(asked, axis)
    raise without(f"activation {chosen.name!r}")


def _softmax(asked: Asked, axis: Any) -> Any:
    """y (dy - sum(y dy)): its true Jacobian."""
    y, dy = asked.y, asked.dy
    return a.multiply(y, a.subtract(dy, along.sum(a.multiply(y, dy), axis=axis, keepdims=True)))


def _log_softmax(asked: Asked, axis: Any) -> Any:
    """dy - softmax(x) sum(dy)."""
    return a.subtract(asked.dy, a.multiply(a.exp(asked.y), along.sum(asked.dy, axis=axis, keepdims=True)))


def _sparsemax(asked: Asked, axis: Any) -> Any:
    """dy less its mean, over those that are not 0 (Martins & Astudillo 2016, 2.5)."""
    inside = a.stop_gradient(a.cast(a.greater(asked.y, 0.0), asked.y.computed_in))
    mean = a.divide(along.sum(a.multiply(inside, asked.dy), axis=axis, keepdims=True), along.sum(inside, axis=axis, keepdims=True))
    return a.multiply(inside, a.subtract(asked.dy, mean))


def _glu(asked: Asked, axis: Any) -> Any:
    """Of first * s, where s is the sigmoid of the second half: dy s and dy first s (1 - s), side by side."""
    first, gate = shaping.split(asked.operands[0], 2, axis)
    s = a.sigmoid(gate)
    through = a.multiply(asked.dy, s)
    return shaping.concatenate([through, a.multiply(a.multiply(through, first), a.subtract(1.0, s))], axis=axis)


rule(SOFTMAX)(lambda asked: [_softmax(asked, asked.call.options["axis"])])
rule(LOG_SOFTMAX)(lambda asked: [_log_softmax(asked, asked.call.options["axis"])])


def applied(chosen: Any, x: Tensor) -> Any:
    """An activation of a tensor, as an operation that has a rule. Raises NotImplementedError where there is none."""
    if isinstance(chosen, FromTensors):
        return chosen.function(x)
    return x if chosen is activations.linear else activated(chosen, x)
