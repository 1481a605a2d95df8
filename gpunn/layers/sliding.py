"""What layers that slide a window over an image share: how their arguments are read, and the sizes that come out.

A sequence, (steps, channels), is an image of height 1: layers of rank 1 use the same kernels as those of rank 2. So do those of volumes,
frame by frame.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.kernels.windows import Volume, Windows

Shape = tuple[int | None, ...]


def sizes(name: str, value: Any, rank: int, layer: str, least: int = 1) -> tuple[int, ...]:
    """One whole number for each axis, from one for all or a list. Raises ValueError naming layer and argument."""
    given = tuple(value) if isinstance(value, (list, tuple)) else (value,) * rank
    if len(given) != rank or any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < least for n in given):
        kind = "positive integer" if least == 1 else f"integer of at least {least}"
        raise ValueError(f"Layer {layer!r}: {name} must be a {kind}, or a tuple of {rank}. Received: {name}={value!r}.")
    return tuple(int(n) for n in given)


def channels_last(data_format: Any, layer: str) -> None:
    if data_format not in (None, "channels_last"):
        raise ValueError(f"Layer {layer!r}: data is channels-last. Received: data_format={data_format!r}.")


def padding_of(padding: Any, allowed: Sequence[str], layer: str) -> str:
    name = padding.lower() if isinstance(padding, str) else padding
    if name not in allowed:
        raise ValueError(f"Layer {layer!r}: padding must be one of {tuple(allowed)}. Received: padding={padding!r}.")
    return name


def image_of(shape: Sequence[int | None], rank: int, layer: str) -> tuple[int, ...]:
    """(sizes along the axes, channels) of inputs with the batch axis first. Raises ValueError for another rank, or sizes not known."""
    names = f"(batch, {('steps', 'height, width', 'depth, height, width')[rank - 1]}, channels)"
    if len(shape) != rank + 2 or not all(shape[1:]):
        raise ValueError(f"Input of layer {layer!r}: expected {names} with known sizes. Received: input of shape {tuple(shape)}.")
    return tuple(int(n or 0) for n in shape[1:])


def slide(size: int, window: int, stride: int, dilation: int, padding: str) -> tuple[int, int]:
    """-> (places along an axis, zeros before it), as Keras counts them; fewer than one place where the window is larger than the input."""
    reach = (window - 1) * dilation + 1
    if padding == "valid":
        return (size - reach) // stride + 1, 0
    places = -(-size // stride)
    if padding == "causal":
        return places, reach - 1
    return places, max((places - 1) * stride + reach - size, 0) // 2


def windows(
    layer: Any, shape: Sequence[int | None], filters: int, window: tuple[int, ...], strides: tuple[int, ...], dilation: tuple[int, ...],
    padding: str, groups: int = 1, pool: tuple[int, ...] | None = None,
) -> Any:
    """The geometry of the windows of a layer, or of what else has a ``name``, on inputs of this shape: `Windows`, or the `Volume` of three
    axes. Raises ValueError when a window does not fit."""
    rank = len(window)
    *image, channels = image_of(shape, rank, layer.name)
    axes = [slide(*numbers, padding) for numbers in zip(image, window, strides, dilation, strict=True)]
    if any(places < 1 for places, _ in axes):
        reach = tuple((k - 1) * d + 1 for k, d in zip(window, dilation, strict=True))
        raise ValueError(
            f"Layer {layer.name!r}: a window of {_text(reach)} is larger than the input of {_text(image)} (padding={padding!r}). "
            f"Expected an input at least as large. Received: input of shape {tuple(shape)}."
        )
    if rank == 1:
        image, window, strides, dilation, axes = [1, *image], (1, *window), (1, *strides), (1, *dilation), [(1, 0), *axes]
        pool = (1, *pool) if pool else None
    places, before = zip(*axes, strict=True)
    frame = Windows(
        *image[-2:], channels, *places[-2:], filters, *window[-2:], *strides[-2:], *dilation[-2:], *before[-2:], groups, *(pool or (1, 1))
    )
    return frame if rank < 3 else Volume(frame, image[0], places[0], window[0], strides[0], dilation[0], before[0])


def _text(sizes_: Sequence[int]) -> str:
    return " x ".join(map(str, sizes_))
