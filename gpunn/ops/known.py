"""Operations that have their forward and backward already: gpunn's activations and losses, called on symbolic tensors."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.losses.targets import beside
from gpunn.ops import arithmetic as a
from gpunn.ops import shaping
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
        y = y.reshape(p.shape) if y.size == p.size else spread(ops, y, p.shape)
        ones = ops.asarray(np.ones(loss.count(p.shape), p.dtype))

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            if needs[0]:
                raise ValueError(f"Loss {loss.name} of symbolic tensors has no gradient in y_true. Use stop_gradient, or gpunn.ops.")
            return [None, loss.record(ops, y, p, dy.reshape(-1), 1.0)[1] if needs[1] else None]

        return loss.record(ops, y, p, ones, 1.0)[0].reshape(values), back


TINY = 1e-12
ACTIVATED, LOST = Activated("activation"), Lost("loss")


def activated(activation: Any, x: Any) -> Any:
    """An activation of a symbolic tensor."""
    return apply(ACTIVATED, x, activation=activation)


def reduced(loss: Any, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
    """A loss of symbolic predictions: its values, times their weights, or, where it reduces them, their mean or sum."""
    kept = None
    if not loss.own_call and np.ndim(y_true) == 0 and not hasattr(y_true, "node"):  # one target for all
        y_true = a.full_like(y_pred, float(y_true))
    if len(beside(np.shape(y_true), y_pred.shape, loss.squeezes)) < len(y_pred.shape):
        y_pred = shaping.squeeze(y_pred, -1)
    if not loss.own_call and len(y_pred.shape) == 1 and y_pred.shape[0] is not None:  # one row, which has no axis for it
        values = reduced(loss, shaping.expand_dims(y_true, 0), shaping.expand_dims(y_pred, 0), sample_weight)
        return values[0] if loss.reduction in (None, "none") else values
    if loss.own_call:
        values = loss.call(y_true, y_pred)
    elif loss.sparse:
        values, kept = _of_labels(loss, y_true, y_pred)
    else:
        values = apply(LOST, y_true, y_pred, loss=loss)
    if sample_weight is not None:
        values = a.multiply(values, _beside(values, sample_weight))
    if loss.reduction in (None, "none"):
        return values
    if loss.reduction == "sum" or kept is None:
        return apply(SUM if loss.reduction == "sum" else MEAN, values, axis=None, keepdims=False)
    return a.divide(apply(SUM, values, axis=None, keepdims=False), a.maximum(apply(SUM, kept, axis=None, keepdims=False), TINY))


def _of_labels(loss: Any, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """The values of a loss with integer labels, by the one with columns of them; and where it leaves some out, 1 for those that count."""
    from gpunn.losses import CategoricalCrossentropy  # which are made of operations too

    classes = y_pred.shape[loss.axis]
    if loss.axis not in (-1, len(y_pred.shape) - 1):
        raise ValueError(f"Loss {loss.name} of symbolic tensors: expected classes along the last axis. Received: axis={loss.axis}.")
    labels = _beside(y_pred[..., 0], y_true)
    dense = CategoricalCrossentropy(loss.from_logits, reduction=None)
    values = apply(LOST, a.stop_gradient(shaping.one_hot(labels, classes)), y_pred, loss=dense)
    if loss.ignore_class is None:
        return values, None
    kept = a.cast(a.not_equal(labels, loss.ignore_class), values.dtype)
    return a.multiply(values, kept), kept


def _beside(values: Any, other: Any) -> Any:
    """Labels or weights with the axes of the values: without a last one of length 1, or with more of them."""
    own, wanted = shaping.ndim(other), len(values.shape)
    if own == wanted + 1 and tuple(other.shape)[-1] == 1:
        return shaping.squeeze(other, -1)
    for _ in range(wanted - own):
        other = shaping.expand_dims(other, -1)
    return other
