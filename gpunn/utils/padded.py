"""Batches of arrays of different lengths, filled up."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np


def padded(elements: Iterator[Any], size: int, shapes: Any, values: Any, whole: bool) -> Iterator[Any]:
    """Batches for `Dataset.padded_batch`."""

    def joined(arrays: list[np.ndarray], shape: Any, value: Any) -> np.ndarray:
        wide = [max(lengths) for lengths in zip(*(a.shape for a in arrays), strict=True)]
        wide = [m if n in (None, -1) else n for n, m in zip(shape, wide, strict=True)] if shape is not None else wide
        kind = np.result_type(*arrays)
        out = np.full((len(arrays), *wide), ("" if kind.kind == "U" else 0) if value is None else value, kind)
        for i, array in enumerate(arrays):
            out[i : i + 1][(slice(None), *(slice(n) for n in array.shape))] = array
        return out

    while (some := list(itertools.islice(elements, size))) and not (whole and len(some) < size):
        many = isinstance(some[0], tuple)
        parts = list(zip(*some, strict=True)) if many else [some]
        wanted = [shapes, values] if many else [[shapes], [values]]
        given = [w if isinstance(w, (tuple, list)) and len(w) == len(parts) else [w] * len(parts) for w in wanted]
        made = [joined([np.asarray(a) for a in part], *more) for part, *more in zip(parts, *given, strict=True)]
        yield tuple(made) if many else made[0]
