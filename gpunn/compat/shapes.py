"""``tf.TensorShape``: the shapes of what TensorFlow's names give, tuples that answer its questions, too."""

import math
from typing import Any


class TensorShape(tuple[Any, ...]):
    """A tuple of sizes, None where one is open."""

    __slots__ = ()

    def __new__(cls, dims: Any = ()) -> "TensorShape":
        return super().__new__(cls, (dims,) if isinstance(dims, int) else dims)

    def as_list(self) -> list[Any]:
        return list(self)

    @property
    def dims(self) -> list[Any]:
        return list(self)

    @property
    def rank(self) -> int:
        return len(self)

    ndims = rank

    def num_elements(self) -> int | None:
        """How many there are; None where a size is open."""
        return math.prod(self) if self.is_fully_defined() else None

    def is_fully_defined(self) -> bool:
        return None not in self

    def is_compatible_with(self, other: Any) -> bool:
        """Whether both can be the shape of one array."""
        sizes = tuple(other)
        return len(sizes) == len(self) and all(a == b or None in (a, b) for a, b in zip(self, sizes, strict=True))

    def concatenate(self, other: Any) -> "TensorShape":
        return TensorShape((*self, *TensorShape(other)))

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return TensorShape(found) if isinstance(key, slice) else found

    def __reduce__(self) -> Any:
        return tuple, (list(self),)
