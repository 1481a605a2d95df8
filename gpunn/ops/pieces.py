"""Arrays taken apart and put together again: the names of ``keras.ops``."""

import itertools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.ops import arithmetic as a
from gpunn.ops import shaping

__all__ = ["array_split", "dsplit", "dstack", "fliplr", "flipud", "hsplit", "rearrange", "select", "vsplit"]


def fliplr(x: Any) -> Any:
    """The second axis in reverse order."""
    _at_least("fliplr", x, 2)
    return shaping.flip(x, 1)


def flipud(x: Any) -> Any:
    """The first axis in reverse order."""
    _at_least("flipud", x, 1)
    return shaping.flip(x, 0)


def dstack(xs: Sequence[Any]) -> Any:
    """Along the third axis; of vectors and matrices, along a new one."""
    deep = []
    for x in xs:
        n = shaping.ndim(x)
        x = shaping.expand_dims(shaping.reshape(x, (1, -1)) if n < 2 else x, -1) if n < 3 else x
        deep.append(x)
    return shaping.concatenate(deep, 2)


def array_split(x: Any, indices_or_sections: int, axis: int = 0) -> list[Any]:
    """So many parts along an axis, the first perhaps one longer than the last. Raises TypeError for what is no number of parts."""
    if not isinstance(indices_or_sections, (int, np.integer)):
        raise TypeError(f"array_split: expected indices_or_sections to be a number of parts. Received: {indices_or_sections!r}.")
    x, count = x if hasattr(x, "shape") else np.asarray(x), int(indices_or_sections)
    short, longer = divmod(int(x.shape[axis]), count)
    lengths = [short + 1] * longer + [short] * (count - longer)
    return shaping.split(x, list(itertools.accumulate(lengths))[:-1], axis)


def hsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """`split` along the second axis; of a vector along its only one."""
    return _split("hsplit", x, indices_or_sections, 1, 0 if shaping.ndim(x) == 1 else 1)


def vsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """`split` along the first axis."""
    return _split("vsplit", x, indices_or_sections, 1, 0)


def dsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """`split` along the third axis."""
    return _split("dsplit", x, indices_or_sections, 3, 2)


def _split(what: str, x: Any, parts: Any, least: int, axis: int) -> list[Any]:
    _at_least(what, x, least)
    x = x if hasattr(x, "shape") else np.asarray(x)
    return shaping.split(x, int(parts) if isinstance(parts, (int, np.integer)) else [int(n) for n in parts], axis)


def _at_least(what: str, x: Any, n: int) -> None:
    if shaping.ndim(x) < n:
        raise ValueError(f"{what}: expected an array of at least {n} axes. Received: {shaping.ndim(x)} axes.")


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """At each place the choice of the first condition that holds there, or the default. Raises ValueError for unlike lists, or none."""
    if not condlist or len(condlist) != len(choicelist):
        raise ValueError(f"select: expected as many choices as conditions. Received: {len(choicelist)} and {len(condlist)}.")
    found = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        found = a.where(condition, choice, found)
    return found


# ---------------------------------------------------------------------- axes by names
def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Any:
    """Axes by names, ``"b (h n) w -> b h (w n)"``: those in brackets are one, whose parts have the `axes_lengths` that are given (all but
    one of them). Raises ValueError for a pattern that does not fit the tensor."""
    sides = [[group.strip("()").split() for group in re.findall(r"\([^()]*\)|\w+", side)] for side in pattern.split("->")]
    if len(sides) != 2:
        raise ValueError(f"rearrange: expected a pattern such as 'b h w c -> b (h w) c'. Received: {pattern!r}.")
    before, after = sides
    names, wanted = ([name for group in side for name in group] for side in sides)
    shape = tuple(tensor.shape)
    if len(before) != len(shape) or sorted(names) != sorted(wanted) or len({*names}) != len(names):
        raise ValueError(f"rearrange: expected each of the {len(shape)} axes once on either side. Received: {pattern!r}, shape {shape}.")
    lengths: dict[str, Any] = dict(axes_lengths)
    for group, n in zip(before, shape, strict=True):
        _divided(group, n, lengths, pattern)
    parts = shaping.reshape(tensor, [lengths[name] for name in names]) if len(names) != len(shape) else tensor
    order = [names.index(name) for name in wanted]
    moved = parts if order == sorted(order) else shaping.transpose(parts, order)
    joined = [_product([lengths[name] for name in group]) for group in after]
    return shaping.reshape(moved, joined) if len(joined) != len(names) else moved


def _divided(group: list[str], n: int | None, lengths: dict[str, Any], pattern: str) -> None:
    """The lengths of an axis's parts, of which one may be open."""
    unknown = [name for name in group if name not in lengths]
    known = _product([lengths[name] for name in group if name in lengths])
    if len(unknown) > 1 or (n is not None and n % max(known, 1)) or (not unknown and n is not None and known != n):
        raise ValueError(f"rearrange: expected lengths of the parts of {group} whose product is {n}. Received: {lengths}, {pattern!r}.")
    if unknown:
        lengths[unknown[0]] = None if n is None else n // known


def _product(lengths: Sequence[int | None]) -> Any:
    out = 1
    for n in lengths:
        if n is None:
            return -1
        out *= n
    return out
