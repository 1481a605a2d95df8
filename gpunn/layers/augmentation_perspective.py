"""RandomPerspective: images seen from elsewhere."""

from typing import Any

import numpy as np

from gpunn.kernels import augment_perspective as places
from gpunn.kernels.augment_perspective import PERSPECTIVE
from gpunn.layers.augmentation_geometry import Moving
from gpunn.layers.augmentation_parts import Boxed
from gpunn.layers.base import Pullback


class RandomPerspective(Moving, Boxed):
    """Draws the corners of an image elsewhere, each coordinate times a number from 1 - scale / 2 to 1 + scale / 2, so that the upper left
    one stays, and the image with them; what is outside becomes `fill_value`.

    factor: the probability, a number p for one drawn from (0, p), or a pair. scale: from 0 to 1. interpolation: "bilinear" or "nearest".
    """

    recordable = True

    def __init__(
        self, factor: Any = 1.0, scale: float = 1.0, interpolation: str = "bilinear", fill_value: float = 0.0, seed: int | None = None,
        data_format: str | None = None, **common: Any,
    ):
        super().__init__("constant", interpolation, seed, fill_value, data_format, **common)
        self.factor, self.scale = self.between("factor", factor, 0.0, 1.0, mirrored=False), self.share("scale", scale, closed=True)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training:
            return x, lambda dy, need_dx=True: dy
        (height, width, _), rows, half = self.image(x.shape), x.shape[0], self.scale / 2
        corners = dict.fromkeys((places.RIGHT, places.DOWN, places.FAR_RIGHT, places.FAR_DOWN), (-half, half))
        drawn, field = self.draw(rows, {**self.whole(self.factor), **corners}), self.backend.empty((rows, height * width * 2), x.dtype)
        self.backend.launch(PERSPECTIVE, drawn, height, width, field)
        still = self.backend.asarray(np.repeat([[1.0, 0, 0, 0, 1.0, 0]], rows, axis=0))
        return self.some(x, drawn, self.gathered(x, still, None, field, 1.0)), self.no_gradient

    def config(self) -> dict[str, Any]:
        return {
            "factor": self.factor, "scale": self.scale, "interpolation": self.interpolation, "fill_value": self.fill_value,
            "seed": self.seed,
        }
