"""Results that answer ``.numpy()``, as those of TensorFlow do."""

from typing import Any

import numpy as np


class Array(np.ndarray):
    """A NumPy array with ``numpy()``; one of no axes gives a NumPy number."""

    def numpy(self) -> Any:
        return self.view(np.ndarray)[()]

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return found if isinstance(found, Array) else dress(np.asarray(found) if isinstance(found, np.integer) else found)


class Number(float):
    """A float with ``numpy()``."""

    def numpy(self) -> np.float32:
        return np.float32(self)

    def __reduce__(self) -> Any:
        return float, (float(self),)


def dress(value: Any) -> Any:
    """Arrays and numbers with ``numpy()``, also in lists, tuples and dicts; anything else as it is."""
    if type(value) is np.ndarray:
        return value.view(Array)
    if isinstance(value, (float, np.floating)) and not isinstance(value, Number):
        return Number(value)
    if type(value) in (list, tuple):
        return type(value)([dress(v) for v in value])
    return {name: dress(v) for name, v in value.items()} if type(value) is dict else value
