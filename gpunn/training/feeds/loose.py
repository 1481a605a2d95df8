"""Batches whose parts have not one number of rows, for a step of the user's own, which is handed them as they come."""

from typing import Any

import numpy as np

from gpunn.layers.graph import flat, packed
from gpunn.training.feeds.base import Handout
from gpunn.training.feeds.batches import Batches, GivenBatches
from gpunn.training.finite import check_finite


def is_loose(item: Any, outputs: int) -> bool:
    """Whether an item of a data set holds arrays of several numbers of rows, tuples in tuples, or targets in a tuple for a model of one
    output: no rows of inputs and targets."""
    arrays = flat(item)
    if not isinstance(item, tuple) or not all(getattr(a, "shape", ()) for a in arrays):
        return False
    tuples = [part for part in item if isinstance(part, tuple)]
    targets = outputs == 1 and len(item) > 1 and isinstance(item[1], tuple) and len(item[1]) > 1
    return len({len(a) for a in arrays}) > 1 or targets or any(isinstance(v, tuple) for part in tuples for v in part)


class Loose:
    """A checked item: ``data``, arrays in tuples and dicts as they came, those of floats in the model's type; ``arrays``, them all."""

    def __init__(self, item: Any, dtype: str, where: str):
        """Raises ValueError for what is no array of finite numbers."""
        self.arrays = [_numbers(a, dtype, where) for a in flat(item)]
        self.data = packed(item, self.arrays)

    def __len__(self) -> int:
        return len(self.arrays[0])

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Of the first array."""
        return tuple(self.arrays[0].shape[1:])

    @property
    def form(self) -> tuple[Any, ...]:
        """Shapes and types, for each of which a step is recorded."""
        return tuple((a.shape, a.dtype.str) for a in self.arrays)


def _numbers(value: Any, dtype: str, where: str) -> np.ndarray:
    value = np.asarray(value)
    if value.dtype.kind not in "iubf":
        raise ValueError(f"Argument x of {where}: expected arrays of numbers. Received: dtype {value.dtype} and shape {value.shape}.")
    if value.dtype.kind == "f":
        value = value.astype(dtype, copy=False)
        check_finite(value, "x", where)
    return value


class LooseBatches(Batches):
    """Hands out one such item after another: ``current``."""

    current: Loose

    def __init__(self, ops: Any, given: GivenBatches):
        super().__init__(ops, given)
        self.current = given.first

    def _use_ring(self, like: Any) -> None:
        """Nothing is gathered: steps take what is there."""
        self.position = self.ops.zeros((1,), "int64")

    def pieces(self, first: int, steps: int | None) -> Handout:
        self._left = None if steps is None else first + steps
        while (item := self._next()) is not None:
            self._number, self.current = self._number + 1, item
            self._left = None if self._left is None else self._left - 1
            if self._number > first:
                yield len(item), 1
        self.given.source.epoch_ends()
