"""``tf.image``: functions of images with TensorFlow's arguments."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn import ops
from gpunn.ops import colours
from gpunn.results import dressed


def extract_patches(images: Any, sizes: Any, strides: Any, rates: Any, padding: str, name: str | None = None) -> Any:
    """The windows of images; sizes, strides and rates for all four axes."""
    size, stride, rate = (tuple(v)[1:3] for v in (sizes, strides, rates))
    return dressed(ops.image.extract_patches(images, size, stride, rate, padding.lower()))


def resize(
    images: Any, size: Any, method: str = "bilinear", preserve_aspect_ratio: bool = False, antialias: bool = False, name: str | None = None
) -> Any:
    """Images of another size, floats unless nearest; `preserve_aspect_ratio`: the largest within `size`."""
    size = [int(n) for n in size]
    if preserve_aspect_ratio:
        tall, wide = images.shape[-3:-1]
        share = min(size[0] / tall, size[1] / wide)
        size = [round(tall * share), round(wide * share)]
    return dressed(ops.image.resize(images, size, method, antialias))


def crop_to_bounding_box(image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any) -> Any:
    """A part of images."""
    return dressed(ops.image.crop_images(image, offset_height, offset_width, target_height=target_height, target_width=target_width))


def pad_to_bounding_box(image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any) -> Any:
    """Images with zeros around them."""
    return dressed(ops.image.pad_images(image, offset_height, offset_width, target_height=target_height, target_width=target_width))


def central_crop(image: Any, central_fraction: float) -> Any:
    """The middle of images, this share of each side."""
    first = [int((n - n * central_fraction) / 2) for n in image.shape[-3:-1]]
    return dressed(ops.image.crop_images(image, first[0], first[1], first[0], first[1]))


def flip_left_right(image: Any) -> Any:
    """Mirrored from side to side."""
    return dressed(ops.flip(image, axis=-2))


def flip_up_down(image: Any) -> Any:
    """Upside down."""
    return dressed(ops.flip(image, axis=-3))


def rot90(image: Any, k: int = 1, name: str | None = None) -> Any:
    """Turned by right angles, against the clock."""
    n = ops.ndim(image)
    return dressed(ops.rot90(image, k, (n - 3, n - 2)))


def rgb_to_grayscale(images: Any, name: str | None = None) -> Any:
    """One channel of three."""
    return dressed(ops.image.rgb_to_grayscale(images))


def grayscale_to_rgb(images: Any, name: str | None = None) -> Any:
    """Three channels alike."""
    return dressed(ops.repeat(images, 3, axis=-1))


def _of_bytes(change: Callable[[Any], Any], images: Any) -> Any:
    """A change of numbers from 0 to 1, made of bytes too, which stay bytes."""
    kind = np.dtype(images.dtype) if hasattr(images, "dtype") else np.asarray(images).dtype
    if kind.kind == "f":
        return dressed(change(images))
    return convert_image_dtype(np.asarray(change(convert_image_dtype(images, "float32"))), kind, saturate=True)


def adjust_brightness(image: Any, delta: float) -> Any:
    """A number added to every pixel, whose values go from 0 to 1, or are bytes."""
    return _of_bytes(lambda x: ops.add(x, delta), image)


def adjust_contrast(images: Any, contrast_factor: float) -> Any:
    """The distance of every pixel from the mean of its image and channel multiplied."""

    def change(x: Any) -> Any:
        middle = ops.mean(x, axis=(-3, -2), keepdims=True)
        return ops.add(ops.multiply(ops.subtract(x, middle), contrast_factor), middle)

    return _of_bytes(change, images)


def _in_hsv(change: Callable[[Any, Any, Any], tuple[Any, Any, Any]], images: Any) -> Any:
    def changed(x: Any) -> Any:
        hsv = colours.rgb_to_hsv(x)
        return colours.hsv_to_rgb(ops.concatenate(change(hsv[..., :1], hsv[..., 1:2], hsv[..., 2:]), axis=-1))

    return _of_bytes(changed, images)


def adjust_saturation(image: Any, saturation_factor: float, name: str | None = None) -> Any:
    """Colours stronger by a factor, or weaker."""
    return _in_hsv(lambda h, s, v: (h, ops.clip(ops.multiply(s, saturation_factor), 0.0, 1.0), v), image)


def adjust_hue(image: Any, delta: float, name: str | None = None) -> Any:
    """Colours moved round their circle, by a share of it."""
    return _in_hsv(lambda h, s, v: (ops.mod(ops.add(h, delta), 1.0), s, v), image)


class ResizeMethod:
    """How `resize` finds values between pixels."""

    BILINEAR, NEAREST_NEIGHBOR, BICUBIC, LANCZOS3, LANCZOS5 = "bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"


def resize_with_crop_or_pad(image: Any, target_height: int, target_width: int) -> Any:
    """The middle of images, or images in the middle of zeros, of this size."""
    for axis, target in ((-3, int(target_height)), (-2, int(target_width))):
        size = image.shape[axis]
        first, before = max(size - target, 0) // 2, max(target - size, 0) // 2
        image = ops.take(image, np.arange(first, first + min(size, target)), axis=axis)
        around = [(0, 0)] * ops.ndim(image)
        around[axis] = (before, max(target - size, 0) - before)
        image = ops.pad(image, around)
    return dressed(image)


def resize_with_pad(
    image: Any, target_height: int, target_width: int, method: str = "bilinear", antialias: bool = False
) -> Any:
    """Images resized without distortion, in the middle of zeros, of this size."""
    return resize_with_crop_or_pad(resize(image, (target_height, target_width), method, True, antialias), target_height, target_width)


def per_image_standardization(image: Any) -> Any:
    """Each image with mean 0 and deviation 1, which is taken as at least one over the root of the number of its elements."""
    axes, count = (-3, -2, -1), float(np.prod(image.shape[-3:]))
    apart = ops.subtract(image, ops.mean(image, axis=axes, keepdims=True))
    return dressed(ops.divide(apart, ops.maximum(ops.std(image, axis=axes, keepdims=True), count**-0.5)))


def total_variation(images: Any, name: str | None = None) -> Any:
    """The sum of the distances between neighbours, of each image."""
    down = ops.abs(images[..., 1:, :, :] - images[..., :-1, :, :])
    along = ops.abs(images[..., 1:, :] - images[..., :-1, :])
    axes = (-3, -2, -1)
    return dressed(ops.add(ops.sum(down, axis=axes), ops.sum(along, axis=axes)))


def psnr(a: Any, b: Any, max_val: float, name: str | None = None) -> Any:
    """The ratio of the largest value there can be to the mean squared distance of each image, in decibels."""
    mean = ops.mean(ops.square(ops.subtract(a, b)), axis=(-3, -2, -1))
    return dressed(ops.multiply(10.0, ops.log10(ops.divide(max_val**2, mean))))


def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False, name: str | None = None) -> np.ndarray:
    """Bytes as numbers from 0 to 1, and the other way round."""
    given, wanted = np.asarray(image), np.dtype(dtype)
    if given.dtype == wanted or given.dtype.kind == wanted.kind == "f":
        return dressed(given.astype(wanted))
    if wanted.kind == "f":
        return dressed((given / np.iinfo(given.dtype).max).astype(wanted))
    top = np.iinfo(wanted).max
    return dressed(np.clip(given * (top + 0.5), 0, top).astype(wanted))
