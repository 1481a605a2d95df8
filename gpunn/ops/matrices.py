"""Matrices and parts of arrays: diagonals, stacks, blocks that are cut out or put in; the names of ``keras.ops``."""

import builtins
import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn import config
from gpunn.layers.graph import KerasTensor
from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import made_of_others, shaping
from gpunn.ops.moves import Move
from gpunn.ops.operation import apply, has_part

DIAGONAL = Move("diagonal", lambda x, offset=0, axis1=0, axis2=1: np.diagonal(x, offset, axis1, axis2))
ROT90 = Move("rot90", lambda x, k=1, axes=(0, 1): np.rot90(x, k, axes))


# ---------------------------------------------------------------------- diagonals
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The elements of a diagonal of two axes, along a last axis."""
    return apply(DIAGONAL, x, offset=offset, axis1=axis1, axis2=axis2)


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of `diagonal`."""
    return along.sum(diagonal(x, offset, axis1, axis2), axis=-1)


def diag(x: Any, k: int = 0) -> Any:
    """A matrix with this vector on its k-th diagonal; of a matrix the diagonal."""
    if shaping.ndim(x) == 2:
        return diagonal(x, k)
    return _on_diagonal(x, k) if has_part(x) else np.diag(x, k)


def diagflat(x: Any, k: int = 0) -> Any:
    """A matrix with all elements on its k-th diagonal."""
    return diag(shaping.ravel(x), k)


def _on_diagonal(x: Any, k: int) -> Any:
    n = x.shape[-1]
    if n is None:
        raise ValueError(f"diag: expected a vector of known length. Received: shape {x.shape}.")
    return along.matmul(a.multiply(shaping.expand_dims(x, -1), np.eye(n)), np.eye(n, n + abs(k), max(k, 0))) if k >= 0 else (
        shaping.transpose(_on_diagonal(x, -k))
    )


def identity(n: int, dtype: Any = None) -> np.ndarray:
    """Ones on the diagonal of a square."""
    return shaping.eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> np.ndarray:
    """Ones on and below the k-th diagonal."""
    return np.tri(N, M, k, dtype or config.floatx())


# ---------------------------------------------------------------------- side by side
def hstack(xs: Sequence[Any]) -> Any:
    """Along the second axis; vectors along their only one."""
    xs = [shaping.reshape(x, (1,)) if shaping.ndim(x) == 0 else x for x in xs]
    return shaping.concatenate(xs, 0 if shaping.ndim(xs[0]) == 1 else 1)


def vstack(xs: Sequence[Any]) -> Any:
    """Along the first axis; vectors as rows."""
    return shaping.concatenate([shaping.reshape(x, (1, -1)) if shaping.ndim(x) < 2 else x for x in xs], 0)


def append(x1: Any, x2: Any, axis: int | None = None) -> Any:
    """The second behind the first, along an axis; all elements of both without one."""
    return shaping.concatenate([shaping.ravel(x1), shaping.ravel(x2)] if axis is None else [x1, x2], axis or 0)


def meshgrid(*x: Any, indexing: str = "xy") -> list[Any]:
    """Each vector along an axis of its own, all of one shape; "xy" has the first two axes in each other's place."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: expected indexing 'xy' or 'ij'. Received: indexing={indexing!r}.")
    if not has_part(*x):
        chosen: Any = indexing
        return list(np.meshgrid(*x, indexing=chosen))
    shapes = [tuple(v.shape) for v in x]
    order = [1, 0, *range(2, len(x))] if indexing == "xy" and len(x) > 1 else list(range(len(x)))
    whole = [math.prod(shapes[i]) for i in order]
    lying = [[-1 if k == place else 1 for k in range(len(x))] for place in (order.index(i) for i in range(len(x)))]
    return [shaping.broadcast_to(shaping.reshape(v, shape), whole) for v, shape in zip(x, lying, strict=True)]


def rot90(array: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    """Turned by right angles, k times, from the first of two axes to the second."""
    return apply(ROT90, array, k=k, axes=tuple(axes))


# ---------------------------------------------------------------------- products
def inner(x1: Any, x2: Any) -> Any:
    """The products of the last axes, summed."""
    if 0 in (shaping.ndim(x1), shaping.ndim(x2)):
        return a.multiply(x1, x2)
    return along.tensordot(x1, x2, [[-1 % shaping.ndim(x1)], [-1 % shaping.ndim(x2)]])


def vdot(x1: Any, x2: Any) -> Any:
    """The sum of the products of all elements."""
    return along.sum(a.multiply(shaping.ravel(x1), shaping.ravel(x2)))


def kron(x1: Any, x2: Any) -> Any:
    """The second matrix for each element of the first, times that element."""
    if not has_part(x1, x2):
        return np.kron(x1, x2)
    (m, n), (p, q) = x1.shape, x2.shape
    products = a.multiply(shaping.reshape(x1, (m, 1, n, 1)), shaping.reshape(x2, (1, p, 1, q)))
    return shaping.reshape(products, (m * p, n * q))


# ---------------------------------------------------------------------- parts
def slice(inputs: Any, start_indices: Any, shape: Any) -> Any:  # Keras's name
    """The part of this shape that begins at these places; a length of -1, None or that of the batch goes to the end."""
    keys = []
    for first, n in zip(_whole(start_indices), shape, strict=True):
        rest = n is None or isinstance(n, KerasTensor) or n == -1
        keys.append(builtins.slice(first, None if rest else first + int(n)))
    return shaping.getitem(inputs, tuple(keys))



def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    """The inputs with a part, from these places on, replaced by `updates`."""
    starts, new = _whole(start_indices), updates if has_part(updates) else np.asarray(updates)
    if not has_part(inputs, updates):
        out = np.array(inputs)
        out[tuple(builtins.slice(first, first + n) for first, n in zip(starts, new.shape, strict=True))] = new
        return out
    frame, wide = [], zip(starts, new.shape, inputs.shape, strict=True)
    for first, n, whole in wide:
        if n != whole and (n is None or whole is None):
            raise ValueError(f"slice_update: expected updates for all of an axis of unknown length. Received: shape {new.shape}.")
        frame.append((0, 0) if n == whole else (first, whole - first - n))
    inside = functools.reduce(np.multiply.outer, [
        np.ones(1) if n == whole else np.pad(np.ones(int(n)), pair) for n, whole, pair in zip(new.shape, inputs.shape, frame, strict=True)
    ])
    return a.where(inside, made_of_others.pad(new, frame), inputs)


def _whole(places: Any) -> list[int]:
    return [int(n) for n in (places if isinstance(places, (list, tuple)) else np.asarray(places).reshape(-1))]
