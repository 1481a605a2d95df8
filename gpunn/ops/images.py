"""Images, (rows, height, width, channels), or one without rows: cut into patches, resized, cropped; the names of ``keras.ops.image``."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.layers.resizing import FILTERS, mixed, mixed_back, resizing
from gpunn.layers.sliding import channels_last, padding_of, sizes, slide
from gpunn.ops import along_axes, made_of_others, shaping
from gpunn.ops.moves import Move
from gpunn.ops.operation import Back, Definition, Place, apply


def _patches(x: Any, size: Sequence[int], strides: Sequence[int], rates: Sequence[int]) -> Any:
    """(rows, down, along, size[0] * size[1] * channels) of images that are large enough."""
    reach = [(n - 1) * r + 1 for n, r in zip(size, rates, strict=True)]
    seen = np.lib.stride_tricks.sliding_window_view(np.asarray(x), reach, axis=(1, 2))
    seen = seen[:, :: strides[0], :: strides[1], :, :: rates[0], :: rates[1]].transpose(0, 1, 2, 4, 5, 3)
    return seen.reshape(*seen.shape[:3], size[0] * size[1] * x.shape[-1])


class Resize(Definition):
    """Two products with matrices of weights, one along each axis."""

    def numpy(self, x: Any, size: Any = None, interpolation: str = "", antialias: bool = False) -> Any:
        down, along = _weights(x.shape, size, interpolation, antialias)
        out = np.einsum("kh,rhwc,lw->rklc", down, np.asarray(x), along, optimize=True)
        return out.astype(x.dtype if x.dtype.kind == "f" else np.float32)

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        x = operands[0]
        weights = [m.astype(x.dtype) for m in _weights(x.shape, **options)]
        return mixed(op.backend, x, weights), lambda dy, needs: [mixed_back(op.backend, dy, weights, x.shape[-1])]


PATCHES, RESIZE = Move("extract_patches", _patches), Resize("resize")


def _weights(shape: Sequence[int], size: Any, interpolation: str, antialias: bool) -> list[np.ndarray]:
    return [resizing(n, m, interpolation, antialias) for n, m in zip(shape[1:3], size, strict=True)]


def _images(x: Any, what: str) -> tuple[Any, bool]:
    """(images with rows, whether there was only one without). Raises ValueError for what are no images of known size."""
    x = x if hasattr(x, "shape") else np.asarray(x)
    shape = tuple(x.shape)
    if len(shape) not in (3, 4) or None in shape[-3:]:
        raise ValueError(f"{what}: expected images, (rows, height, width, channels) or (height, width, channels). Received: shape {shape}.")
    return (shaping.expand_dims(x, 0), True) if len(shape) == 3 else (x, False)


def _given_back(x: Any, single: bool) -> Any:
    return shaping.squeeze_all(x, 0) if single else x


def extract_patches(
    images: Any, size: Any, strides: Any = None, dilation_rate: Any = 1, padding: str = "valid", data_format: Any = None
) -> Any:
    """The windows of an image, each a row of its pixels: (rows, down, along, size[0] * size[1] * channels).

    `strides`: from one to the next, by default `size`; padding "same" fills up with zeros. Raises ValueError for anything else, and for
    images of unknown size.
    """
    what = "extract_patches"
    channels_last(data_format, what)
    images, single = _images(images, what)
    size, rates = sizes("size", size, 2, what), sizes("dilation_rate", dilation_rate, 2, what)
    strides, padding = sizes("strides", size if strides is None else strides, 2, what), padding_of(padding, ("valid", "same"), what)
    if padding == "same":
        frame = [(0, 0)]
        for numbers in zip(images.shape[1:3], size, strides, rates, strict=True):
            (places, before), (n, k, s, r) = slide(*numbers, padding), numbers
            frame.append((before, max((places - 1) * s + (k - 1) * r + 1 - n - before, 0)))
        images = made_of_others.pad(images, [*frame, (0, 0)])
    if any((k - 1) * r + 1 > n for n, k, r in zip(images.shape[1:3], size, rates, strict=True)):
        raise ValueError(f"{what}: a window of {size} is larger than the image. Received: shape {tuple(images.shape)}.")
    return _given_back(apply(PATCHES, images, size=size, strides=strides, rates=rates), single)


def resize(
    images: Any, size: Any, interpolation: str = "bilinear", antialias: bool = False, crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False, fill_mode: str = "constant", fill_value: float = 0.0, data_format: Any = None,
) -> Any:
    """Images of another size, (height, width), pixel centres at half numbers. `antialias`: what shrinks is averaged, not sampled.

    `interpolation`: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5". crop_to_aspect_ratio cuts the sides that stand out instead
    of distorting, pad_to_aspect_ratio fills up with `fill_value`. Raises ValueError for anything else.
    """
    channels_last(data_format, "resize")
    images, single = _images(images, "resize")
    size, interpolation = sizes("size", size, 2, "resize"), str(interpolation).lower()
    if interpolation not in ("nearest", *FILTERS):
        raise ValueError(f"resize: interpolation must be one of {('nearest', *FILTERS)}. Received: interpolation={interpolation!r}.")
    if (crop_to_aspect_ratio and pad_to_aspect_ratio) or fill_mode != "constant":
        raise ValueError("resize: expected one of crop_to_aspect_ratio and pad_to_aspect_ratio at most, and fill_mode='constant'.")
    height, width = images.shape[1:3]
    if crop_to_aspect_ratio:
        tall, wide = min(height, int(width * size[0] / size[1]) or 1), min(width, int(height * size[1] / size[0]) or 1)
        images = crop_images(images, int((height - tall) / 2), int((width - wide) / 2), target_height=tall, target_width=wide)
    elif pad_to_aspect_ratio:
        tall, wide = max(height, int(width * size[0] / size[1])), max(width, int(height * size[1] / size[0]))
        above, beside = int((tall - height) / 2), int((wide - width) / 2)
        images = made_of_others.pad(images, [(0, 0), (above, above), (beside, beside), (0, 0)], constant_values=float(fill_value))
    return _given_back(apply(RESIZE, images, size=size, interpolation=interpolation, antialias=bool(antialias)), single)


def crop_images(
    images: Any, top_cropping: Any = None, left_cropping: Any = None, bottom_cropping: Any = None, right_cropping: Any = None,
    target_height: Any = None, target_width: Any = None, data_format: Any = None,
) -> Any:
    """A part of images: of top, bottom and height two are given, so of left, right and width. Raises ValueError where it lies outside."""
    channels_last(data_format, "crop_images")
    images, single = _images(images, "crop_images")
    given = ((top_cropping, bottom_cropping, target_height), (left_cropping, right_cropping, target_width))
    cut = [_part("crop_images", *numbers, whole=n) for numbers, n in zip(given, images.shape[1:3], strict=True)]
    return _given_back(shaping.getitem(images, (slice(None), *(slice(a, a + n) for a, n in cut))), single)


def pad_images(
    images: Any, top_padding: Any = None, left_padding: Any = None, bottom_padding: Any = None, right_padding: Any = None,
    target_height: Any = None, target_width: Any = None, data_format: Any = None,
) -> Any:
    """Images with zeros around them: of top, bottom and height two are given, so of left, right and width. Raises ValueError where the
    target is too small."""
    channels_last(data_format, "pad_images")
    images, single = _images(images, "pad_images")
    frame = []
    given = ((top_padding, bottom_padding, target_height), (left_padding, right_padding, target_width))
    for (before, after, target), n in zip(given, images.shape[1:3], strict=True):
        first, _ = _part("pad_images", before, after, n, whole=None if target is None else int(target))
        last = int(after) if target is None else int(target) - n - first
        frame.append((first, last))
    return _given_back(made_of_others.pad(images, [(0, 0), *frame, (0, 0)]), single)


def _part(what: str, before: Any, after: Any, length: Any, whole: int | None) -> tuple[int, int]:
    """(first place, length) of a part of `whole` places, of which two numbers say where it lies."""
    if whole is None:  # it has no end but what lies behind the part
        if before is None or after is None:
            raise ValueError(f"{what}: expected two of the sides and the target, for each axis. Received: {before!r}, {after!r}.")
        whole = int(before) + int(length) + int(after)
    before, after, length = (None if n is None else int(n) for n in (before, after, length))
    if [before, after, length].count(None) > 1:
        raise ValueError(f"{what}: expected two of the sides and the target, for each axis. Received: {before!r}, {after!r}, {length!r}.")
    first = whole - after - length if before is None else before
    size = whole - first - (after or 0) if length is None else length
    if first < 0 or size < 1 or first + size > whole:
        raise ValueError(f"{what}: {size} places from {first} on are not within {whole}.")
    return first, size


def rgb_to_grayscale(images: Any, data_format: Any = None) -> Any:
    """0.2989 red + 0.587 green + 0.114 blue, (..., 1)."""
    channels_last(data_format, "rgb_to_grayscale")
    images, single = _images(images, "rgb_to_grayscale")
    if images.shape[-1] != 3:
        raise ValueError(f"rgb_to_grayscale: expected three channels. Received: shape {tuple(images.shape)}.")
    grey = along_axes.matmul(images, np.array([[0.2989], [0.5870], [0.1140]], "float32"))
    return _given_back(grey, single)
