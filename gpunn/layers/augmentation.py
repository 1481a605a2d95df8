"""What augmentation layers have in common: numbers drawn for each image, ranges, image shapes, and that they act in training alone.

They belong in front of the layers that learn: no gradient passes through them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gpunn.kernels.augment_draw import DRAW, PLACES
from gpunn.kernels.augment_geometry import NEUTRAL
from gpunn.layers.dropout import Drawing
from gpunn.layers.graph import symbolic

NOISE = 0x08000000  # added to a layer's stream for numbers drawn pixel by pixel: they never share a block with those of images
Ranges = Mapping[int, tuple[float, float]]


def bounds(ranges: Ranges, neutral: Sequence[float] = NEUTRAL) -> tuple[np.ndarray, np.ndarray]:
    """``low`` and ``span`` of a table whose other places are `neutral`; see `kernels.augment_draw`. Spans have float32's precision, rounded
    towards zero, so that no number lies outside its range."""
    low, span = np.array(neutral), np.zeros(PLACES)
    for place, (first, last) in ranges.items():
        wide = np.float32(last - first)
        low[place], span[place] = first, wide if wide <= last - first else np.nextafter(wide, np.float32(0))
    return low, span


def one_image(x: Any) -> bool:
    """Whether an array is one image, (height, width, channels), rather than rows of grey ones: it has 1, 3 or 4 channels."""
    return getattr(x, "ndim", 0) == 3 and x.shape[-1] in (1, 3, 4) and not symbolic(x)


class Augmentation(Drawing):
    """A layer that changes images, (rows, height, width, channels) or (rows, height, width), in training, each in its own way.

    Called by itself it acts too, as in Keras (``training=True`` is its default), draws anew every time, and takes one image as well.
    `seed`: an integer, or None for the model's. Raises ValueError for arguments that cannot be, for an input of other axes, and where a
    gradient is asked for.
    """

    trains_alone = images_alone = True

    def __init__(self, seed: int | None = None, data_format: str | None = None, **common: Any):
        super().__init__(seed, **common)
        if data_format not in (None, "channels_last"):
            raise ValueError(f"Layer {self.name!r}: images are channels-last. Received: data_format={data_format!r}.")

    def __call__(self, x: Any = None, *others: Any, **options: Any) -> Any:
        return super().__call__(x[None], *others, **options)[0] if one_image(x) else super().__call__(x, *others, **options)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        self.image(input_shape)
        return input_shape

    # ------------------------------------------------------------------ for subclasses
    def image(self, shape: tuple[int | None, ...]) -> tuple[int, int, int]:
        """(height, width, channels) of rows of this shape."""
        if len(shape) not in (3, 4):
            raise ValueError(
                f"Layer {self.name!r}: expected images, an input of shape (rows, height, width, channels) or (rows, height, width). "
                f"Received: {tuple(shape)}."
            )
        height, width, channels = (int(n or 0) for n in (*shape[1:], 1)[:3])
        return height, width, channels

    def coloured(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape as it is. Raises ValueError unless it is that of images of three channels."""
        if self.image(shape)[2] != 3:
            raise ValueError(f"Layer {self.name!r}: expected images with 3 channels. Received: an input of shape {tuple(shape)}.")
        return shape

    def draw(self, rows: int, ranges: Ranges, table: int = 0, neutral: Sequence[float] = NEUTRAL) -> Any:
        """A (rows, PLACES) table on the device, new in every step: place k uniform in ``ranges[k]``, the others `neutral`."""
        ops = self.backend
        low, span = bounds(ranges, neutral)
        drawn = ops.empty((rows, PLACES), "float64")
        ops.launch(DRAW, ops.asarray(low), ops.asarray(span), *self.source(), table, drawn)
        return drawn

    def no_gradient(self, dy: Any, need_dx: bool = True) -> Any:
        """The pullback of layers that stand before all that learn."""
        if need_dx:
            raise ValueError(f"Layer {self.name!r}: no gradient passes through it. Put it before the layers that learn.")
        return None

    def between(self, name: str, value: Any, low: float, high: float, mirrored: bool = True) -> tuple[float, float]:
        """A range from Keras's spellings: a pair, or a number f for (-f, f), or (0, f) unless `mirrored`.

        Raises ValueError for anything else, for a pair out of order and for what lies outside [low, high]."""
        pair = tuple(value) if isinstance(value, (tuple, list)) else (max(-value, low) if mirrored else 0.0, value) if number(value) else ()
        if len(pair) != 2 or not all(number(v) and low <= v <= high for v in pair) or pair[0] > pair[1]:
            raise ValueError(
                f"Layer {self.name!r}: {name} must be a number or a pair (lower, upper), in order, from {low:g} to {high:g}. "
                f"Received: {name}={value!r}."
            )
        return float(pair[0]), float(pair[1])

    def value_range(self, value: Any) -> tuple[float, float]:
        """(lowest, highest) value of a pixel. Raises ValueError for anything else."""
        if not isinstance(value, (tuple, list)) or len(value) != 2 or not all(number(v) for v in value) or value[0] >= value[1]:
            raise ValueError(f"Layer {self.name!r}: value_range must be a pair (lowest, highest), in order. Received: {value!r}.")
        return float(value[0]), float(value[1])

    def choice(self, name: str, value: Any, known: tuple[Any, ...]) -> Any:
        if value not in known:
            raise ValueError(f"Layer {self.name!r}: {name} must be one of {known}. Received: {name}={value!r}.")
        return value


def number(value: Any) -> bool:
    """Whether a value is one finite number."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool) and bool(np.isfinite(value))
