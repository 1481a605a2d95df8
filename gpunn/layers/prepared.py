"""Targets and weights as kernels take them: made by the host where it can look at them, or found to be fit as they are."""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from gpunn.backend.traced import trace
from gpunn.layers.fed import Fed
from gpunn.layers.parameter import Parameter
from gpunn.layers.tensor import Tensor


def prepared(ops: Any, value: Any, recipe: Callable[[Any], np.ndarray], key: Hashable) -> Any:
    """On the device what a recipe makes of a value on the host."""
    if isinstance(value, Fed):
        return value.on(ops).of(key, recipe)
    return ops.asarray(recipe(value.numpy() if isinstance(value, (Tensor, Parameter)) else value))


def fit_as_they_are(owner: Any, y: Any, p: Tensor) -> bool:
    """Whether targets that a function which is being recorded has worked out on the device are what ``owner.prepare`` would make of them:
    it only checks. The owner is a loss or a metric."""
    if not trace() or not isinstance(y, Tensor) or isinstance(y, Fed):
        return False
    shape, dtype = p.array.shape, p.computed_in
    if getattr(owner, "own_call", False) or y.backend is not p.backend or y.computed_in != dtype or y.array.size != p.array.size:
        return False
    probes = [np.full(shape, value, dtype) for value in (0, 0.5, 1)]
    try:
        return all(np.array_equal(owner.prepare(probe, (None, *shape[1:]), dtype), probe) for probe in probes)
    except ValueError:
        return False
