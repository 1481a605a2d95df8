"""A penalty on the angles between the rows of a matrix."""

from typing import Any

import numpy as np

from gpunn.backend import get_backend
from gpunn.kernels import unit
from gpunn.kernels.record import REGISTRY
from gpunn.regularizers.base import Regularizer, factor_of
from gpunn.results import dressed

STEEPEST = 1e7  # rows shorter than its inverse are not made any longer


class OrthogonalRegularizer(Regularizer):
    """factor * mean |cosine| over the pairs of rows (or columns, by `mode`) of a matrix: they are pushed to right angles.

    Raises ValueError for a factor that is not finite and at least 0, another mode, or a weight that is no matrix of two rows (columns).
    """

    recordable = True

    def __init__(self, factor: float = 0.01, mode: str = "rows"):
        if mode not in ("rows", "columns"):
            raise ValueError(f'Invalid value for argument `mode`. Expected one of {{"rows", "columns"}}. Received: mode={mode}')
        self.factor, self.mode = factor_of("factor", factor), mode

    def check(self, name: str, w: Any) -> None:
        if len(w.shape) != 2 or self.slots(w.shape) < 2:
            raise ValueError(
                f"OrthogonalRegularizer of {name}: expected a matrix with at least two {self.mode}. Received: shape {w.shape}."
            )

    def record(self, ops: Any, w: Any, gradient: Any, value: Any, scale: float = 1.0) -> None:
        """Launch value (one a row, or column, into `value`) and `scale` times the gradient, added to `gradient` (None: the value alone)."""
        size = self.slots(w.shape)
        columns = self.mode == "columns"
        if columns:
            turned = ops.empty(w.shape[::-1], w.dtype)
            ops.launch(unit.TRANSPOSE, w, 0.0, turned)
            w = turned
        rows, inverse, slope = ops.empty(w.shape, w.dtype), ops.empty((size,), w.dtype), ops.empty((size, size), w.dtype)
        ops.launch(unit.UNIT_ROWS, w, STEEPEST, rows, inverse)
        ops.launch(unit.ANGLES, ops.gram(rows), self.factor / (size * (size - 1) / 2), scale, slope, value)
        if gradient is None:
            return
        d = ops.matmul(slope, rows)
        ops.launch(unit.UNIT_ROWS_BWD, d, rows, inverse, STEEPEST, d)
        if columns:
            ops.launch(unit.TRANSPOSE, d, 1.0, gradient)
        else:
            ops.launch(REGISTRY["add"], gradient, d)

    def slots(self, shape: tuple[int, ...]) -> int:
        """How many values `record` writes."""
        return shape[self.mode == "columns"]

    def __call__(self, w: Any) -> float:
        w = np.asarray(w)
        w = np.ascontiguousarray(w, "float64" if w.dtype == np.float64 else "float32")
        self.check("an array", w)
        ops = get_backend()
        value = ops.empty((self.slots(w.shape),), w.dtype)
        self.record(ops, ops.asarray(w), None, value)
        return dressed(float(ops.to_numpy(value).sum()))
