"""Labels that are handwritten digits: remembered when a data set is loaded, for warnings of changes that turn one into another."""

import warnings
import weakref
from typing import Any

import numpy as np

_digits: list[weakref.ref] = []


def remember_digits(*labels: np.ndarray) -> None:
    """These arrays, and whatever is cut out of them, are labels of handwritten digits."""
    _digits[:] = [kept for kept in _digits if kept() is not None]
    _digits.extend(weakref.ref(array) for array in labels)


def are_digits(labels: Any) -> bool:
    """Whether these are labels that `remember_digits` was told of, or a part of them; a copy is not recognised."""
    return isinstance(labels, np.ndarray) and any((a := kept()) is not None and np.may_share_memory(a, labels) for kept in _digits)


def warn_of_flips(labels: Any) -> None:
    """Warn where the labels are digits: mirrored, a 2 looks like a 5, a 6 turned over like a 9, and most others like nothing."""
    if are_digits(labels):
        warnings.warn(
            "Flips change handwritten digits: mirrored, a 2 resembles a 5, flipped both ways a 6 is a 9, and most others are no digit at "
            "all. Expected changes that leave the label as it is: rotation by up to about 15 degrees, shifts, zoom.", stacklevel=4,
        )
