"""What is known of a data set: how many elements it has, and what they are like."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunn.results import dressed
from gpunn.utils.structures import mapped

INFINITE_CARDINALITY, UNKNOWN_CARDINALITY = -1, -2


@dataclass(frozen=True)
class TensorSpec:
    """Shape (None where any length will do) and type of arrays."""

    shape: Any = None
    dtype: Any = "float32"
    name: str | None = None


class Elements:
    """An iterator that has ``next()``, too."""

    def __init__(self, elements: Iterator[Any]):
        self._rest = elements

    def __iter__(self) -> "Elements":
        return self

    def __next__(self) -> Any:
        return next(self._rest)

    next = __next__


class Described:
    """What a data set says of itself. ``_count``: of elements; None where nobody knows, or infinite."""

    _count: float | None

    def _elements(self) -> Iterator[Any]:
        raise NotImplementedError

    def __len__(self) -> int:
        if self._count is None or self.endless:
            raise TypeError(f"The dataset is {'infinite' if self.endless else 'of unknown length'}.")
        return int(self._count)

    def __bool__(self) -> bool:
        return True

    @property
    def endless(self) -> bool:
        return self._count == math.inf

    def cardinality(self) -> Any:
        """How many elements there are; -1 for one without end, -2 where nobody knows."""
        count = UNKNOWN_CARDINALITY if self._count is None else INFINITE_CARDINALITY if self.endless else self._count
        return dressed(np.asarray(count, np.int64))

    @property
    def element_spec(self) -> Any:
        """A `TensorSpec` in the place of each array of the first element. Raises ValueError where there is none."""

        def spec(value: Any) -> TensorSpec:
            array = np.asarray(value)
            return TensorSpec(array.shape, "string" if array.dtype.kind in "US" else array.dtype.name)

        for element in self._elements():
            return mapped(spec, element)
        raise ValueError("element_spec: expected a data set with an element at least. Received: an empty one.")

    def __repr__(self) -> str:
        return f"<Dataset of {'unknown length' if self._count is None else self._count} elements>"


def cardinality(dataset: Described) -> Any:
    """``tf.data.experimental.cardinality``: that of a data set."""
    return dataset.cardinality()
