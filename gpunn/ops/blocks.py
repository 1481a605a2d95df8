"""Blocks of pixels as channels, windows as columns, and back again: the names of ``keras.ops``."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.layers.columns import numbered
from gpunn.ops import along_axes as along
from gpunn.ops import made_of_others, shaping

__all__ = ["depth_to_space", "fold", "space_to_depth", "unfold"]

FORMATS = ("channels_last", "channels_first")


def depth_to_space(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Channels as blocks of pixels: (rows, height * n, width * n, channels / n^2), where n is `block_size`; with "channels_first" the
    channels stand before height and width. Raises ValueError where n^2 does not divide the channels."""
    height, width, channels = _image("depth_to_space", x, data_format)
    n = block_size
    if channels % n**2:
        raise ValueError(f"depth_to_space: expected a multiple of {n**2} channels for {block_size=}. Received: shape {tuple(x.shape)}.")
    if data_format == "channels_last":
        parts = shaping.reshape(x, (-1, height, width, n, n, channels // n**2))
        return shaping.reshape(shaping.transpose(parts, (0, 1, 3, 2, 4, 5)), (-1, height * n, width * n, channels // n**2))
    parts = shaping.reshape(x, (-1, channels // n**2, n, n, height, width))
    return shaping.reshape(shaping.transpose(parts, (0, 1, 4, 2, 5, 3)), (-1, channels // n**2, height * n, width * n))


def space_to_depth(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """The way back: (rows, height / n, width / n, channels * n^2). Raises ValueError where n does not divide height and width."""
    height, width, channels = _image("space_to_depth", x, data_format)
    n = block_size
    if height % n or width % n:
        raise ValueError(f"space_to_depth: expected height and width to be multiples of {block_size=}. Received: shape {tuple(x.shape)}.")
    if data_format == "channels_last":
        parts = shaping.reshape(x, (-1, height // n, n, width // n, n, channels))
        return shaping.reshape(shaping.transpose(parts, (0, 1, 3, 2, 4, 5)), (-1, height // n, width // n, channels * n**2))
    parts = shaping.reshape(x, (-1, channels, height // n, n, width // n, n))
    return shaping.reshape(shaping.transpose(parts, (0, 1, 3, 5, 2, 4)), (-1, channels * n**2, height // n, width // n))


def _image(what: str, x: Any, data_format: str) -> tuple[int, int, int]:
    """(height, width, channels). Raises ValueError for what are no images of known size."""
    shape = tuple(x.shape)
    if data_format not in FORMATS:
        raise ValueError(f"{what}: data_format must be one of {FORMATS}. Received: {data_format=}.")
    if len(shape) != 4 or None in shape[1:]:
        raise ValueError(f"{what}: expected images of four axes, of known size. Received: shape {shape}.")
    return shape[1:] if data_format == "channels_last" else (shape[2], shape[3], shape[1])


# ---------------------------------------------------------------------- windows of images with channels first, as columns
def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """The windows of images (rows, channels, height, width), one a column: (rows, channels * window, places). Each argument is a number, or
    one for each axis; `padding`: zeros on either side. Raises ValueError where no window fits."""
    if shaping.ndim(x) != 4 or None in tuple(x.shape)[1:]:
        raise ValueError(f"unfold: expected images (rows, channels, height, width) of known size. Received: shape {tuple(x.shape)}.")
    channels, height, width = tuple(x.shape)[1:]
    at, _ = _windows("unfold", (height, width), kernel_size, dilation, padding, stride)
    (above, beside), area = _pair(padding), at.shape[0]
    if above or beside:
        x = made_of_others.pad(x, ((0, 0), (0, 0), (above, above), (beside, beside)))
    flat = shaping.reshape(x, (-1, channels, (height + 2 * above) * (width + 2 * beside)))
    return shaping.reshape(shaping.take(flat, at.reshape(-1), axis=2), (-1, channels * area, at.shape[1]))


def fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """What stands in windows (rows, channels * window, places) added up where they lie in images: (rows, channels, *output_size). Raises
    ValueError where the columns are not those of such images."""
    height, width = _pair(output_size)
    at, (tall, wide) = _windows("fold", (height, width), kernel_size, dilation, padding, stride)
    area, places = at.shape
    if shaping.ndim(x) != 3 or x.shape[1] is None or x.shape[1] % area or x.shape[2] != places:
        raise ValueError(f"fold: expected (rows, channels * {area}, {places}), windows of {(height, width)}. Received: {tuple(x.shape)}.")
    above, beside = _pair(padding)
    channels = x.shape[1] // area
    # for each pixel the elements of the windows over it, of which there are not as many everywhere: those that lack are a zero at the end
    order = np.argsort(at.reshape(-1), kind="stable")
    counts = np.bincount(at.reshape(-1), minlength=tall * wide)
    most = int(counts.max())
    sources = np.full((tall * wide, most), at.size)
    sources[np.arange(most) < counts[:, None]] = order
    inside = sources.reshape(tall, wide, most)[above : above + height, beside : beside + width]
    flat = made_of_others.pad(shaping.reshape(x, (-1, channels, at.size)), ((0, 0), (0, 0), (0, 1)))
    parts = shaping.reshape(shaping.take(flat, inside.reshape(-1), axis=2), (-1, channels, height, width, most))
    return along.sum(parts, axis=-1)


def _pair(value: Any) -> tuple[int, int]:
    first, second = value if isinstance(value, (list, tuple)) else (value, value)
    return int(first), int(second)


def _windows(
    what: str, size: Sequence[int], kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> tuple[np.ndarray, tuple[int, int]]:
    """-> (which pixel of the padded image each element of each window is, (window, places); the size of that image)."""
    axes, whole = [], []
    for n, k, d, p, s in zip(size, *map(_pair, (kernel_size, dilation, padding, stride)), strict=True):
        places = (n + 2 * p - d * (k - 1) - 1) // s + 1
        if places < 1 or min(k, d, s) < 1 or p < 0:
            raise ValueError(f"{what}: no window fits. Received: size {tuple(size)}, {kernel_size=}, {dilation=}, {padding=}, {stride=}.")
        axes.append(np.add.outer(d * np.arange(k), s * np.arange(places)))
        whole.append(n + 2 * p)
    pixels = numbered(whole)[axes[0][:, None, :, None], axes[1][None, :, None, :]]
    return pixels.reshape(axes[0].shape[0] * axes[1].shape[0], -1), (whole[0], whole[1])
