"""A loss of tensors that have their values, as a tape records it: value and gradient in one pass, as in a step of `fit`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.backend.traced import trace
from gpunn.layers.fed import Fed
from gpunn.layers.parameter import Parameter
from gpunn.layers.tensor import Record, Tensor, of_parameter
from gpunn.losses.base import LEFT, Loss
from gpunn.ops import along_axes, arithmetic, shaping
from gpunn.ops.at_once import Here
from gpunn.ops.elementwise import MULTIPLY
from gpunn.ops.expression import scaled
from gpunn.ops.reductions import SUM


def lost(loss: Loss, y_true: Any, y_pred: Any, sample_weight: Any = None, prepared: bool = False) -> Tensor:
    """The loss of these predictions: a number, or with no reduction the values. `prepared`: the targets are what `prepare` gave.

    Raises ValueError for targets or weights that do not fit, and, on the way back, for a gradient in built-in losses' `y_true`.
    """
    p = of_parameter(y_pred) if isinstance(y_pred, Parameter) else y_pred
    if loss.own_call and not getattr(getattr(loss, "fn", None), "recordable", False):
        values = loss.call(y_true, p)
        if isinstance(values, Tensor):
            return _reduced(loss, values, sample_weight)
    if p.ndim == 1:  # one row
        out = lost(loss, shaping.expand_dims(y_true, 0), shaping.expand_dims(p, 0), sample_weight, prepared)
        return out if out.shape == () else shaping.reshape(out, ())
    ops, truth = p.backend, [y_true] if isinstance(y_true, Tensor) else []
    shape, dtype = p.shape, p.computed_in

    def prepare(y: Any) -> Any:
        return y if prepared else loss.prepare(y, (None, *shape[1:]), dtype)

    with ops.here():
        if trace() and not prepared and isinstance(y_true, Tensor) and not isinstance(y_true, Fed) and _unchanged(loss, y_true, p):
            target = y_true.array.reshape(p.array.shape)
        else:
            target = _prepared(ops, y_true, prepare, (loss, shape, dtype))
    if target.shape[0] != shape[0]:
        raise ValueError(f"Loss {loss.name}: as many targets as predictions are needed. Received: {target.shape[0]} and {shape[0]}.")
    if sample_weight is None:
        w = ops.asarray(np.ones(shape[0] * loss.positions(shape), dtype))
    else:
        w = _prepared(ops, sample_weight, lambda w: np.ascontiguousarray(loss._weights(w, shape), dtype), ("weights", loss, shape, dtype))
    weights, scale = loss.weigh(ops, target, w), loss.scale(loss.count(shape))
    values, gradient = loss.record(ops, target, p.array, weights, scale)
    here = Here(ops, p.computed_in)
    each = MULTIPLY.device(here, [values, weights], {})[0]
    left = loss.reduction in LEFT
    if left:
        out = Tensor(each.reshape(loss.value_shape(shape)), ops)
    else:
        out = Tensor(scaled(ops, SUM.device(here, [each], {"axis": None, "keepdims": False})[0], float(scale)), ops)

    def back(gradients: list[Any], needs: Sequence[bool]) -> list[Any]:
        if truth and needs[0]:
            raise ValueError(f"Loss {loss.name} has no gradient in y_true. Use stop_gradient on it, or write the loss with gpunn.ops.")
        if left:
            parts = MULTIPLY.device(here, [gradients[0].reshape(weights.shape), weights], {})[0]
            found = loss.record(ops, target, p.array, parts, 1.0)[1]
        else:
            found = scaled(ops, gradient, gradients[0])
        return [*[None] * len(truth), found.reshape(p.array.shape)]

    Record([*truth, p], [out], back, [])
    return out


def _unchanged(loss: Loss, y: Tensor, p: Tensor) -> bool:
    """Whether these targets, which were worked out on the device, are what `prepare` would make of them: it only checks."""
    shape, dtype = p.array.shape, p.computed_in
    if loss.own_call or y.backend is not p.backend or y.computed_in != dtype or y.array.size != p.array.size:
        return False
    probes = [np.full(shape, value, dtype) for value in (0, 0.5, 1)]
    try:
        return all(np.array_equal(loss.prepare(probe, (None, *shape[1:]), dtype), probe) for probe in probes)
    except ValueError:
        return False


def _prepared(ops: Any, value: Any, recipe: Any, key: Any) -> Any:
    """On the device what a recipe makes of a value on the host."""
    if isinstance(value, Fed):
        return value.on(ops).of(key, recipe)
    return ops.asarray(recipe(value.numpy() if isinstance(value, (Tensor, Parameter)) else value))


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
