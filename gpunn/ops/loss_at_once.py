"""A loss of tensors that have their values, as a tape records it: value and gradient in one pass, as in a step of `fit`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.layers.parameter import Parameter
from gpunn.layers.prepared import fit_as_they_are, prepared
from gpunn.layers.tensor import Record, Tensor, of_parameter
from gpunn.losses.base import LEFT, Loss
from gpunn.losses.targets import beside
from gpunn.losses.targets import weights as weights_of
from gpunn.ops import along_axes, arithmetic, shaping
from gpunn.ops.at_once import Here
from gpunn.ops.elementwise import MULTIPLY
from gpunn.ops.expression import scaled
from gpunn.ops.reductions import SUM


def lost(loss: Loss, y_true: Any, y_pred: Any, sample_weight: Any = None, ready: bool = False) -> Tensor:
    """The loss of these predictions: a number, or with no reduction the values. `ready`: the targets are what `prepare` gave.

    Raises ValueError for targets or weights that do not fit, and, on the way back, for a gradient in built-in losses' `y_true`.
    """
    p = of_parameter(y_pred) if isinstance(y_pred, Parameter) else y_pred
    p = _shaped(p, beside(np.shape(y_true), p.shape, loss.squeezes))
    if loss.own_call and not getattr(getattr(loss, "fn", None), "recordable", False):
        values = loss.call(y_true, p)
        if isinstance(values, Tensor):
            return _reduced(loss, values, sample_weight)
    if p.ndim == 1:  # one row
        out = lost(loss, shaping.expand_dims(y_true, 0), shaping.expand_dims(p, 0), None, ready)
        out = _shaped(out, ())
        return out if sample_weight is None else _reduced(loss, out, weights_of(np.asarray(sample_weight), (), loss.name))
    ops, truth = p.backend, [y_true] if isinstance(y_true, Tensor) else []
    shape, dtype = p.shape, p.computed_in

    def prepare(y: Any) -> Any:
        return y if ready else loss.prepare(y, (None, *shape[1:]), dtype)

    with ops.here():
        if not ready and fit_as_they_are(loss, y_true, p):
            target = y_true.array.reshape(p.array.shape)
        else:
            target = prepared(ops, y_true, prepare, (loss, shape, dtype))
    if target.shape[0] != shape[0]:
        raise ValueError(f"Loss {loss.name}: as many targets as predictions are needed. Received: {target.shape[0]} and {shape[0]}.")
    if sample_weight is None:
        w = ops.asarray(np.ones(shape[0] * loss.positions(shape), dtype))
    else:
        w = prepared(ops, sample_weight, lambda w: np.ascontiguousarray(loss._weights(w, shape), dtype), ("weights", loss, shape, dtype))
    weights, scale = loss.weigh(ops, target, w), loss.scale(loss.count(shape))
    values, gradient = loss.record(ops, target, p.array, weights, scale)
    here = Here(ops, p.computed_in)
    each = MULTIPLY.device(here, [values, weights], {})[0]
    left = loss.reduction in LEFT
    if left:
        out = Tensor(each.reshape(loss.value_shape(shape)), ops)
    else:
        out = Tensor(scaled(ops, SUM.device(here, [each], {"axis": None, "keepdims": False})[0], float(scale)), ops)

    def check(needs: Sequence[bool]) -> None:
        if truth and needs[0]:
            raise ValueError(f"Loss {loss.name} has no gradient in y_true. Use stop_gradient on it, or write the loss with gpunn.ops.")

    def back(gradients: list[Any], needs: Sequence[bool]) -> list[Any]:
        check(needs)
        if left:
            parts = MULTIPLY.device(here, [gradients[0].reshape(weights.shape), weights], {})[0]
            found = loss.record(ops, target, p.array, parts, 1.0)[1]
        else:
            found = scaled(ops, gradient, gradients[0])
        return [*[None] * len(truth), found.reshape(p.array.shape)]

    def again(inputs: Sequence[Tensor], needs: Sequence[bool]) -> list[Tensor]:
        from gpunn.ops.rules.losses import loss_again  # which is made of operations

        check(needs)
        return [loss_again(loss, target, weights, inputs[-1])]

    Record([*truth, p], [out], back, again=again)
    return out


def _shaped(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    return x if x.shape == shape else shaping.reshape(x, shape)


def _reduced(loss: Loss, values: Tensor, sample_weight: Any) -> Tensor:
    """The values of a user's loss, weighed and reduced as the loss says."""
    if sample_weight is not None:
        weight = np.asarray(sample_weight)
        values = arithmetic.multiply(values, weight.reshape(*weight.shape, *(1,) * (values.ndim - weight.ndim)))
    if loss.reduction in LEFT:
        return values
    if loss.reduction == "mean_with_sample_weight" and sample_weight is not None:
        return arithmetic.divide(along_axes.sum(values), float(np.broadcast_to(sample_weight, values.shape).sum()))
    return along_axes.sum(values) if loss.reduction == "sum" else along_axes.mean(values)
