"""An optimizer's state as Keras lays it out: a list of arrays, those of `Optimizer.variables`."""

from collections.abc import Callable
from typing import Any

import numpy as np


def to_list(model: Any) -> list[tuple[str, np.ndarray]]:
    """(name, array) of all state of a compiled model's optimizer."""
    return [(v.path, v.numpy()) for v in _variables(model)]


def prepared(model: Any, shapes: list[tuple[int, ...]], read: Callable[[int], np.ndarray]) -> Callable[[], None]:
    """-> what puts the optimizer where a list that `to_list` or Keras wrote says; ``read(i)`` gives an array.

    Raises ValueError where the list is of another length or an array of another shape.
    """
    variables, first = _variables(model), 1 if model.optimizer.schedule is not None else 2
    if len(shapes) == first:  # Keras's, before its first step
        variables = variables[:first]
    if len(shapes) != len(variables):
        kind = type(model.optimizer).__name__
        raise ValueError(f"the optimizer's state: expected {len(variables)} arrays for {kind}. Received: {len(shapes)}.")
    for v, shape in zip(variables, shapes, strict=True):
        if shape != v.shape:
            raise ValueError(f"the optimizer's state, {v.name}: expected shape {v.shape}. Received: {shape}.")
    arrays = [read(i) for i in range(len(shapes))]

    def put() -> None:
        for v, array in zip(variables, arrays, strict=True):
            v.assign(array)

    return put


def _variables(model: Any) -> list[Any]:
    model._ready(model.row_shape)
    return model.optimizer.variables
