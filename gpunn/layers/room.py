"""How many numbers weights may hold while a model is made from a file, so that a file cannot ask for more than it brings."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

_left: ContextVar[list[int] | None] = ContextVar("numbers that weights may still take", default=None)


@contextmanager
def limited(numbers: int) -> Iterator[None]:
    """Within the ``with`` block new weights hold so many numbers together at most."""
    token = _left.set([numbers])
    try:
        yield
    finally:
        _left.reset(token)


def take(name: str, shape: Sequence[int]) -> None:
    """Before a weight is made. Raises ValueError where it is more than is left."""
    left = _left.get()
    if left is None:
        return
    if (wanted := math.prod(shape)) > left[0]:
        raise ValueError(f"weight {name} of shape {tuple(shape)} is more than the file holds. Expected {left[0]:,} numbers at most.")
    left[0] -= wanted
