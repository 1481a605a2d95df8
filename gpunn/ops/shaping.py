"""Arrays in other shapes: reshaped, joined, cut, repeated, under the names of ``keras.ops``. A tensor's axis 0 is the batch, None."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn import config
from gpunn.layers.graph import KerasTensor
from gpunn.layers.parameter import Parameter
from gpunn.layers.tensor import watched
from gpunn.ops import arithmetic as a
from gpunn.ops.gather import GATHER
from gpunn.ops.moves import Join, Move
from gpunn.ops.open_lengths import full_to, has_open_end, slice_to
from gpunn.ops.open_reshape import reshape_to
from gpunn.ops.operation import Back, Definition, Place, apply


class Reshape(Move):
    """Another shape, in which -1 stands for what the rows leave open: how many there are may be any multiple."""

    def outcome(self, operands: Sequence[Any], options: dict[str, Any]) -> tuple[Any, str]:
        x, wanted = operands[0], options["shape"]
        if None in x.shape and -1 in wanted:
            return tuple(None if n == -1 else n for n in wanted), x.dtype
        return super().outcome(operands, options)


RESHAPE = Reshape("reshape", lambda x, shape: np.reshape(x, shape))
TRANSPOSE = Move("transpose", lambda x, axes=None: np.transpose(x, axes))
SLICE = Move("slice", lambda x, key: np.asarray(x)[key])
REPEAT = Move("repeat", lambda x, repeats, axis=None: np.repeat(x, repeats, axis))
TILE = Move("tile", lambda x, repeats: np.tile(x, repeats))
TAKE = Move("take", lambda x, indices, axis=None: np.take(x, indices, axis))
FLIP = Move("flip", lambda x, axis=None: np.flip(x, axis))
ROLL = Move("roll", lambda x, shift, axis=None: np.roll(x, shift, axis))
BROADCAST = Move("broadcast_to", lambda x, shape: np.broadcast_to(x, [m if n is None else n for n, m in _aligned(shape, np.shape(x))]))
CONCATENATE = Join("concatenate", lambda *x, axis=-1: np.concatenate(x, axis))
STACK = Join("stack", lambda *x, axis=0: np.stack(x, axis))


def _aligned(shape: Sequence[Any], given: Sequence[int]) -> list[tuple[Any, int]]:
    return list(zip(shape, (*(1,) * (len(shape) - len(given)), *given), strict=True))


class Rows(Definition):
    """How many rows there are: what `shape` says of the batch axis."""

    def numpy(self, x: Any, axis: int = 0) -> Any:
        return np.asarray(np.shape(x)[axis], np.int32)

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        count = operands[0].shape[options["axis"]]
        return op.backend.asarray(np.full((1,), count, op.dtype)).reshape(()), lambda dy, needs: [None]


class Places(Definition):
    """0, 1, 2 ... for the places along an axis whose length is open."""

    constant = True

    def numpy(self, x: Any, axis: int = 0) -> Any:
        return np.arange(np.shape(x)[axis], dtype=np.int32)

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        return op.backend.asarray(np.arange(operands[0].shape[options["axis"]], dtype=op.dtype)), lambda dy, needs: [None]


ROWS, PLACES = Rows("rows"), Places("places")


def shape(x: Any) -> tuple[Any, ...]:
    """The lengths of the axes; of the batch axis a symbolic number, which `reshape` and `gpunn.ops.drawing` take too."""
    if not isinstance(x, KerasTensor):
        return tuple(np.shape(x))
    return tuple(apply(ROWS, x, axis=i) if n is None else n for i, n in enumerate(x.shape))


def size(x: Any) -> Any:
    """How many elements there are."""
    if not isinstance(x, KerasTensor):
        return np.size(x)
    known = math.prod(n for n in x.shape if n is not None)
    open_axes = [n for n in shape(x) if isinstance(n, KerasTensor)]
    return a.multiply(open_axes[0], known) if open_axes else known


def ndim(x: Any) -> int:
    return len(x.shape) if hasattr(x, "shape") else np.ndim(x)


def _plain(wanted: Any) -> tuple[int, ...]:
    """A shape as NumPy takes it: -1 for the batch axis."""
    if isinstance(wanted, KerasTensor) and wanted.shape != ():
        from gpunn.ops.tiling import numbers_in  # which is made of these

        wanted = numbers_in(wanted)
    wanted = [wanted] if isinstance(wanted, (int, np.integer, KerasTensor)) or wanted is None else list(wanted)
    return tuple(-1 if n is None or isinstance(n, KerasTensor) else int(n) for n in wanted)


def reshape(x: Any, newshape: Any) -> Any:
    """x in another shape; -1, None and the symbolic number of rows stand for what is left. Several symbolic lengths are what `shape` says
    of axes, and what is worked out of it."""
    if isinstance(newshape, (list, tuple)) and sum(isinstance(n, KerasTensor) and not n.has_values for n in newshape) > 1:
        return reshape_to(x, newshape)
    wanted = _plain(newshape)
    if wanted.count(-1) > 1 and isinstance(x, KerasTensor) and [n or -1 for n in x.shape if n != 1] == [n for n in wanted if n != 1]:
        ones = [i for i, n in enumerate(x.shape) if n == 1]  # axes of length one come and go
        return getitem(squeeze_all(x, ones) if ones else x, tuple(None if n == 1 else slice(None) for n in wanted))
    if wanted.count(-1) > 1 and isinstance(x, KerasTensor):  # the batch stays, and the rest of a row is one axis: (None, -1)
        row = math.prod(n for n in x.shape[1:] if n is not None)
        known = math.prod(n for n in wanted[1:] if n != -1)
        wanted = (-1, *(row // known if n == -1 else n for n in wanted[1:]))
    return apply(RESHAPE, x, shape=wanted)


def transpose(x: Any, axes: Any = None) -> Any:
    """The axes in another order, by default reversed."""
    return apply(TRANSPOSE, x, axes=None if axes is None else tuple(axes))


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes in each other's place."""
    order = list(range(ndim(x)))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(x, order)


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """An axis, or several, at other places."""
    n = ndim(x)
    where, to = ([int(p) % n for p in ([v] if isinstance(v, (int, np.integer)) else v)] for v in (source, destination))
    order = [i for i in range(n) if i not in where]
    for place, axis in sorted(zip(to, where, strict=True)):
        order.insert(place, axis)
    return transpose(x, order)


def getitem(x: Any, key: Any) -> Any:
    """x[key], with numbers, slices, None and ..."""
    parts = [int(v) if getattr(v, "has_values", False) and v.shape == () else v for v in (key if isinstance(key, tuple) else (key,))]
    key = tuple(parts) if isinstance(key, tuple) else parts[0]
    for part in key if isinstance(key, tuple) else (key,):
        if not (part is None or part is Ellipsis or isinstance(part, (int, np.integer, slice, list, np.ndarray))):
            raise TypeError(f"Expected numbers, slices, None or ... between the brackets. Received: {part!r}.")
    return slice_to(x, key) if has_open_end(key) else apply(SLICE, x, key=key)


def expand_dims(x: Any, axis: Any) -> Any:
    """A new axis of length one, or several."""
    axes = [axis] if isinstance(axis, (int, np.integer)) else list(axis)
    n = ndim(x) + len(axes)
    new = [i % n for i in axes]
    return getitem(x, tuple(None if i in new else slice(None) for i in range(n)))


def squeeze(x: Any, axis: Any = None) -> Any:
    """Without axes of length one: all, or those named."""
    lengths = np.shape(x) if not isinstance(x, KerasTensor) else x.shape
    gone = [i for i, n in enumerate(lengths) if n == 1] if axis is None else [axis] if isinstance(axis, int) else list(axis)
    gone = [i % len(lengths) for i in gone]
    if any(lengths[i] != 1 for i in gone):
        raise ValueError(f"squeeze: expected axes of length 1. Received: axis={axis!r} of shape {tuple(lengths)}.")
    return squeeze_all(x, gone)


def squeeze_all(x: Any, axis: Any) -> Any:
    """Without these axes, each of length one; all of them where `axis` is None."""
    n = ndim(x)
    gone = range(n) if axis is None else [axis] if isinstance(axis, int) else axis
    gone = [i % n for i in gone]
    return getitem(x, tuple(0 if i in gone else slice(None) for i in range(n)))


def ravel(x: Any) -> Any:
    """All elements in one axis."""
    return reshape(x, (-1,))


def concatenate(xs: Any, axis: int = 0) -> Any:
    """Side by side along an axis. Lists with symbolic lengths among them, as of `shape`, are vectors."""
    xs = [stack(v) if isinstance(v, (list, tuple)) and any(isinstance(n, KerasTensor) for n in v) else v for v in xs]
    return apply(CONCATENATE, *xs, axis=axis)


def stack(x: Any, axis: int = 0) -> Any:
    """Along a new axis."""
    return apply(STACK, *x, axis=axis)


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """The parts along an axis, without it."""
    n, count = ndim(x), np.shape(x)[axis]
    return [getitem(x, tuple(i if k == axis % n else slice(None) for k in range(n))) for i in range(int(count))]


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Parts along an axis: so many of one length, or cut at these places."""
    n, length = ndim(x), int(np.shape(x)[axis])
    if isinstance(indices_or_sections, int):
        if length % indices_or_sections:
            raise ValueError(f"split: axis {axis} of length {length} is not {indices_or_sections} equal parts.")
        ends = list(range(0, length + 1, length // indices_or_sections))
    else:
        ends = [0, *indices_or_sections, length]
    pieces = [slice(i, j) for i, j in itertools.pairwise(ends)]
    return [getitem(x, tuple(piece if k == axis % n else slice(None) for k in range(n))) for piece in pieces]


def repeat(x: Any, repeats: int, axis: int | None = None) -> Any:
    """Each element so many times."""
    return apply(REPEAT, x, repeats=repeats, axis=axis)


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """The elements at these places along an axis, or, without one, of all elements in a row. Symbolic places have no gradient."""
    if isinstance(indices, (KerasTensor, Parameter)) or watched(indices) is not None:
        if axis is None:
            x, axis = ravel(x), 0
        axis %= ndim(x)
        out = apply(GATHER, moveaxis(x, axis, 0) if axis else x, indices)
        for i in range(axis):  # the axes before stand behind the places
            out = moveaxis(out, ndim(indices) + i, i)
        return out
    places = np.asarray(indices)
    return apply(TAKE, x, indices=places.astype(np.int64) if places.dtype.kind == "f" else places, axis=axis)


def flip(x: Any, axis: Any = None) -> Any:
    """In reverse order."""
    return apply(FLIP, x, axis=axis)


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """Moved along an axis, round its end."""
    return apply(ROLL, x, shift=shift, axis=axis)


def broadcast_to(x: Any, shape: Any) -> Any:
    """In this shape, axes of length one repeated; None for an axis that stays."""
    return apply(BROADCAST, x, shape=tuple(None if n is None or isinstance(n, KerasTensor) else int(n) for n in shape))


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, **unused: Any) -> Any:
    """1 at each label's place and 0 elsewhere, along a new axis."""
    places = np.arange(num_classes).astype(config.floatx() if isinstance(x, KerasTensor) else np.int64)
    hot = a.equal(expand_dims(x, -1), places)
    return moveaxis(a.cast(hot, dtype or config.floatx()), -1, axis)


def zeros(shape: Any, dtype: Any = None) -> Any:
    """An array of zeros; symbolic, where lengths are what `shape` says of axes."""
    return full(shape, 0, dtype)


def ones(shape: Any, dtype: Any = None) -> Any:
    """An array of ones; symbolic, where lengths are what `shape` says of axes."""
    return full(shape, 1, dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """An array of one number; symbolic, where lengths are what `shape` says of axes. Raises TypeError for others that are symbolic."""
    lengths = list(shape) if isinstance(shape, (list, tuple)) else [shape]
    if not any(isinstance(n, KerasTensor) and not n.has_values for n in lengths):
        return np.full(shape, fill_value, dtype or config.floatx())
    rows: Any = lengths[0].node.layer if isinstance(lengths[0], KerasTensor) else None
    if getattr(rows, "definition", None) is not ROWS or rows.options["axis"] != 0 or any(isinstance(n, KerasTensor) for n in lengths[1:]):
        return full_to(lengths, fill_value, dtype or config.floatx())
    (tensor,) = lengths[0].node.inputs
    one = a.zeros_like(getitem(tensor, (slice(None), *(slice(0, 1),) * (len(tensor.shape) - 1))))
    wide = broadcast_to(reshape(one, (-1, *(1,) * (len(lengths) - 1))), (None, *lengths[1:]))
    out = a.add(wide, fill_value) if fill_value != 0 else wide
    return out if dtype is None else a.cast(out, dtype)


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    """Numbers from `start` up to `stop`, without it; from 0 up to a symbolic length too. Raises TypeError for other symbolic ends."""
    first, end, step = (0 if stop is None else start), (start if stop is None else stop), 1 if step is None else step
    if not any(isinstance(n, KerasTensor) and not n.has_values for n in (first, end, step)):
        kind = config.floatx() if any(np.asarray(n).dtype.kind == "f" for n in (first, end, step)) else "int32"
        return np.arange(first, end, step, dtype=dtype or kind)
    length: Any = end.node.layer if isinstance(end, KerasTensor) else None
    if getattr(length, "definition", None) is not ROWS or isinstance(first, KerasTensor) or (first, step) != (0, 1):
        raise TypeError(f"arange: expected numbers, or from 0 what gpunn.ops.shape says of an axis. Received: {first}, {end}, {step}.")
    found = apply(PLACES, end.node.inputs[0], axis=length.options["axis"])
    return found if dtype is None else a.cast(found, dtype)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> np.ndarray:
    """Ones on a diagonal."""
    return np.eye(N, M, k, dtype or config.floatx())
