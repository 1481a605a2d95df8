"""Colours by other numbers: hue, saturation and value; the names of ``keras.ops.image``."""

from typing import Any

import numpy as np

from gpunn.layers.sliding import channels_last
from gpunn.ops import arithmetic as a
from gpunn.ops import shaping

__all__ = ["hsv_to_rgb", "rgb_to_hsv"]


def rgb_to_hsv(images: Any, data_format: Any = None) -> Any:
    """Images (..., 3) of red, green and blue as hue, from 0 to 1 round the circle of colours, saturation and value (Smith 1978).

    Raises ValueError for whole numbers, and for other channels than three.
    """
    images = _checked("rgb_to_hsv", images, data_format)
    images = a.where(a.less(a.abs(images), float(np.finfo(str(images.dtype)).eps)), 0.0, images)
    r, g, b = shaping.unstack(images, axis=-1)
    value = a.maximum(a.maximum(r, g), b)
    span = a.subtract(value, a.minimum(a.minimum(r, g), b))
    coloured = a.greater(span, 0.0)
    sixth = a.divide(1 / 6, a.where(coloured, span, 1.0))
    hue = a.where(a.equal(value, g), _turned(sixth, b, r, 2 / 6), _turned(sixth, r, g, 4 / 6))
    hue = a.where(a.equal(value, r), _turned(sixth, g, b, 0.0), hue)
    hue = a.where(coloured, a.where(a.less(hue, 0.0), a.add(hue, 1.0), hue), 0.0)
    bright = a.greater(value, 0.0)
    saturation = a.where(bright, a.divide(span, a.where(bright, value, 1.0)), 0.0)
    return shaping.stack([hue, saturation, value], axis=-1)


def _turned(sixth: Any, first: Any, second: Any, start: float) -> Any:
    return a.add(a.multiply(sixth, a.subtract(first, second)), start)


def hsv_to_rgb(images: Any, data_format: Any = None) -> Any:
    """The way back of `rgb_to_hsv`; any hue is a place on the circle."""
    hue, saturation, value = shaping.unstack(_checked("hsv_to_rgb", images, data_format), axis=-1)
    turn = a.multiply(a.mod(hue, 1.0), 6.0)
    shares = [a.subtract(a.abs(a.subtract(turn, 3.0)), 1.0), *(a.subtract(2.0, a.abs(a.subtract(turn, n))) for n in (2.0, 4.0))]
    grey = a.subtract(1.0, saturation)
    return shaping.stack([a.multiply(value, a.add(grey, a.multiply(saturation, a.clip(s, 0.0, 1.0)))) for s in shares], axis=-1)


def _checked(what: str, images: Any, data_format: Any) -> Any:
    channels_last(data_format, what)
    images = images if hasattr(images, "shape") else np.asarray(images)
    shape, kind = tuple(images.shape), str(images.dtype)
    if len(shape) not in (3, 4) or shape[-1] != 3 or not kind.startswith("float"):
        raise ValueError(f"{what}: expected images (rows, height, width, 3) or (height, width, 3), of floats. Received: {shape}, {kind}.")
    return images
