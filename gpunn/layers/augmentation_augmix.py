"""AugMix: images mixed with chains of operations on themselves, drawn as Keras 3 draws them."""

from typing import Any

import numpy as np

from gpunn.kernels import augment_geometry as geometry
from gpunn.kernels import augment_shades as shades
from gpunn.kernels.augment_draw import CHOOSE, DRAW, MIXING, PLACES
from gpunn.kernels.augment_tone import ABOUT_MEAN, MIX, TONE
from gpunn.layers.augmentation import NOISE, Ranges, bounds, number
from gpunn.layers.augmentation_geometry import Moving
from gpunn.layers.base import Pullback, positive

# each operation's places in the table of an affine map, and in that of shades; the last four only with `all_ops`
OPERATIONS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "none": ((), ()), "shear": ((geometry.SLANT_X, geometry.SLANT_Y, geometry.SIGN), ()),
    "translation": ((geometry.SHIFT_X, geometry.SHIFT_Y), ()), "rotation": ((geometry.ANGLE,), ()),
    "posterization": ((), (shades.BITS,)), "solarization": ((), (shades.ADDED, shades.LIMIT)), "auto-contrast": ((), (shades.STRETCHED,)),
    "equalization": ((), (shades.EQUALIZED,)), "brightness": ((), (shades.BRIGHTNESS,)), "colour degeneration": ((), (shades.GREY,)),
    "contrast": ((), (shades.CONTRAST,)), "sharpness": ((), (shades.SHARP,)),
}  # fmt: skip
FEW = len(OPERATIONS) - 4


class AugMix(Moving):
    """Mixes an image with `num_chains` chains of `chain_depth` random operations (Hendrycks et al. 2020): weights of the chains from a
    Dirichlet distribution, the share of the image itself from a Beta distribution, both of parameter `alpha`.

    Every image draws its own operation for each link, all alike: none, shear, translation, rotation, posterization, solarization,
    auto-contrast, equalization, and with `all_ops` brightness, colour degeneration (towards grey; images of three channels), contrast and
    sharpness; from the ranges that Keras 3's AugMix gives its layers of these names. factor, from 0 to 1: their strength, a number f for
    (0, f), or a pair. The result is clipped to `value_range`.
    """

    recordable = True

    def __init__(
        self, value_range: Any = (0, 255), num_chains: int = 3, chain_depth: int = 3, factor: Any = 0.3, alpha: float = 1.0,
        all_ops: bool = True, interpolation: str = "bilinear", seed: int | None = None, data_format: str | None = None, **common: Any,
    ):
        super().__init__("reflect", interpolation, seed, 0.0, data_format, **common)
        self.limits, self.factor = self.value_range(value_range), self.between("factor", factor, 0.0, 1.0, mirrored=False)
        self.num_chains, self.chain_depth = positive("num_chains", num_chains, self.name), positive("chain_depth", chain_depth, self.name)
        if not number(alpha) or alpha <= 0:
            raise ValueError(f"Layer {self.name!r}: alpha must be a positive number. Received: alpha={alpha!r}.")
        self.alpha, self.all_ops = float(alpha), bool(all_ops)

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

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training:
            return x, lambda dy, need_dx=True: dy
        ops, rows = self.backend, x.shape[0]
        step, seed, stream = self.source()
        weights, mixed = ops.empty((rows, self.num_chains + 1), "float64"), ops.empty(x.shape, x.dtype)
        ops.launch(MIXING, step, seed, stream + NOISE, self.alpha, weights)
        ops.launch(MIX, x, weights, self.num_chains + 1, 0, 0, mixed)
        for chain in range(self.num_chains):
            image = x
            for depth in range(self.chain_depth):
                image = self._link(image, chain * self.chain_depth + depth)
            ops.launch(MIX, image, weights, self.num_chains + 1, chain + 1, 1, mixed)
        y = ops.empty(x.shape, x.dtype)
        ops.launch(TONE, mixed, weights, self.image(x.shape)[2], -1, -1, 0, *self.limits, y)
        return y, self.no_gradient

    def _link(self, x: Any, table: int) -> Any:
        """One operation on each image, of its own choice."""
        height, width, _ = self.image(x.shape)
        moves = self._chosen(x.shape[0], self.move_ranges(height, width), geometry.NEUTRAL, 0, table)
        return self.shaded(self.moved(x, moves), self._chosen(x.shape[0], self.shade_ranges(), shades.SHADES, 1, table))

    def _chosen(self, rows: int, ranges: Ranges, neutral: tuple[float, ...], kind: int, table: int) -> Any:
        """A table of the numbers of each image's operation. Both kinds of table are made of the same uniform numbers: so they choose alike,
        and no operation has places in both."""
        ops, owner = self.backend, np.full(PLACES, -1.0)
        for k, places in enumerate(OPERATIONS.values()):
            owner[list(places[kind])] = k
        (low, span), drawn, one = bounds(ranges), ops.empty((rows, PLACES), "float64"), ops.empty((rows, PLACES), "float64")
        ops.launch(DRAW, ops.asarray(low), ops.asarray(span), *self.source(), table, drawn)
        choices = len(OPERATIONS) if self.all_ops else FEW
        ops.launch(CHOOSE, drawn, ops.asarray(np.array(neutral)), ops.asarray(owner), geometry.CHOICE, choices, one)
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

    def config(self) -> dict[str, Any]:
        return {
            "value_range": self.limits, "num_chains": self.num_chains, "chain_depth": self.chain_depth, "factor": self.factor,
            "alpha": self.alpha, "all_ops": self.all_ops, "interpolation": self.interpolation, "seed": self.seed,
        }
