"""Losses as metrics, under the names Keras gives them."""

from typing import Any

import numpy as np

from gpunn import losses
from gpunn.kernels import weighing
from gpunn.metrics.base import MeanOfRows, add_up, ones


class LossMetric(MeanOfRows):
    """Any loss as a metric: its mean over positions."""

    sign = 1.0

    def __init__(self, loss: Any, name: str | None = None, dtype: Any = None):
        self.loss = losses.get(loss)
        self.default_name = self.default_name or self.loss.name
        super().__init__(name, dtype)

    @property
    def recordable(self) -> bool:
        return self.loss.recordable

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        return self.loss.prepare(y, output_shape, dtype)

    def record(self, ops: Any, y: Any, p: Any) -> Any:
        count = self.loss.positions(p.shape) * p.shape[0]
        weight = self.loss.weigh(ops, y, ops.asarray(np.ones(count, p.dtype))) if self.loss.batchwise else ones(ops, count, p.dtype)
        return self.loss.record(ops, y, p, weight, 1.0 / max(count, 1))[0]

    def weighed_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        axis = self.loss.axis
        return tuple(n for i, n in enumerate(shape) if i != axis % len(shape)) if isinstance(axis, int) else super().weighed_shape(shape)

    def accumulate(self, ops: Any, y: Any, p: Any, weight: Any, sums: Any, step: Any) -> None:
        rows = len(p)
        y, p = self.parts(y, p, weight)
        values = self.record(ops, y, p)
        if values.size != weight.size:  # a loss with one value a batch counts once a batch, as in Keras
            if self.weighted and not self.loss.batchwise:
                raise ValueError(f"Metric {self.name}: {values.size} values cannot be weighed by {weight.size} weights.")
            weight = ones(ops, values.size, p.dtype)
        add_up(ops, values, weight, rows, sums, step)

    def result(self) -> float:
        return self.sign * super().result()

    def get_config(self) -> dict[str, Any]:
        return {"loss": losses.serialize(self.loss), "name": self.name}


class _Named(LossMetric):
    """A metric class whose arguments are its loss's."""

    loss_class: Any = None

    def __init__(self, name: str | None = None, dtype: Any = None, **options: Any):
        self.options = options
        super().__init__(self.loss_class(**options), name or self.default_name or self.loss_class.function_name, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, **self.options}


class MeanSquaredError(_Named):
    __doc__ = losses.MeanSquaredError.__doc__
    direction, loss_class = "down", losses.MeanSquaredError


class RootMeanSquaredError(_Named):
    """The root of the mean squared error over everything seen."""

    direction, loss_class, default_name = "down", losses.MeanSquaredError, "root_mean_squared_error"
    elementwise = each_weighs = True

    def result(self) -> float:
        return float(super().result() ** 0.5)


class MeanAbsoluteError(_Named):
    __doc__ = losses.MeanAbsoluteError.__doc__
    direction, loss_class = "down", losses.MeanAbsoluteError


class MeanAbsolutePercentageError(_Named):
    __doc__ = losses.MeanAbsolutePercentageError.__doc__
    direction, loss_class = "down", losses.MeanAbsolutePercentageError


class MeanSquaredLogarithmicError(_Named):
    __doc__ = losses.MeanSquaredLogarithmicError.__doc__
    direction, loss_class = "down", losses.MeanSquaredLogarithmicError


class CosineSimilarity(_Named):
    """<t, p> / (|t| |p|), with the sign that the loss of this name has not: 1 is the same direction."""

    direction, loss_class, sign = "up", losses.CosineSimilarity, -1.0


class LogCoshError(_Named):
    __doc__ = losses.LogCosh.__doc__
    direction, loss_class, default_name = "down", losses.LogCosh, "logcosh"


class Hinge(_Named):
    __doc__ = losses.Hinge.__doc__
    direction, loss_class = "down", losses.Hinge


class SquaredHinge(_Named):
    __doc__ = losses.SquaredHinge.__doc__
    direction, loss_class = "down", losses.SquaredHinge


class CategoricalHinge(_Named):
    __doc__ = losses.CategoricalHinge.__doc__
    direction, loss_class = "down", losses.CategoricalHinge


class KLDivergence(_Named):
    __doc__ = losses.KLDivergence.__doc__
    direction, loss_class = "down", losses.KLDivergence


class Poisson(_Named):
    __doc__ = losses.Poisson.__doc__
    direction, loss_class = "down", losses.Poisson


class BinaryCrossentropy(_Named):
    __doc__ = losses.BinaryCrossentropy.__doc__
    direction, loss_class = "down", losses.BinaryCrossentropy


class CategoricalCrossentropy(_Named):
    __doc__ = losses.CategoricalCrossentropy.__doc__
    direction, loss_class = "down", losses.CategoricalCrossentropy


class SparseCategoricalCrossentropy(_Named):
    """The loss of this name. Positions of ignore_class have the value 0, and count unless the metric is weighted, as in Keras."""

    direction, loss_class = "down", losses.SparseCategoricalCrossentropy

    def accumulate(self, ops: Any, y: Any, p: Any, weight: Any, sums: Any, step: Any) -> None:
        values, rows = self.record(ops, y, p), len(p)
        if self.loss.ignore_class is not None and self.weighted:
            keep, _ = self.loss.kept(ops, y, p.dtype)
            counted = ops.empty(weight.shape, weight.dtype)
            ops.launch(weighing.WEIGH, weight, keep, 0, 0, counted)
            weight = counted
        add_up(ops, values, weight, rows, sums, step)
