"""What an array is, and the same in another type: the names of ``keras.ops``."""

from typing import Any

import numpy as np

from gpunn.layers.graph import KerasTensor
from gpunn.layers.parameter import Parameter
from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import shaping, trigonometry
from gpunn.ops.operation import has_part

__all__ = [
    "allclose", "conj", "conjugate", "copy", "dtype", "empty", "empty_like", "get_item", "imag", "is_tensor", "isreal", "real",
    "saturate_cast", "view",
]
get_item = shaping.getitem


def is_tensor(x: Any) -> bool:
    """Whether it is an array, a tensor or a weight."""
    return isinstance(x, (np.ndarray, KerasTensor, Parameter))


def dtype(x: Any) -> str:
    """The name of its type."""
    return str(x.dtype)


def copy(x: Any) -> Any:
    """The same numbers, in memory of their own."""
    return a.multiply(x, 1.0) if has_part(x) else np.array(x)


def empty(shape: Any, dtype: Any = None) -> Any:
    """An array of any numbers: zeros."""
    return shaping.zeros(shape, dtype)


def empty_like(x: Any, dtype: Any = None) -> Any:
    """An array of x's shape, of any numbers: zeros."""
    return a.zeros_like(x, dtype)


def allclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Whether all elements are `isclose`."""
    return along.all(trigonometry.isclose(x1, x2, rtol, atol, equal_nan))


def saturate_cast(x: Any, dtype: Any) -> Any:
    """x in another type, what is beyond its ends at these."""
    kind = np.dtype(getattr(dtype, "name", dtype))
    if kind.kind not in "iuf" or (isinstance(x, KerasTensor) and kind.kind == "f"):
        return a.cast(x, kind)
    ends: Any = np.finfo(kind) if kind.kind == "f" else np.iinfo(kind)
    if has_part(x):
        return a.cast(a.clip(x, float(ends.min), float(ends.max)), kind)
    array = np.asarray(x)
    beyond = [array < ends.min, array > ends.max]  # clipped as floats, the ends of long integers would be others
    with np.errstate(all="ignore"):
        return np.select(beyond, [kind.type(ends.min), kind.type(ends.max)], array.astype(kind))


def view(x: Any, dtype: Any = None) -> Any:
    """The same bytes in another type. Raises TypeError for a tensor in a graph, unless the type is its own."""
    kind = None if dtype is None else np.dtype(getattr(dtype, "name", dtype))
    if has_part(x) and not getattr(x, "has_values", True):
        if kind is not None and kind.name != x.dtype:
            raise TypeError(f"view: expected an array, or the type {x.dtype}. Received: a symbolic tensor, and dtype={dtype!r}.")
        return x
    array = np.asarray(x)
    return array if kind is None else array.view(kind)


# ---------------------------------------------------------------------- complex numbers are of arrays alone
def real(x: Any) -> Any:
    """The real part: of a tensor, itself."""
    return x if has_part(x) else np.real(np.asarray(x))


def imag(x: Any) -> Any:
    """The imaginary part: of a tensor, zeros."""
    return a.zeros_like(x) if has_part(x) else np.imag(np.asarray(x))


def conj(x: Any) -> Any:
    """With the imaginary part's sign turned: of a tensor, itself."""
    return x if has_part(x) else np.conj(np.asarray(x))


def isreal(x: Any) -> Any:
    """Whether the imaginary part is 0: of a tensor, everywhere."""
    return a.cast(a.ones_like(x), "bool") if has_part(x) else np.isreal(x)


conjugate = conj
