"""Correlations of predictions with their targets."""

import math
from typing import Any

import numpy as np

from gpunn.kernels.correlation import CORRELATION
from gpunn.losses import targets
from gpunn.losses.base import moved, taken
from gpunn.metrics.base import MeanOfRows, ones


class PearsonCorrelation(MeanOfRows):
    """Pearson's correlation of each row with its target, the mean over rows: 1 goes with it, -1 against it. A row that does not vary has
    none: NaN. `axis`: the axis, or axes, of what is correlated."""

    direction = "up"
    default_name = "pearson_correlation"
    concordance = 0

    def __init__(self, name: str | None = None, dtype: Any = None, axis: Any = -1):
        super().__init__(name, dtype)
        self.axis = axis

    def _kept(self, axes: int) -> tuple[list[int], list[int]]:
        """(axes that stay, axes that are correlated)."""
        given = [self.axis] if isinstance(self.axis, (int, np.integer)) else list(self.axis)
        if any(isinstance(a, bool) or not -axes <= a < axes for a in given):
            raise ValueError(f"Metric {self.name}: axis must name axes of an output of {axes} axes. Received: axis={self.axis!r}.")
        along = [int(a) % axes for a in given]
        return [a for a in range(axes) if a not in along], along

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        self._kept(len(output_shape))
        return targets.numbers(y, output_shape, dtype, f"Metric {self.name}")

    def value_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the correlations of an output of this shape."""
        return tuple(shape[a] for a in self._kept(len(shape))[0])

    def record(self, ops: Any, y: Any, p: Any) -> Any:
        kept, along = self._kept(p.ndim)
        wide = (math.prod(p.shape[a] for a in kept), math.prod(p.shape[a] for a in along))
        if [*kept, *along] == list(range(p.ndim)):
            rows, target = p.reshape(wide), y.reshape(wide)
        else:
            order = moved(p.shape, [*kept, *along])
            rows, target = taken(ops, p, order, wide), taken(ops, y, order, wide)
        value = ops.empty(wide[:1], p.dtype)
        ops.launch(CORRELATION, rows, target, self.concordance, value)
        return value

    def accumulate(self, ops: Any, y: Any, p: Any, weight: Any, sums: Any, step: Any) -> None:
        fits = self._kept(p.ndim)[1] == [p.ndim - 1]
        if self.weighted and not fits:
            raise ValueError(f"Metric {self.name}: weights of rows go with axis=-1. Received: axis={self.axis!r}.")
        given = weight if fits else ones(ops, math.prod(self.value_shape(p.shape)), p.dtype)
        super().accumulate(ops, y, p, given, sums, step)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "axis": self.axis}


class ConcordanceCorrelation(PearsonCorrelation):
    """Lin's concordance of each row with its target (1989), the mean over rows: 1 only where they are equal."""

    default_name = "concordance_correlation"
    concordance = 1
