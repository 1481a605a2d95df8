"""Functions that are applied all over an array, or along an axis from one element to the next: the names of ``keras.ops``."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.layers.graph import KerasTensor, flat, packed
from gpunn.ops import shaping
from gpunn.ops.of_arrays import as_wide_as
from gpunn.results import dressed

__all__ = ["associative_scan", "vectorize"]


def associative_scan(f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """What an associative function makes of all elements up to each place along an axis, in as many rounds as the length has bits.

    ``f(first, second)`` gets parts of `elems` (an array, or a list or dict of such), of one length along the axis, and gives the like.
    Raises ValueError for axes of unknown or unlike lengths.
    """
    arrays = flat(elems)
    lengths = {tuple(x.shape)[axis] for x in arrays}
    if len(lengths) != 1 or None in lengths:
        raise ValueError(f"associative_scan: expected arrays of one known length along axis {axis}. Received: {[x.shape for x in arrays]}.")
    turned = [shaping.flip(x, axis) for x in arrays] if reverse else arrays
    found = _scanned(lambda a, b: flat(f(packed(elems, a), packed(elems, b))), turned, axis)
    return packed(elems, [shaping.flip(x, axis) for x in found] if reverse else found)


def _scanned(f: Callable[[list[Any], list[Any]], list[Any]], xs: list[Any], axis: int) -> list[Any]:
    """Neighbours in pairs, the pairs scanned: those are the places with odd numbers, and each even one is one element further."""
    n = tuple(xs[0].shape)[axis]
    if n < 2:
        return xs
    odd = _scanned(f, f(_part(xs, axis, 0, n - 1, 2), _part(xs, axis, 1, n, 2)), axis)
    even = _part(xs, axis, 0, 1)
    if n > 2:
        further = f(_part(odd, axis, 0, (n - 1) // 2), _part(xs, axis, 2, n, 2))
        even = [shaping.concatenate(parts, axis) for parts in zip(even, further, strict=True)]
    order = np.argsort(np.concatenate([np.arange(0, n, 2), np.arange(1, n, 2)]))
    return [shaping.take(shaping.concatenate(parts, axis), order, axis) for parts in zip(even, odd, strict=True)]


def _part(xs: list[Any], axis: int, first: int, end: int, step: int = 1) -> list[Any]:
    ahead = [slice(None)] * (axis % shaping.ndim(xs[0]))
    return [shaping.getitem(x, (*ahead, slice(first, end, step))) for x in xs]


def vectorize(pyfunc: Callable[..., Any], *, excluded: Any = None, signature: str | None = None) -> Callable[..., Any]:
    """The function of single elements (or, as a `signature` such as "(n),(n)->()" says, of vectors) as one of arrays, broadcast to each
    other. It is called in turn for each: on arrays alone. Raises TypeError for symbolic tensors."""
    many = np.vectorize(pyfunc, excluded=excluded, signature=signature)

    def function(*arrays: Any, **options: Any) -> Any:
        if odd := [x for x in arrays if isinstance(x, KerasTensor) and not x.has_values]:
            raise TypeError(f"vectorize: a function of elements takes arrays. Received: {odd[0]!r}, a symbolic tensor.")
        given = [np.asarray(x) for x in arrays]
        return dressed(as_wide_as(many(*given, **options), given))

    return function
