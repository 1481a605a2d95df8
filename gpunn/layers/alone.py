"""A call of a layer outside any model."""

import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gpunn import random
from gpunn.backend.foreign import on_host
from gpunn.layers.graph import WHOLE, flat, mapped, packed
from gpunn.layers.parameter import Rng

LONG = ("int32", "int64", "uint32", "uint64")  # which a floating type may not tell apart


@contextmanager
def drawing_alone(layer: Any) -> Iterator[None]:
    """In the block a layer that draws random numbers, and what is within it, draws from a random state of its own: other numbers each time.

    The state follows from the seed in force at the first call and from the layer's name; a model that holds the layer keeps its own.
    """
    kept, draws = layer.rng, layer.traced or layer.drawing
    if draws:
        if layer.alone is None or layer.alone[0] is not layer.backend:
            layer.alone = layer.backend, Rng(layer.backend, random.current_seed() ^ zlib.crc32(layer.name.encode()))
        layer.rng = layer.alone[1]
    elif kept is None:
        layer.rng = Rng(layer.backend, random.current_seed())
    for inner in layer.leaves if layer.traced else ():
        inner.backend, inner.rng = layer.backend, layer.rng
    try:
        yield
    finally:
        if draws:
            layer.rng.advance(layer.backend)
            layer.rng = kept


def masks_on(ops: Any, mask: Any, dtype: str) -> Any:
    """A mask that a call was given by name as an array of the device, of a list of them, one for each input, a list; None stays None."""
    if mask is None:
        return None
    if isinstance(mask, (list, tuple)) and any(m is None or getattr(m, "ndim", 0) for m in mask):
        return [masks_on(ops, m, dtype) for m in mask]
    own = ops.adopt(mask, "mask")
    return ops.asarray(np.asarray(mask) if own is None else own, dtype)


def kind_of(value: Any, dtype: str) -> str:
    """The type of an array of integers or truths; of any other a layer's, `dtype`."""
    kind = str(getattr(value, "dtype", dtype)).rpartition(".")[2]  # PyTorch's is "torch.int64"
    return kind if kind.startswith(WHOLE) else dtype


def computed_in(layer: Any, values: Any) -> str:
    """The floating type of a call on these: the layer's, or float64 where it keeps integers that its own does not tell apart. Raises
    ValueError for some that float64 does not tell apart either."""
    if not layer.kept_kinds:
        return layer.dtype
    long = [v for v in values if kind_of(v, layer.dtype).startswith(LONG) and hasattr(v, "min") and math.prod(v.shape)]
    largest = max((abs(int(end)) for v in long for end in (v.min(), v.max())), default=0)
    if largest >= most_exact("float64"):
        raise ValueError(f"Layer {layer.name!r}: expected integers below {most_exact('float64')}. Received: {largest}.")
    return "float64" if largest >= most_exact(layer.dtype) else layer.dtype


def cut(layer: Any, given: Any) -> Any:
    """Of a layer of integers arrays and tensors of floats, also in lists and dicts, cut to these; anything else as it is."""
    if layer._whole is None:
        return given
    from gpunn.ops.arithmetic import cast  # operations are layers

    def one(value: Any) -> Any:
        return cast(value, layer._whole) if str(getattr(value, "dtype", "")).startswith("float") else value

    return mapped(one, given)


def most_exact(dtype: Any) -> int:
    """Below which a floating type holds all integers, none of which stands for another."""
    return int(2 ** (np.finfo(dtype).nmant + 1))


def typed(value: Any, dtype: str) -> Any:
    """An array that was computed in floats, in the type of the tensor it is, where that is one of integers or truths; what is beyond its
    ends goes around."""
    if not hasattr(value, "astype") or not dtype.startswith(WHOLE):
        return value
    return value.astype(dtype) if dtype in ("bool", "uint64") else value.astype("int64").astype(dtype)


def called(layer: Any, x: Any, training: bool, options: dict[str, Any], kinds: list[str]) -> tuple[Any, Any]:
    """What a layer gives for arrays of the device that were of these types; and what says the types of that: tensors, or one for all."""
    if not layer.traced:
        return layer.forward(x, training, **options)[0], layer.kind_out(kinds, training)
    from gpunn.ops.forms import call_alone  # operations are layers

    return call_alone(layer, x, training, kinds)


def as_said(outputs: Any, said: Any) -> Any:
    """Arrays, also in lists and dicts, in this type, or in those of the tensors that stand for them."""
    if isinstance(said, str):
        return mapped(lambda value: typed(value, said), outputs) if said.startswith(WHOLE) else outputs
    return packed(said, [typed(value, tensor.dtype) for value, tensor in zip(flat(outputs), flat(said), strict=True)])


def host(value: Any, ops: Any) -> Any:
    """NumPy arrays of arrays of a device, also in lists, tuples and dicts; anything else as it is."""
    if isinstance(value, (list, tuple)):
        return type(value)([host(v, ops) for v in value])
    return {name: host(v, ops) for name, v in value.items()} if isinstance(value, dict) else on_host(value, ops)
