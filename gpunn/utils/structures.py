"""Elements of data sets: arrays, or tuples and dicts of them. A list is an array's."""

from collections.abc import Callable
from typing import Any


def mapped(function: Callable[..., Any], *structures: Any) -> Any:
    """A function of the arrays in tuples and dicts, of several alike side by side."""
    first = structures[0]
    if isinstance(first, tuple):
        return tuple(mapped(function, *parts) for parts in zip(*structures, strict=True))
    if isinstance(first, dict):
        return {key: mapped(function, *(s[key] for s in structures)) for key in first}
    return function(*structures)


def first_leaf(structure: Any) -> Any:
    """The first array in it."""
    while isinstance(structure, (tuple, dict)):
        structure = next(iter(structure.values() if isinstance(structure, dict) else structure))
    return structure
