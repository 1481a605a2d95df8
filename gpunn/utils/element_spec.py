"""What is known of a data set: how many elements it has, and what they are like."""

import math
from collections.abc import Callable, Iterator
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
    _spec: Callable[[], Any] | None = None  # gives what the elements are like, where the first one does not tell

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
        """A `TensorSpec` in the place of each array of an element: that of the first one, but that axes are None where a batch's rows, and
        what is filled up with them, may be as many as they like. Raises ValueError where there is no element."""
        if self._spec is not None:
            return self._spec()
        for element in self._elements():
            return mapped(_spec_of, element)
        raise ValueError("element_spec: expected a data set with an element at least. Received: an empty one.")

    def __repr__(self) -> str:
        return f"<Dataset of {'unknown length' if self._count is None else self._count} elements>"


# ---------------------------------------------------------------------- of what steps make
def _spec_of(value: Any) -> TensorSpec:
    array = np.asarray(value)
    return TensorSpec(array.shape, "string" if array.dtype.kind in "US" else array.dtype.name)


def batched(inner: Described, rows: int | None) -> Callable[[], Any]:
    """Of batches of so many elements; None: the last may be short."""
    return lambda: mapped(lambda s: TensorSpec((rows, *s.shape), s.dtype), inner.element_spec)


def filled_up(inner: Described, rows: int | None, shapes: Any) -> Callable[[], Any]:
    """Of batches whose axes are filled up to `shapes`, where these say how far."""

    def one(spec: TensorSpec, shape: Any) -> TensorSpec:
        wide = [None] * len(spec.shape) if shape is None else [None if n in (None, -1) else n for n in shape]
        return TensorSpec((rows, *wide), spec.dtype)

    def spec() -> Any:
        found = inner.element_spec
        if not isinstance(found, tuple):
            return one(found, shapes)
        given = shapes if isinstance(shapes, (tuple, list)) and len(shapes) == len(found) else [shapes] * len(found)
        return tuple(one(s, shape) for s, shape in zip(found, given, strict=True))

    return spec


def as_open(outer: Any, inner: Described) -> Any:
    """`outer`, which a function makes of `inner`'s elements: its batches are as open as theirs, where the function leaves as many rows."""

    def spec() -> Any:
        before = next(inner._elements())
        rows: list[int] = []
        mapped(lambda s, v: rows.extend([len(v)] if s.shape[:1] == (None,) else []), inner.element_spec, mapped(np.asarray, before))
        found = mapped(_spec_of, next(outer._elements()))
        return mapped(lambda s: TensorSpec((None, *s.shape[1:]), s.dtype) if s.shape[:1] == tuple(rows[:1]) and rows else s, found)

    outer._spec = None if inner._spec is None else spec
    return outer


def side_by_side(given: Any) -> Callable[[], Any]:
    """Of several data sets in tuples and dicts."""
    return lambda: mapped(lambda part: part.element_spec, given)


def declared(signature: Any, types: Any, shapes: Any) -> Callable[[], Any] | None:
    """Of what somebody says: a signature, or types and shapes."""
    if signature is not None:
        return lambda: mapped(lambda s: TensorSpec(None if s.shape is None else tuple(s.shape), _name(s.dtype)), signature)
    if types is None or shapes is None:
        return None
    return lambda: mapped(lambda kind, shape: TensorSpec(tuple(shape), _name(kind)), types, _nested_like(types, shapes))


def _nested_like(types: Any, shapes: Any) -> Any:
    """Shapes in the structure of types: a shape is itself a tuple."""
    if isinstance(types, tuple):
        return tuple(_Whole(s) if not isinstance(t, (tuple, dict)) else _nested_like(t, s) for t, s in zip(types, shapes, strict=True))
    return {name: _nested_like(t, shapes[name]) for name, t in types.items()} if isinstance(types, dict) else _Whole(shapes)


class _Whole(list):
    """A shape that `mapped` does not go into."""


def _name(kind: Any) -> str:
    name = str(getattr(kind, "name", kind))
    return name if name == "string" else np.dtype(name).name


def cardinality(dataset: Described) -> Any:
    """``tf.data.experimental.cardinality``: that of a data set."""
    return dataset.cardinality()
