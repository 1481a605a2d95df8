"""Losses of overlap between two masks: Dice and Tversky, over a whole batch or over some axes of it."""

import math
from typing import Any

import numpy as np

from gpunn.kernels import vector_losses
from gpunn.losses import targets
from gpunn.losses.base import BuiltIn, moved, taken


class _Overlap(BuiltIn):
    """1 less the share of overlap, summed over `axis`: None for everything, or one or several axes, of which 0 is the batch's."""

    kernel = vector_losses.OVERLAP

    def __init__(self, reduction: str | None, name: str | None, axis: Any, dtype: Any):
        super().__init__(reduction, name, dtype)
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis
        self._batchwise = axis is None or 0 in (self.axis if isinstance(self.axis, list) else [axis])
        self._whole = axis is None

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        axes, n = [] if self.axis is None else self.axis if isinstance(self.axis, list) else [self.axis], len(output_shape)
        if any(isinstance(a, bool) or not isinstance(a, (int, np.integer)) or not -n <= a < n for a in axes):
            raise ValueError(
                f"Loss {self.name}: axis must name axes of the output {output_shape}, or be None. Received: axis={self.axis!r}."
            )
        self._batchwise, self._whole = 0 in self._summed(n), len(self._summed(n)) == n
        return targets.numbers(y, output_shape, dtype, f"Loss {self.name}")

    def _summed(self, axes: int) -> list[int]:
        if self.axis is None:
            return list(range(axes))
        return sorted({a % axes for a in (self.axis if isinstance(self.axis, list) else [self.axis])})

    @property
    def batchwise(self) -> bool:
        return self._batchwise

    @property
    def weighable(self) -> bool:
        return not self.batchwise or self._whole

    def value_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        summed = self._summed(len(shape))
        return tuple(n for a, n in enumerate(shape) if a not in summed)

    def positions(self, shape: tuple[int | None, ...]) -> int:
        return 1 if self.batchwise else super().positions(shape)

    def weigh(self, ops: Any, y: Any, weight: Any) -> Any:
        """For a batch that has but one value: the mean of its weights."""
        if not self.batchwise:
            return super().weigh(ops, y, weight)
        if not self._whole or self.reduction == "mean_with_sample_weight":
            return ops.asarray(np.ones(self.count(y.shape), weight.dtype))
        mean, share = ops.empty((1,), weight.dtype), ops.asarray(np.full(weight.size, 1.0 / max(weight.size, 1), weight.dtype))
        ops.matmul(share.reshape(1, -1), weight.reshape(-1, 1), mean.reshape(1, 1))
        return mean

    def order(self, shape: tuple[int, ...]) -> np.ndarray | None:
        summed = self._summed(len(shape))
        axes = [*(a for a in range(len(shape)) if a not in summed), *summed]
        return None if axes == list(range(len(shape))) else moved(shape, axes)

    def rows(self, ops: Any, array: Any, order: np.ndarray | None) -> Any:
        groups = self.count(array.shape)
        wide = (groups, math.prod(array.shape) // max(groups, 1))
        return array.reshape(wide) if order is None else taken(ops, array, order, wide)


class Dice(_Overlap):
    """1 - 2 <t, p> / (sum t + sum p + 1e-7), of a whole batch with axis=None (Dice 1945; as a loss, Milletari et al. 2016)."""

    function_name = "dice"

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = None, axis: Any = None, dtype: Any = None
    ):
        super().__init__(reduction, name, axis, dtype)

    @property
    def numbers(self) -> tuple[float, ...]:
        return 2.0, 0.0, 1.0, 1.0

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis, **super().get_config()}


class Tversky(_Overlap):
    """1 - <t, p> / (<t, p> + alpha <t, 1 - p> + beta <1 - t, p> + 1e-7) (Salehi et al. 2017).

    As in Keras, alpha goes with what the prediction misses and beta with what it adds.
    """

    function_name = "tversky"

    def __init__(
        self, alpha: float = 0.5, beta: float = 0.5, reduction: str | None = "sum_over_batch_size", name: str | None = None,
        axis: Any = None, dtype: Any = None,
    ):
        super().__init__(reduction, name, axis, dtype)
        self.alpha, self.beta = float(alpha), float(beta)

    @property
    def numbers(self) -> tuple[float, ...]:
        return 1.0, 1.0 - self.alpha - self.beta, self.alpha, self.beta

    def get_config(self) -> dict[str, Any]:
        return {"alpha": self.alpha, "beta": self.beta, "axis": self.axis, **super().get_config()}
