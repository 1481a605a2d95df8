"""Images, (rows, height, width, channels), or one without rows: cut into patches, resized, cropped; the names of ``keras.ops.image``."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.layers.resizing import FILTERS, mixed, mixed_back, resizing, shifted
from gpunn.layers.sliding import channels_last, padding_of, sizes, slide
from gpunn.ops import along_axes, made_of_others, shaping
from gpunn.ops.moves import Move
from gpunn.ops.one_type import floats_of
from gpunn.ops.operation import Back, Definition, Place, apply


def _patches(x: Any, size: Sequence[int], strides: Sequence[int], rates: Sequence[int]) -> Any:
    """(rows, places along each axis, elements of a window * channels) of images, or volumes, that are large enough."""
    rank, every, reach = len(size), slice(None), [(n - 1) * r + 1 for n, r in zip(size, rates, strict=True)]
    seen = np.lib.stride_tricks.sliding_window_view(np.asarray(x), reach, axis=tuple(range(1, rank + 1)))
    seen = np.moveaxis(seen[every, *(slice(None, None, n) for n in strides), every, *(slice(None, None, n) for n in rates)], rank + 1, -1)
    return seen.reshape(*seen.shape[: rank + 1], math.prod(size) * x.shape[-1])


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


AXES = {2: "height, width, channels", 3: "depth, height, width, channels"}


def images_of(x: Any, what: str, rank: int = 2) -> tuple[Any, bool]:
    """(images, or volumes, with rows; whether there was only one without). Raises ValueError for what are none of known size."""
    x = x if hasattr(x, "shape") else np.asarray(x)
    shape, axes = tuple(x.shape), AXES[rank]
    if len(shape) not in (rank + 1, rank + 2) or None in shape[-rank - 1 :]:
        raise ValueError(f"{what}: expected images, (rows, {axes}) or ({axes}). Received: shape {shape}.")
    return (shaping.expand_dims(x, 0), True) if len(shape) == rank + 1 else (x, False)


def given_back(x: Any, single: bool) -> Any:
    return shaping.squeeze_all(x, 0) if single else x


def extract_patches(
    images: Any, size: Any, strides: Any = None, dilation_rate: Any = 1, padding: str = "valid", data_format: Any = None
) -> Any:
    """The windows of an image, each a row of its pixels: (rows, down, along, size[0] * size[1] * channels).

    `strides`: from one to the next, by default `size`; padding "same" fills up with zeros. Raises ValueError for anything else, and for
    images of unknown size.
    """
    return _extracted("extract_patches", images, 2, size, strides, dilation_rate, padding, data_format)


def extract_patches_3d(
    volumes: Any, size: Any, strides: Any = None, dilation_rate: Any = 1, padding: str = "valid", data_format: Any = None
) -> Any:
    """The windows of a volume (rows, depth, height, width, channels), or of one without rows, each a row of its elements."""
    return _extracted("extract_patches_3d", volumes, 3, size, strides, dilation_rate, padding, data_format)


def _extracted(what: str, x: Any, rank: int, size: Any, strides: Any, dilation_rate: Any, padding: Any, data_format: Any) -> Any:
    channels_last(data_format, what)
    x, single = images_of(x, what, rank)
    size, rates = sizes("size", size, rank, what), sizes("dilation_rate", dilation_rate, rank, what)
    strides, padding = sizes("strides", size if strides is None else strides, rank, what), padding_of(padding, ("valid", "same"), what)
    if padding == "same":
        frame = [(0, 0)]
        for numbers in zip(x.shape[1:-1], size, strides, rates, strict=True):
            (places, before), (n, k, s, r) = slide(*numbers, padding), numbers
            frame.append((before, max((places - 1) * s + (k - 1) * r + 1 - n - before, 0)))
        x = made_of_others.pad(x, [*frame, (0, 0)])
    if any((k - 1) * r + 1 > n for n, k, r in zip(x.shape[1:-1], size, rates, strict=True)):
        raise ValueError(f"{what}: a window of {size} is larger than the image. Received: shape {tuple(x.shape)}.")
    return given_back(apply(PATCHES, x, size=size, strides=strides, rates=rates), single)


def resize(
    images: Any, size: Any, interpolation: str = "bilinear", antialias: bool = False, crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False, fill_mode: str = "constant", fill_value: float = 0.0, data_format: Any = None,
) -> Any:
    """Images of another size, (height, width), pixel centres at half numbers. `antialias`: what shrinks is averaged, not sampled.

    `interpolation`: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5". crop_to_aspect_ratio cuts the sides that stand out instead
    of distorting, pad_to_aspect_ratio fills up with `fill_value`. Raises ValueError for anything else.
    """
    channels_last(data_format, "resize")
    images, single = images_of(images, "resize")
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
    return given_back(apply(RESIZE, images, size=size, interpolation=interpolation, antialias=bool(antialias)), single)


METHODS = {
    "linear": "bilinear", "bilinear": "bilinear", "trilinear": "bilinear", "cubic": "bicubic", "bicubic": "bicubic", "tricubic": "bicubic",
    "lanczos3": "lanczos3", "lanczos5": "lanczos5",
}


def scale_and_translate(
    images: Any, output_shape: Any, scale: Any, translation: Any, spatial_dims: Any, method: str, antialias: bool = True
) -> Any:
    """An array whose `spatial_dims` are made as many times as long as `scale` says and moved by `translation`, within `output_shape`; what
    comes from outside is 0. Scale and translation are numbers, which have no gradient. Raises ValueError for another method."""
    if method not in METHODS:
        raise ValueError(f"scale_and_translate: method must be one of {tuple(METHODS)}. Received: method={method!r}.")
    x = images if hasattr(images, "shape") else np.asarray(images)
    for axis, s, t in zip(spatial_dims, np.asarray(scale, float), np.asarray(translation, float), strict=True):
        weights = shifted(int(x.shape[axis]), int(output_shape[axis]), float(s), float(t), METHODS[method], antialias)
        x = shaping.moveaxis(along_axes.matmul(shaping.moveaxis(x, axis, -1), weights.T.astype(floats_of(x))), -1, axis)
    return x


def crop_images(
    images: Any, top_cropping: Any = None, left_cropping: Any = None, bottom_cropping: Any = None, right_cropping: Any = None,
    target_height: Any = None, target_width: Any = None, data_format: Any = None,
) -> Any:
    """A part of images: of top, bottom and height two are given, so of left, right and width. Raises ValueError where it lies outside."""
    channels_last(data_format, "crop_images")
    images, single = images_of(images, "crop_images")
    given = ((top_cropping, bottom_cropping, target_height), (left_cropping, right_cropping, target_width))
    cut = [_part("crop_images", *numbers, whole=n) for numbers, n in zip(given, images.shape[1:3], strict=True)]
    return given_back(shaping.getitem(images, (slice(None), *(slice(a, a + n) for a, n in cut))), single)


def pad_images(
    images: Any, top_padding: Any = None, left_padding: Any = None, bottom_padding: Any = None, right_padding: Any = None,
    target_height: Any = None, target_width: Any = None, data_format: Any = None,
) -> Any:
    """Images with zeros around them: of top, bottom and height two are given, so of left, right and width. Raises ValueError where the
    target is too small."""
    channels_last(data_format, "pad_images")
    images, single = images_of(images, "pad_images")
    frame = []
    given = ((top_padding, bottom_padding, target_height), (left_padding, right_padding, target_width))
    for (before, after, target), n in zip(given, images.shape[1:3], strict=True):
        first, _ = _part("pad_images", before, after, n, whole=None if target is None else int(target))
        last = int(after) if target is None else int(target) - n - first
        frame.append((first, last))
    return given_back(made_of_others.pad(images, [(0, 0), *frame, (0, 0)]), single)


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
    images, single = images_of(images, "rgb_to_grayscale")
    if images.shape[-1] != 3:
        raise ValueError(f"rgb_to_grayscale: expected three channels. Received: shape {tuple(images.shape)}.")
    grey = along_axes.matmul(images, np.array([[0.2989], [0.5870], [0.1140]], floats_of(images)))
    return given_back(grey, single)
