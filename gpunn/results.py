"""What a model, a layer, a loss, a metric or an activation gives somebody who calls it with arrays: one place for all of them.

NumPy arrays and numbers, as they come; `gpunn.compat` makes them answer TensorFlow's ``.numpy()`` as well.
"""

from collections.abc import Callable
from typing import Any

_dress: Callable[[Any], Any] | None = None
_shape: Callable[[Any], Any] = tuple


def dressed(value: Any) -> Any:
    """The result of a call, as the one who called gets it."""
    return value if _dress is None else _dress(value)


def shaped(sizes: Any) -> Any:
    """The shape of a tensor or a weight, as the one who looks at it gets it: a tuple."""
    return _shape(sizes)


def plain(value: Any) -> Any:
    """A number as Python's float, as logs and a history hold it, also of a variable or an array of no axes; anything else as it is."""
    return float(value) if isinstance(value, float) or getattr(value, "shape", None) == () else value


def dress_with(function: Callable[[Any], Any] | None, shape: Callable[[Any], Any] = tuple) -> None:
    """From now on results are what this makes of them; None: as they come. `shape` makes the tuples that shapes are."""
    global _dress, _shape
    _dress, _shape = function, shape
