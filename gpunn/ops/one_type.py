"""The type in which an operation on arrays computes, as Keras has it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn import config


def of_one_type(operands: Sequence[Any], floating: bool) -> Sequence[Any]:
    """Integers and truths in the type of the floats among the arrays, not in a wider one; `floating`: floats even where there are none, as
    there are beside a number with a point."""
    kinds = [v.dtype for v in operands if isinstance(v, (np.ndarray, np.generic))]
    floats = [kind for kind in kinds if kind.kind == "f"]
    if not floats and not floating and not any(type(v) is float for v in operands):
        return operands
    kind = max(floats, key=lambda k: k.itemsize) if floats else np.dtype(config.floatx())
    whole = (np.ndarray, np.generic) if floats else (np.ndarray, np.generic, bool, int)
    return [np.asarray(v, kind) if isinstance(v, whole) and np.asarray(v).dtype.kind in "biu" else v for v in operands]


def floats_of(x: Any) -> str:
    """The floating type in which constants stand beside an array or a tensor: its own, or `gpunn.config.floatx` beside integers."""
    kind = str(getattr(x, "dtype", config.floatx()))
    return kind if kind.startswith("float") else config.floatx()
