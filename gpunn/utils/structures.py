"""Elements of data sets: arrays, or tuples and dicts of them. A list is an array's."""

from collections.abc import Callable
from typing import Any

import numpy as np


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


def called(function: Callable[..., Any], element: Any) -> Any:
    """A function of an element, whose parts it takes one by one where that is a tuple."""
    return function(*element) if isinstance(element, tuple) else function(element)


def arrays(result: Any) -> Any:
    """What a function gave, as an element: a list is a tuple."""
    return mapped(np.asarray, tuple(result) if isinstance(result, list) else result)
