"""Shapes with open axes: None beside the batch axis, a size that every call brings anew (steps of a sequence, height and width of images).

Layers know only arithmetic on whole numbers. What comes out of an open axis is found by asking a layer twice, for two sizes: an axis of the
output that differs is open too. The sizes are divisible by whatever strides, pools and target shapes divide by.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SIZES = 55440, 110880


def is_open(shapes: Any) -> bool:
    """Whether a shape (batch axis first), or one of those in lists and dicts, has an open axis."""
    return any(None in shape[1:] for shape in _each(shapes))


def closed(shapes: Any, size: int = SIZES[0]) -> Any:
    """The same shapes with a size in place of each open axis."""
    if isinstance(shapes, dict):
        return {name: closed(shape, size) for name, shape in shapes.items()}
    if isinstance(shapes, list):
        return [closed(shape, size) for shape in shapes]
    return (*shapes[:1], *(size if n is None else n for n in shapes[1:]))


def shapes_out(function: Callable[[Any], Any], shapes: Any) -> Any:
    """``function(shapes)``, a `compute_output_shape`, for shapes that may be open."""
    if not is_open(shapes):
        return function(shapes)
    given = [closed(shapes, size) for size in SIZES]
    with told_as_open():
        one, other = (function(each) for each in given)
    if one is given[0]:  # handed on as it came
        return shapes
    if isinstance(one, list):
        return [_common(a, b) for a, b in zip(one, other, strict=True)]
    return _common(one, other)


@contextmanager
def told_as_open() -> Iterator[None]:
    """Errors raised within name the open axes as such."""
    try:
        yield
    except ValueError as error:
        raise ValueError(str(error).replace(str(SIZES[0]), "None")) from error


def fits(shape: Any, expected: Any) -> bool:
    """Whether a shape is an expected one; an open axis of either takes any size."""
    return len(shape) == len(expected) and all(a == b or a is None or b is None for a, b in zip(shape, expected, strict=True))


def depends(parameter_shape: Any) -> bool:
    """Whether a weight that was made for `closed` shapes has a size that comes from an open axis."""
    return any(n and n % SIZES[0] == 0 for n in parameter_shape)


def _each(shapes: Any) -> list[Any]:
    if isinstance(shapes, dict):
        return _each(list(shapes.values()))
    return [one for shape in shapes for one in _each(shape)] if isinstance(shapes, list) else [shapes]


def _common(one: Any, other: Any) -> tuple[int | None, ...]:
    return tuple(a if a == b else None for a, b in zip(one, other, strict=True))
