"""What scikit-learn's estimators minimise: losses of their scaling, and penalties of the coefficients in relation to the rows of a batch.

Each loss knows two factors. Its gradient is that of a sum over a row's columns, as scikit-learn's is; `factor` turns the kernels' mean over
columns into the value that scikit-learn reports.
"""

from typing import Any

import numpy as np

from gpunn import losses
from gpunn.kernels import row_losses
from gpunn.kernels.data import ACCUMULATE, PICK_WEIGHTS
from gpunn.kernels.decay import DECAY_ROWS


class LogLoss(losses.SparseCategoricalCrossentropy):
    """-log p of each row's class; labels are integers, the output is a softmax."""

    output, factor = "softmax", 1.0

    def __init__(self, columns: int):
        super().__init__()


class _Columns(losses.Loss):
    """A mean over columns whose gradient is `slope` times that of the mean, times the columns."""

    output, slope = "linear", 1.0

    def __init__(self, columns: int):
        super().__init__()
        self.columns, self.factor = columns, float(columns)

    def scale(self, rows: int) -> float:
        return super().scale(rows) * self.slope * self.columns


class BinaryLogLoss(_Columns, losses.BinaryCrossentropy):
    """-[t log p + (1 - t) log(1 - p)], summed over columns; the output is a sigmoid."""

    output = "sigmoid"


class HalfSquaredError(_Columns, losses.MeanSquaredError):
    """(p - t)^2 / 2. The gradient is that of the sum over columns, the value reported is the mean over them: scikit-learn's choice."""

    slope = 0.5

    def __init__(self, columns: int):
        super().__init__(columns)
        self.factor = 0.5


class HalfPoissonDeviance(_Columns):
    """t log(t / p) - t + p, summed over columns, of the rate p = exp(z) that the model gives the logarithm z of."""

    kernel = row_losses.POISSON_DEVIANCE


class Mistakes(_Columns):
    """Columns on the wrong side of 0 (on it counts as above), each a mistake; the gradient is step(z) - t, Rosenblatt's correction."""

    kernel = row_losses.PERCEPTRON


class Penalty:
    """strength / 2 * sum w^2 / rows over the coefficients of all layers, intercepts free: in place of a step's `training.penalties`.

    With `shares`, one number for each row of the data set, a batch's factor is that of its first row in place of strength / rows.
    """

    recordable = True

    def __init__(self, strength: float, model: Any):
        self.strength, self.model = float(strength), model
        self.shares: Any = None
        self.feed: Any = None
        self._rows = 0
        self._values: list[Any] = []

    def begin(self, rows: int, factor: float = 1.0) -> None:
        """Before a step. No loss is scaled here, so that `factor` is 1."""
        self._rows, self._values = rows, []

    def weights(self, training: bool) -> None:
        """Launch the gradient, added to the model's, and the value of each row of coefficients."""
        ops, dtype = self.model.backend, self.model.storage.values.dtype
        if self.shares is None:
            factor = ops.asarray(np.array([self.strength / self._rows], dtype))
        else:
            factor = ops.empty((1,), dtype)
            ops.launch(PICK_WEIGHTS, self.shares, self.feed.order, self.feed.position, factor)
        for p in self.model.parameters:
            if p.learns and len(p.shape) == 2:
                self._values.append(ops.empty(p.shape[:1], dtype))
                ops.launch(DECAY_ROWS, p.value, factor, p.gradient, self._values[-1])

    def add_up(self, rows: int, step: Any, sums: Any) -> None:
        """Add the step's values, once for each of its rows, to ``sums[0]``."""
        ops = self.model.backend
        for value in self._values:
            ops.launch(ACCUMULATE, value, ops.asarray(np.full(value.shape, rows, value.dtype)), step, sums)

    def settle(self, rate: Any) -> None:
        pass

    def notes(self) -> list[str]:
        return [f"L2 penalty of all coefficients, {self.strength:g} / 2 over the rows of the batch: in step with each row's gradient"]
