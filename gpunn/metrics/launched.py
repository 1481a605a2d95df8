"""Metrics in a function that is being recorded: what they add up becomes launches, where it can be."""

import math
from typing import Any

import numpy as np

from gpunn.backend.traced import Trace
from gpunn.kernels import data as feeding
from gpunn.layers.fed import Fed
from gpunn.layers.prepared import fit_as_they_are, prepared
from gpunn.layers.tensor import Tensor


def add_rows(trace: Trace, metric: Any, y_true: Any, y_pred: Any, sample_weight: Any = None) -> bool:
    """Record ``metric.update_state``. -> whether that is done: targets and weights must be arguments, parts of a batch, or constants."""
    if metric.on_host or not (isinstance(y_pred, Tensor) and _known(sample_weight)):
        return False
    ops, p, dtype = y_pred.backend, y_pred.array, y_pred.computed_in
    column = metric.elementwise or sample_weight is not None
    if p.ndim == 1:
        p = p.reshape((-1, 1) if column else (1, -1))

    def prepare(y: Any) -> np.ndarray:
        y = np.asarray(y)
        y = metric.prepare(y if column or y_pred.ndim > 1 else y[None], (None, *p.shape[1:]), dtype)
        if len(y) != len(p):
            raise ValueError(f"Metric {metric.name}: as many targets as predictions are needed. Received: {len(y)} and {len(p)}.")
        return y

    with ops.here():
        if _known(y_true):
            target = prepared(ops, y_true, prepare, (metric, p.shape, dtype))
        elif y_pred.ndim > 1 and fit_as_they_are(metric, y_true, y_pred):
            target = y_true.array.reshape(p.shape)
        else:
            return False
    sums = metric.place(ops) if metric.recordable else None
    if sums is None:
        return False
    metric.weighted = sample_weight is not None
    weight = _weights(ops, metric, p.shape, dtype, sample_weight)
    metric.accumulate(ops, target, p, weight, sums, _step(trace, ops))
    trace.taken.append(lambda: [metric.placed])
    return True


def _weights(ops: Any, metric: Any, shape: tuple[int, ...], dtype: str, given: Any) -> Any:
    """One for each position, or for each number, in a row."""
    if given is None:
        return ops.asarray(np.ones(math.prod(shape[:-1]), dtype))

    def spread(weight: Any) -> np.ndarray:
        return metric.spread(weight, shape, dtype).reshape(-1)

    return prepared(ops, given, spread, (metric, "weights", shape, dtype))


def add_values(trace: Trace, metric: Any, values: Any, sample_weight: Any = None) -> bool:
    """Record ``update_state`` of a mean or a sum of values: those of a sample are averaged, for a sum added up. -> whether that is done; a
    weight must be a number."""
    if not isinstance(values, Tensor) or not (sample_weight is None or isinstance(sample_weight, (int, float, np.number))):
        return False
    if (sums := metric.place(values.backend)) is None:
        return False
    ops, array = values.backend, values.array
    within = 1 if metric.adds_up else math.prod(array.shape[1:])
    weight = np.full(array.size, (1.0 if sample_weight is None else float(sample_weight)) / max(within, 1), array.dtype)
    ops.launch(feeding.ACCUMULATE, array.reshape(-1), ops.asarray(weight), _step(trace, ops), sums)
    trace.taken.append(lambda: [metric.placed])
    return True


def _known(value: Any) -> bool:
    """Whether `prepared` makes it without a look at what a recording has not run yet."""
    return isinstance(value, (Fed, np.ndarray, list, tuple, int, float, type(None)))


def _step(trace: Trace, ops: Any) -> Any:
    return ops.zeros((1,), "int64") if trace.step is None else trace.step
