"""Which parameters have no weight decay."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from gpunn.kernels.segments import ROW


class Exclusion:
    """Parameters by full name, or by a pattern that is found in the last part of the name, as Keras looks for it."""

    def __init__(self, names: list[str] | None = None, patterns: list[str] | None = None):
        self.names, self.patterns = list(names or ()), list(patterns or ())

    def __bool__(self) -> bool:
        return bool(self.names or self.patterns)

    def __contains__(self, name: str) -> bool:
        short = name.rpartition("/")[2]
        return name in self.names or (bool(self.patterns) and re.search("|".join(self.patterns), short) is not None)

    def written_down(self) -> dict[str, Any]:
        return {"names": self.names, "patterns": self.patterns}


def by_row(places: Mapping[str, tuple[int, tuple[int, ...]]], size: int, value: Any) -> np.ndarray:
    """``value(name, shape)`` of each parameter, for each row of its part of the flat vector."""
    rows = np.zeros(size // ROW)
    for name, (at, shape) in places.items():
        rows[at // ROW : -(-(at + int(np.prod(shape))) // ROW)] = value(name, shape)
    return rows
