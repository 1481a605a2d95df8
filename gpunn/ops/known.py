"""Operations that have their forward and backward already: gpunn's activations and losses, called on symbolic tensors."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.ops.moves import spread
from gpunn.ops.operation import Back, Definition, Place, apply
from gpunn.ops.reductions import MEAN, SUM


class Activated(Definition):
    """An activation of gpunn's."""

    def numpy(self, x: Any, activation: Any = None) -> Any:
        return activation(x)

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        x, chosen = operands[0], options["activation"]
        y, back = chosen.apply(op.backend, x, shape=x.shape)
        return y.reshape(chosen.compute_output_shape(x.shape)), lambda dy, needs: [back(dy)]


class Lost(Definition):
    """A loss of gpunn's, one value for each row or position; its gradient is the prediction's alone."""

    def numpy(self, y_true: Any, y_pred: Any, loss: Any = None) -> Any:
        return loss(y_true, y_pred)

    def outcome(self, operands: Sequence[Any], options: dict[str, Any]) -> tuple[Any, str]:
        return options["loss"].value_shape(operands[1].shape), "float32"

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        ops, loss = op.backend, options["loss"]
        y, p = operands
        values = loss.value_shape(p.shape)
        if loss.sparse:
            raise ValueError(f"Loss {loss.name} of symbolic tensors: its labels are integers, and a graph's numbers are not. Use one_hot.")
        y = y.reshape(p.shape) if y.size == p.size else spread(ops, y, p.shape)
        ones = ops.asarray(np.ones(loss.count(p.shape), p.dtype))

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            if needs[0]:
                raise ValueError(f"Loss {loss.name} of symbolic tensors has no gradient in y_true. Use stop_gradient, or gpunn.ops.")
            return [None, loss.record(ops, y, p, dy.reshape(-1), 1.0)[1] if needs[1] else None]

        return loss.record(ops, y, p, ones, 1.0)[0].reshape(values), back


ACTIVATED, LOST = Activated("activation"), Lost("loss")


def activated(activation: Any, x: Any) -> Any:
    """An activation of a symbolic tensor."""
    return apply(ACTIVATED, x, activation=activation)


def reduced(loss: Any, y_true: Any, y_pred: Any) -> Any:
    """A loss of symbolic predictions: its values, or, where it reduces them, their mean or sum."""
    values = loss.call(y_true, y_pred) if loss.own_call else apply(LOST, y_true, y_pred, loss=loss)
    if loss.reduction in (None, "none"):
        return values
    return apply(SUM if loss.reduction == "sum" else MEAN, values, axis=None, keepdims=False)
