"""Connectionist temporal classification: sequences of labels whose places in time are not known."""

from typing import Any

import numpy as np

from gpunn.backend.foreign import as_array
from gpunn.kernels import alignments, row_activations
from gpunn.losses import targets
from gpunn.losses.base import BuiltIn


class CTC(BuiltIn):
    """-log of the likelihood of a label sequence, summed over all its alignments with the steps (Graves et al. 2006).

    y_pred: logits (rows, steps, classes), class 0 being the blank; y_true: labels (rows, longest), each row's first, then zeros. One value
    a row. Raises ValueError for other shapes, labels out of range or after a zero, and rows with more labels (and blanks between equal
    ones) than steps, which have no alignment.
    """

    function_name = "ctc"

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        y, where = as_array(y), f"Loss {self.name}"
        if y.ndim != 2 or len(output_shape) != 3 or not y.shape[1]:
            raise ValueError(
                f"{where}: expected labels of shape (rows, longest) and logits of shape (rows, steps, classes). "
                f"Received: {y.shape} and {tuple(output_shape)}."
            )
        y = targets.integers(y, where)
        steps, classes = output_shape[1], int(output_shape[2] or 0)
        bad = (y < 0) | (y >= classes)
        bad[:, 1:] |= (y[:, 1:] != 0) & (y[:, :-1] == 0)
        if bad.any():
            place = np.unravel_index(int(np.argmax(bad)), bad.shape)
            raise ValueError(
                f"{where}: labels must be from 1 to {classes - 1}, then zeros. Received: {y[place]} at place {place[1]} of row {place[0]}."
            )
        needed = (y != 0).sum(axis=1) + ((y[:, 1:] == y[:, :-1]) & (y[:, 1:] != 0)).sum(axis=1)
        if steps is not None and len(y) and needed.max() > steps:
            row = int(np.argmax(needed))
            raise ValueError(f"{where}: row {row} needs at least {needed[row]} steps for its labels. Received: {steps} steps.")
        return y.astype(np.int32)

    def value_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape[:1]

    def record(self, ops: Any, y: Any, p: Any, weight: Any, scale: float) -> tuple[Any, Any]:
        rows, steps, classes = p.shape
        width, states = y.shape[1], 2 * y.shape[1] + 1
        logp, alpha, beta = ops.empty(p.shape, p.dtype), ops.empty((rows, steps * states), p.dtype), ops.empty((rows, 2 * states), p.dtype)
        ops.launch(row_activations.LOG_SOFTMAX, p.reshape(-1, classes), logp.reshape(-1, classes))
        values, gradient = ops.empty((rows,), p.dtype), ops.empty(p.shape, p.dtype)
        ops.launch(alignments.CTC, logp, y, weight, scale, classes, width, values, gradient, alpha, beta)
        return values, gradient
