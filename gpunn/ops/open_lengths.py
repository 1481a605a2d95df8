"""Slices up to lengths that only the arrays tell, and arrays of one number in such lengths: ``table[:, :n]`` and ``ones((n, n))``, where
`shape` says n of a tensor, or it is worked out of that."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.layers.graph import symbolic
from gpunn.ops.open_reshape import length, others_of, told
from gpunn.ops.operation import Back, Definition, Place, apply


class SliceTo(Definition):
    """x[key]; ends of slices are numbers, None, or worked out of the lengths of the other operands' axes."""

    def numpy(self, x: Any, *others: Any, key: Any = ()) -> Any:
        return _slice().numpy(x, key=_worked_out(key, others))

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        x, *others = operands
        y, back = _slice().device(op, [x], {"key": _worked_out(options["key"], others)})
        return y, lambda dy, needs: [*(back(dy, [True]) if needs[0] else [None]), *[None] * len(others)]


class FullTo(Definition):
    """One number in a shape whose lengths are worked out of those of the operands' axes."""

    constant = True

    def numpy(self, *others: Any, lengths: Any = (), value: Any = 0, dtype: Any = None) -> Any:
        return np.full([length(n, others) for n in lengths], value, dtype)

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        return op.backend.asarray(self.numpy(*operands, **options).astype(op.dtype)), lambda dy, needs: [None] * len(operands)


SLICE_TO, FULL_TO = SliceTo("slice_to"), FullTo("full_to")


def has_open_end(key: Any) -> bool:
    """Whether a slice in it begins, ends or steps by a symbolic number."""
    parts = key if isinstance(key, tuple) else (key,)
    return any(isinstance(part, slice) and symbolic([part.start, part.stop, part.step]) for part in parts)


def slice_to(x: Any, key: Any) -> Any:
    """x[key]. Raises TypeError for an end that is not worked out of what `gpunn.ops.shape` says."""
    parts = key if isinstance(key, tuple) else (key,)
    others = others_of([n for part in parts if isinstance(part, slice) for n in _ends(part) if n is not None], [])
    told_parts = tuple(_each(part, lambda n: told(n, others)) for part in parts)
    return apply(SLICE_TO, x, *others, key=told_parts)


def full_to(shape: Sequence[Any], value: Any, dtype: Any) -> Any:
    """An array of one number. Raises TypeError for a length that is not worked out of what `gpunn.ops.shape` says."""
    others = others_of(shape, [])
    return apply(FULL_TO, *others, lengths=tuple(told(n, others) for n in shape), value=value, dtype=dtype)


def _ends(part: slice) -> tuple[Any, Any, Any]:
    return part.start, part.stop, part.step


def _each(part: Any, function: Any) -> Any:
    """A slice with `function` of its numbers; any other part of a key as it is."""
    return slice(*(None if n is None else function(n) for n in _ends(part))) if isinstance(part, slice) else part


def _worked_out(key: Sequence[Any], others: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(_each(part, lambda n: length(n, others)) for part in key)


def _slice() -> Any:
    from gpunn.ops.shaping import SLICE  # which slices by this

    return SLICE
