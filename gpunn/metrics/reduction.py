"""Means and sums of values, and metrics that a user gives as functions."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gpunn.backend.traced import each_time
from gpunn.lookup import name_of, note
from gpunn.losses.function import own_targets
from gpunn.losses.traced import of_lengths, traced
from gpunn.metrics.base import BuiltIn, MeanOfRows, add_up, ones, valued
from gpunn.metrics.launched import add_values


class Mean(BuiltIn):
    """The weighted mean of values: ``update_state(values, sample_weight)``. For loops of one's own; compile takes metrics of targets.

    Attributes: ``total``, the weighted sum; ``count``, the sum of weights.
    """

    default_name = "mean"
    takes_values = True
    adds_up = False  # whether the values of a sample are added up

    @property
    def size(self) -> int:
        return 3

    def fresh(self) -> np.ndarray:
        return np.array([0.0, 0.0, -1.0])  # as those of a mean of rows

    @property
    def total(self) -> float:
        return float(self.state()[0])

    @property
    def count(self) -> float:
        return float(self.state()[1])

    @partial(each_time, launched=add_values)
    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        totals, weights = _by_sample(values, sample_weight, np.sum if self.adds_up else np.mean)
        self.sums = self.state() + np.array([np.sum(totals), np.sum(weights), 0.0])

    def result(self) -> float:
        total, count, _ = self.state()
        return float(total / count) if count else 0.0


class Sum(Mean):
    """The weighted sum of values: ``update_state(values, sample_weight)``."""

    default_name = "sum"
    adds_up = True

    def result(self) -> float:
        return self.total


def _by_sample(values: Any, weight: Any, reduce: Callable[..., Any]) -> tuple[np.ndarray, np.ndarray]:
    """(weighted value, weight) of each sample: further axes are reduced first, those without weights before they are weighed."""
    values = valued(values, np.float64)
    if weight is None:
        if values.ndim > 1:
            values = reduce(values, axis=tuple(range(1, values.ndim)))
        return values, np.ones_like(values)
    w = np.asarray(weight, np.float64)
    if w.ndim == values.ndim + 1 and w.shape[-1] == 1:
        w = w[..., 0]
    if values.ndim > w.ndim:
        values = reduce(values, axis=tuple(range(w.ndim, values.ndim)))
    w = np.broadcast_to(w, values.shape)
    values = values * w
    if values.ndim > 1:
        rest = tuple(range(1, values.ndim))
        values, w = reduce(values, axis=rest), reduce(w, axis=rest)
    return values, w


class MeanMetricWrapper(MeanOfRows):
    """The mean of what ``fn(y_true, y_pred, **kwargs)`` returns: one value a row (further axes are averaged), or one a batch.

    Arithmetic on tensors (operators, `gpunn.ops`) of an output without axes beyond its columns is recorded. Otherwise the arrays are
    NumPy's, and every step then runs launch by launch. A function with the attribute ``recordable = True`` takes
    ``fn(ops, y_true, y_pred)`` with arrays of the device, only launches kernels, and returns one value a row: its steps are recorded.
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any):
        super().__init__(name or name_of(fn), dtype)
        self.fn, self.kwargs = fn, kwargs
        self._traced: Any = None

    @property
    def recordable(self) -> bool:
        return (self._launches or getattr(self._traced, "per", "") == "position") and not self.on_host

    @property
    def _launches(self) -> bool:
        return bool(getattr(self.fn, "recordable", False))

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        given = own_targets(y, output_shape, dtype, f"Metric {self.name}")
        if len(output_shape) == 2 and not self._launches:
            self._traced = traced(lambda t, p: self.fn(t, p, **self.kwargs), given, output_shape, dtype, self._traced)
            given = given.astype(dtype) if self.recordable else given
        return given

    def accumulate(self, ops: Any, y: Any, p: Any, weight: Any, sums: Any, step: Any) -> None:
        if self.recordable and not self._launches:
            found = of_lengths(lambda t, p: self.fn(t, p, **self.kwargs), y, p, self._traced)
            add_up(ops, found.values(ops, y, p).reshape(-1), weight, len(p), sums, step)
            return
        if self.recordable:
            add_up(ops, self.fn(ops, y, p, **self.kwargs).reshape(-1), weight, len(p), sums, step)
            return
        given = ops.to_numpy(p)
        values = self.fn(ops.to_numpy(y), given, **self.kwargs)
        values = np.asarray(values[0] if isinstance(values, tuple) else values, given.dtype)
        if values.ndim == 0:  # Keras: the mean over batches
            values, weight = values.reshape(1), ones(ops, 1, p.dtype)
        else:
            if values.shape[0] != given.shape[0]:
                raise ValueError(
                    f"Metric {self.name}: expected one value, or one for each of {given.shape[0]} rows. Received: shape {values.shape}."
                )
            deep = 1 if weight.size == given.shape[0] else min(values.ndim, given.ndim - 1)
            values = values.mean(axis=tuple(range(deep, values.ndim))) if values.ndim > deep else values
            if values.size != weight.size:
                values = np.broadcast_to(values.reshape(*values.shape, *(1,) * (given.ndim - 1 - values.ndim)), given.shape[:-1])
        values = np.ascontiguousarray(values.reshape(-1))
        add_up(ops, ops.asarray(values), weight, len(p), sums, step)

    def get_config(self) -> dict[str, Any]:
        return {"fn": note(name_of(self.fn), self.fn), "name": self.name, **self.kwargs}
