"""The type in which an operation on arrays computes, as Keras has it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn import config

_NARROW = {np.dtype("int64"): "int32", np.dtype("uint64"): "uint32"}


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


def as_floats(x: Any) -> Any:
    """Whole numbers and truths of an array as floats, for arithmetic that would go beyond the ends of their type; all else as it is."""
    kind = np.asarray(x).dtype.kind if isinstance(x, (np.ndarray, np.generic, bool, int)) else ""
    return np.asarray(x, config.floatx()) if kind in ("b", "i", "u") else x


def narrowed(found: Any, given: Sequence[Any]) -> Any:
    """Integers no wider than those that went in, where NumPy makes 64 bits of sums and of numbers of Python's: 32, unless one of the arrays
    and tensors given has 64. Without any of these, as they are."""
    if getattr(found, "dtype", None) not in _NARROW:
        return found
    kinds = [str(v.dtype) for v in given if hasattr(v, "dtype")]
    return found if not kinds or any(kind in ("int64", "uint64") for kind in kinds) else found.astype(_NARROW[found.dtype])


def whole_kind(*operands: Any) -> str | None:
    """The type of integers that arithmetic on these gives; None where one of them is of floats."""
    samples = [np.ones(1, str(v.dtype)) if hasattr(v, "dtype") else v for v in operands]
    with np.errstate(all="ignore"):
        kind = narrowed(sum(samples), operands).dtype
    return kind.name if kind.kind in "iu" else "int32" if kind.kind == "b" else None
