"""Elements of several iterators in turn, in the order in which ``tf.data`` has them."""

from collections.abc import Iterator
from typing import Any


def interleaved(sources: Iterator[Iterator[Any]], cycle_length: int, block_length: int) -> Iterator[Any]:
    """`block_length` elements of each of `cycle_length` sources in turn. Where one ends the turn is the next one's, and its place in the
    cycle goes to a source that has not begun."""
    places: list[Iterator[Any] | None] = [None] * cycle_length
    more = True
    while more or any(place is not None for place in places):
        for i in range(cycle_length):
            if places[i] is None and more:
                places[i] = next(sources, None)
                more = places[i] is not None
            place = places[i]
            for _ in range(block_length if place is not None else 0):
                try:
                    yield next(place)  # type: ignore[arg-type]
                except StopIteration:
                    places[i] = None
                    break
