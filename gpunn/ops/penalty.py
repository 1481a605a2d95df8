"""What a regularizer adds to the loss, as a tensor that a tape records: of a weight, or of a layer's output."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.layers.tensor import Record, Tensor
from gpunn.ops import arithmetic
from gpunn.ops.at_once import Here
from gpunn.ops.expression import scaled
from gpunn.ops.moves import filled
from gpunn.ops.reductions import SUM
from gpunn.regularizers.base import Regularizer, value_and_gradient


def penalty(regularizer: Regularizer, tensor: Tensor, name: str, rows: int = 1) -> Tensor:
    """The value, divided by a number of rows. Raises ValueError where the regularizer gives no number."""
    if type(regularizer).recordable is Regularizer.recordable:  # a class or a function of the user's
        out = regularizer(tensor)
        if isinstance(out, Tensor) and out.shape == ():
            return out if rows == 1 else out / rows
        value, gradient = value_and_gradient(regularizer, tensor.numpy(), name)
        ops = tensor.backend
        return _recorded(tensor, ops.asarray(np.asarray(value, tensor.computed_in).reshape(1)), ops.asarray(gradient), rows, regularizer)
    ops, flat = tensor.backend, tensor.array.reshape(1, -1)
    values, gradient = ops.empty((1,), flat.dtype), filled(ops, flat.shape, 0.0, flat.dtype)
    if regularizer.penalty is not None:
        coefficients = regularizer.coefficients(flat.size)
        ops.launch(regularizer.penalty.rows, flat, *coefficients, 1.0, values)
        ops.launch(regularizer.penalty.rows_gradient, gradient, flat, 1.0, *coefficients)
        return _recorded(tensor, values, gradient, rows, regularizer)
    values = ops.empty((regularizer.slots(tensor.shape),), flat.dtype)
    regularizer.record(ops, tensor.array, gradient.reshape(tensor.shape), values)
    total = SUM.device(Here(ops, tensor.computed_in), [values], {"axis": None, "keepdims": True})[0]
    return _recorded(tensor, total, gradient, rows, regularizer)


def _recorded(tensor: Tensor, value: Any, gradient: Any, rows: int, regularizer: Regularizer) -> Tensor:
    ops, share = tensor.backend, 1.0 / max(rows, 1)
    out = Tensor(scaled(ops, value, share).reshape(()), ops)

    def back(gradients: list[Any], needs: Sequence[bool]) -> list[Any]:
        return [scaled(ops, scaled(ops, gradient, share), gradients[0]).reshape(tensor.array.shape)]

    def rule(record: Record, gradients: list[Tensor | None], needs: Sequence[bool]) -> list[Tensor | None]:
        from gpunn.ops.rules.losses import penalty_slope  # which is made of operations

        return [arithmetic.multiply(arithmetic.multiply(gradients[0], share), penalty_slope(regularizer, tensor))]

    Record([tensor], [out], back, rule=rule)
    return out
