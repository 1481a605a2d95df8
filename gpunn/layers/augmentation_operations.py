"""Random operations on images, one for each image, as AugMix and RandAugment chain them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.kernels import augment_geometry as geometry
from gpunn.kernels import augment_shades as shades
from gpunn.kernels.augment_draw import CHOOSE, PLACES
from gpunn.kernels.augment_tone import ABOUT_MEAN, TONE
from gpunn.layers.augmentation import Ranges
from gpunn.layers.augmentation_geometry import Moving

# each operation's places in the table of an affine map, and in that of shades; the last four, AugMix's only with `all_ops`
OPERATIONS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "none": ((), ()), "shear": ((geometry.SLANT_X, geometry.SLANT_Y, geometry.SIGN), ()),
    "translation": ((geometry.SHIFT_X, geometry.SHIFT_Y), ()), "rotation": ((geometry.ANGLE,), ()),
    "posterization": ((), (shades.BITS,)), "solarization": ((), (shades.ADDED, shades.LIMIT)), "auto-contrast": ((), (shades.STRETCHED,)),
    "equalization": ((), (shades.EQUALIZED,)), "brightness": ((), (shades.BRIGHTNESS,)), "colour degeneration": ((), (shades.GREY,)),
    "contrast": ((), (shades.CONTRAST,)), "sharpness": ((), (shades.SHARP,)),
}  # fmt: skip


class Operating(Moving):
    """A layer whose images go through a chain of operations, each image through one of its own choice at every link.

    `operations`: their names, all alike; factor, from 0 to 1: their strength. They are drawn from the ranges that Keras 3 gives its layers
    of these names.
    """

    def __init__(
        self, value_range: Any, factor: Any, operations: Sequence[str], interpolation: str, seed: int | None, data_format: str | None,
        **common: Any,
    ):
        super().__init__("reflect", interpolation, seed, 0.0, data_format, **common)
        self.limits, self.factor = self.value_range(value_range), self.between("factor", factor, 0.0, 1.0, mirrored=False)
        self.operations = tuple(operations)

    def move_ranges(self, height: int, width: int) -> Ranges:
        """What a link may do to the places of pixels."""
        low, high = self.factor
        return {
            geometry.ANGLE: (2 * np.pi * low, 2 * np.pi * high), geometry.SLANT_X: (low, high), geometry.SLANT_Y: (low, high),
            geometry.SIGN: (0.0, 1.0), geometry.SHIFT_X: (low * width, high * width), geometry.SHIFT_Y: (low * height, high * height),
            geometry.CHOICE: (0.0, 1.0),
        }  # fmt: skip

    def shade_ranges(self) -> Ranges:
        """What a link may do to their values."""
        (low, high), wide = self.factor, self.limits[1] - self.limits[0]
        return {
            shades.BITS: (1.0, max(2.0, float(int(8 * high)))), shades.ADDED: (low / 255, high), shades.LIMIT: (low / 255, high),
            shades.STRETCHED: (1.0, 1.0), shades.EQUALIZED: (1.0, 1.0), shades.BRIGHTNESS: (low * wide, high * wide),
            shades.GREY: (low, high), shades.CONTRAST: (1 - low, 1 + high), shades.SHARP: (1 - 2 * high, 1 - 2 * low),
            geometry.CHOICE: (0.0, 1.0),
        }  # fmt: skip

    def link(self, x: Any, table: int) -> Any:
        """One operation on each image, of its own choice."""
        height, width, _ = self.image(x.shape)
        moves = self._chosen(x.shape[0], self.move_ranges(height, width), geometry.NEUTRAL, 0, table)
        return self.shaded(self.moved(x, moves), self._chosen(x.shape[0], self.shade_ranges(), shades.SHADES, 1, table))

    def _chosen(self, rows: int, ranges: Ranges, neutral: tuple[float, ...], kind: int, table: int) -> Any:
        """A table of the numbers of each image's operation. Both kinds of table are made of the same uniform numbers: so they choose alike,
        and no operation has places in both."""
        ops, owner = self.backend, np.full(PLACES, -1.0)
        for k, name in enumerate(self.operations):
            owner[list(OPERATIONS[name][kind])] = k
        drawn, one = self.draw(rows, ranges, table), ops.empty((rows, PLACES), "float64")
        ops.launch(CHOOSE, drawn, ops.asarray(np.array(neutral)), ops.asarray(owner), geometry.CHOICE, len(self.operations), one)
        return one

    def shaded(self, x: Any, table: Any) -> Any:
        """The images in other shades, as a table says."""
        ops, image = self.backend, self.image(x.shape)
        a, b = ops.empty(x.shape, x.dtype), ops.empty(x.shape, x.dtype)
        ops.launch(TONE, x, table, image[2], shades.CONTRAST, shades.BRIGHTNESS, ABOUT_MEAN, *self.limits, a)
        ops.launch(shades.LEVELS, a, table, image[2], *self.limits, b)
        ops.launch(shades.EQUALIZE, b, table, image[2], *self.limits, a)
        ops.launch(shades.SHADE, a, table, *image, *self.limits, b)
        return b
