"""Losses and penalties as operations: those that are formulas of an element by their gradients' formulas, others by their values' terms."""

import math
from collections.abc import Callable
from typing import Any

from gpunn import losses
from gpunn.kernels.row_losses import EPSILON, SLOPES
from gpunn.kernels.weighing import NUMBER
from gpunn.layers.tensor import Tensor
from gpunn.losses.base import LEFT, Loss
from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import shaping
from gpunn.ops.known import LOST
from gpunn.ops.operation import apply
from gpunn.ops.rules.base import Asked, Found, rule, shaped, without
from gpunn.ops.rules.formulas import on_tensors

Values = Callable[[Any, Any, Any], Any]  # (loss, targets, predictions) -> the values


def loss_again(loss: Loss, targets: Any, weights: Any, predictions: Tensor) -> Any:
    """The loss of predictions, from targets and weights as `Loss.record` takes them, made of operations.

    Raises NotImplementedError for a loss that cannot be."""
    values = loss_values(loss, targets, predictions)
    weighed = a.multiply(values, Tensor(weights.reshape(values.shape), predictions.backend))
    return weighed if loss.reduction in LEFT else a.multiply(along.sum(weighed), float(loss.scale(loss.count(predictions.shape))))


def loss_values(loss: Loss, targets: Any, predictions: Tensor) -> Any:
    """The values, one for each position."""
    by_terms = next((VALUES[kind] for kind in type(loss).__mro__ if kind in VALUES), None)
    if loss.own_call or (by_terms is None and getattr(loss.kernel, "name", None) not in SLOPES):
        raise without(f"loss {loss.name!r}")
    if loss.sparse:
        targets = _one_hot(loss, targets, predictions)
    if not isinstance(targets, Tensor):
        targets = Tensor(targets, predictions.backend)
    targets = shaped(targets, predictions.shape)
    return apply(LOST, targets, predictions, loss=loss) if by_terms is None else by_terms(loss, targets, predictions)


def _one_hot(loss: Any, labels: Any, predictions: Tensor) -> Tensor:
    """Integer labels as columns of ones and zeros; those that do not count as the first class."""
    ops, shape = predictions.backend, loss.value_shape(predictions.shape)
    if loss.ignore_class is not None:
        labels = loss.kept(ops, labels, predictions.computed_in)[1]
    numbers = ops.empty((labels.size,), predictions.computed_in)
    ops.launch(NUMBER, labels.reshape(-1), numbers)
    hot = shaping.one_hot(Tensor(numbers.reshape(shape), ops), predictions.shape[loss.axis], dtype=predictions.computed_in)
    return shaping.moveaxis(hot, -1, loss.axis)


# ---------------------------------------------------------------------- formulas of an element
INSIDE = {  # of these kernels: the predictions between which there is a gradient
    "binary_crossentropy": (EPSILON, 1.0 - EPSILON), "kl_divergence": (EPSILON, 1.0), "mean_squared_logarithmic_error": (EPSILON, math.inf),
}


@rule(LOST)
def lost(asked: Asked) -> Found:
    """The gradient's formula of each element, times that of its value; of a mean divided by how many it is of."""
    loss, (targets, predictions) = asked.call.options["loss"], asked.operands
    formula, mean = SLOPES[loss.kernel.name]
    columns = predictions.shape[loss.axis]
    low, high = INSIDE.get(loss.kernel.name, (-math.inf, math.inf))
    if low > -math.inf:  # where there is no gradient the formula may have no value either
        inside = a.logical_and(a.greater(predictions, low), a.less(predictions, high))
        slope = on_tensors(formula)(a.where(inside, predictions, 0.5), targets, *loss.numbers_of(columns))
        slope = a.where(inside, slope, 0.0)
    else:
        slope = on_tensors(formula)(predictions, targets, *loss.numbers_of(columns))
    d = shaping.expand_dims(asked.dy, loss.axis)
    return [None, a.multiply(slope, a.multiply(d, 1.0 / max(columns, 1)) if mean else d)]


# ---------------------------------------------------------------------- terms of a whole row
def _clipped_shares(loss: Any, p: Any) -> Any:
    return a.clip(a.divide(p, along.sum(p, axis=loss.axis, keepdims=True)), EPSILON, 1.0 - EPSILON)


def _crossentropy(loss: Any, t: Any, p: Any) -> Any:
    logarithms = along.log_softmax(p, axis=loss.axis) if loss.from_logits else a.log(_clipped_shares(loss, p))
    return a.negative(along.sum(a.multiply(t, logarithms), axis=loss.axis))


def _focal(loss: Any, t: Any, p: Any) -> Any:
    q = _clipped_shares(loss, along.softmax(p, axis=loss.axis) if loss.from_logits else p)
    shape = [-1 if i == loss.axis % len(p.shape) else 1 for i in range(len(p.shape))]
    alpha = loss.alpha if isinstance(loss.alpha, (int, float)) else shaping.reshape(loss.alpha, shape)
    miss = a.power(a.subtract(1.0, q), loss.gamma)
    return a.negative(along.sum(a.multiply(a.multiply(a.multiply(t, alpha), miss), a.log(q)), axis=loss.axis))


def _cosine(loss: Any, t: Any, p: Any) -> Any:
    def unit(x: Any) -> Any:
        return along.normalize(x, axis=loss.axis, epsilon=EPSILON)

    return a.negative(along.sum(a.multiply(unit(t), unit(p)), axis=loss.axis))


def _hinge(loss: Any, t: Any, p: Any) -> Any:
    others = along.max(a.multiply(a.subtract(1.0, t), p), axis=loss.axis)
    return a.maximum(a.add(1.0, a.subtract(others, along.sum(a.multiply(t, p), axis=loss.axis))), 0.0)


def penalty_slope(regularizer: Any, w: Tensor) -> Any:
    """The gradient of what a regularizer makes of weights, element by element. Raises NotImplementedError where it is no formula."""
    if getattr(regularizer, "penalty", None) is None:
        raise without(f"regularizer {regularizer!r}")
    coefficients = regularizer.coefficients(math.prod(w.shape))
    return on_tensors(regularizer.penalty.rows_gradient.formula)(0.0, w, 1.0, *coefficients)


VALUES: dict[type, Values] = {
    losses.CategoricalCrossentropy: _crossentropy, losses.CategoricalFocalCrossentropy: _focal, losses.CategoricalHinge: _hinge,
    losses.CosineSimilarity: _cosine,
}
