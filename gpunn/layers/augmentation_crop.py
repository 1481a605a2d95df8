"""Layers that change the size of images: RandomCrop, CenterCrop, Resizing. A gather each, or two: whole pixels cut out, then resized."""

from typing import Any

import numpy as np

from gpunn.kernels import augment_geometry as geometry
from gpunn.layers.augmentation import Ranges
from gpunn.layers.augmentation_geometry import Moving
from gpunn.layers.base import Pullback, positive
from gpunn.layers.resizing import mixed_back, resizing


class Sizing(Moving):
    """A layer whose output is (rows, `height`, `width`, channels)."""

    def __init__(self, height: int, width: int, interpolation: str = "bilinear", seed: int | None = None, **common: Any):
        super().__init__(interpolation=interpolation, seed=seed, fill_mode="nearest", **common)
        self.height, self.width = positive("height", height, self.name), positive("width", width, self.name)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        self.image(input_shape)
        return (input_shape[0], self.height, self.width, *input_shape[3:])

    def cut(self, x: Any, top: int, left: int, tall: int, wide: int) -> Any:
        """Whole pixels from (top, left) on; outside the image, `fill_value`."""
        if (top, left, tall, wide) == (0, 0, *self.image(x.shape)[:2]):
            return x
        maps = self.backend.asarray(np.repeat([[1.0, 0, top, 0, 1.0, left]], x.shape[0], axis=0))
        return self.gathered(x, maps, (tall, wide), fill_mode="constant")

    def sized(self, x: Any) -> Any:
        """The whole images in this layer's size; pixel centres are at halves."""
        tall, wide, _ = self.image(x.shape)
        if (tall, wide) == (self.height, self.width):
            return x
        a, b = tall / self.height, wide / self.width
        maps = np.repeat([[a, 0, a / 2 - 0.5, 0, b, b / 2 - 0.5]], x.shape[0], axis=0)
        return self.gathered(x, self.backend.asarray(maps), (self.height, self.width))

    def largest(self, height: int, width: int) -> tuple[int, int, int, int]:
        """(top, left, height, width) of the largest part in the middle that has this layer's proportions, in whole pixels."""
        tall = max(min(height, int(width * self.height / self.width)), 1)
        wide = max(min(width, int(height * self.width / self.height)), 1)
        return int((height - tall) / 2), int((width - wide) / 2), tall, wide


class RandomCrop(Sizing):
    """In training a part of (height, width) pixels, for each image at a place of its own; otherwise, and where the image is not larger in
    both directions, the largest part in the middle that has these proportions, resized."""

    recordable = True

    def __init__(self, height: int, width: int, seed: int | None = None, data_format: str | None = None, **common: Any):
        super().__init__(height, width, seed=seed, data_format=data_format, **common)

    def ranges(self, height: int, width: int) -> Ranges:
        return {geometry.TOP: (0.0, height - self.height + 1.0), geometry.LEFT: (0.0, width - self.width + 1.0)}

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        height, width, _ = self.image(x.shape)
        if not training or height <= self.height or width <= self.width:
            return self.sized(self.cut(x, *self.largest(height, width))), self.no_gradient
        return self.moved(x, self.draw(x.shape[0], self.ranges(height, width)), (self.height, self.width)), self.no_gradient

    def config(self) -> dict[str, Any]:
        return {"height": self.height, "width": self.width, "seed": self.seed}


class CenterCrop(Sizing):
    """The (height, width) pixels in the middle; of a smaller image the largest part with these proportions, resized. Always active."""

    recordable = True

    def __init__(self, height: int, width: int, data_format: str | None = None, **common: Any):
        super().__init__(height, width, data_format=data_format, **common)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        height, width, _ = self.image(x.shape)
        if height >= self.height and width >= self.width:
            frame = (int((height - self.height) / 2), int((width - self.width) / 2), self.height, self.width)
            return self.cut(x, *frame), self.no_gradient
        return self.sized(self.cut(x, *self.largest(height, width))), self.no_gradient

    def config(self) -> dict[str, Any]:
        return {"height": self.height, "width": self.width}


class Resizing(Sizing):
    """Images in another size, always active. Without `antialias`, which is not available: shrunk images are sampled, not averaged.

    crop_to_aspect_ratio cuts the sides that stand out instead of distorting; pad_to_aspect_ratio fills up with `fill_value`. A gradient
    passes through it where neither is asked for.
    Raises ValueError for both at once, antialias, or an interpolation other than "bilinear" and "nearest".
    """

    recordable = True

    def __init__(
        self, height: int, width: int, interpolation: str = "bilinear", crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False, fill_mode: str = "constant", fill_value: float = 0.0, antialias: bool = False,
        data_format: str | None = None, **common: Any,
    ):
        super().__init__(height, width, interpolation, data_format=data_format, fill_value=fill_value, **common)
        if antialias or (crop_to_aspect_ratio and pad_to_aspect_ratio) or fill_mode != "constant":
            raise ValueError(
                f"Layer {self.name!r}: expected antialias=False, fill_mode='constant' and at most one of crop_to_aspect_ratio and "
                f"pad_to_aspect_ratio. Received: antialias={antialias!r}, fill_mode={fill_mode!r}, "
                f"crop_to_aspect_ratio={crop_to_aspect_ratio!r}, pad_to_aspect_ratio={pad_to_aspect_ratio!r}."
            )
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = bool(crop_to_aspect_ratio), bool(pad_to_aspect_ratio)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        height, width, channels = self.image(x.shape)
        if self.crop_to_aspect_ratio:
            return self.sized(self.cut(x, *self.largest(height, width))), self.no_gradient
        if self.pad_to_aspect_ratio:
            above = int((max(height, int(width * self.height / self.width)) - height) / 2)
            beside = int((max(width, int(height * self.width / self.height)) - width) / 2)
            return self.sized(self.cut(x, -above, -beside, height + 2 * above, width + 2 * beside)), self.no_gradient

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            lengths = zip((height, width), (self.height, self.width), strict=True)
            weights = [resizing(n, m, self.interpolation).astype(dy.dtype) for n, m in lengths]
            return mixed_back(self.backend, dy, weights, channels).reshape(x.shape) if need_dx else None

        return self.sized(x), pullback

    def config(self) -> dict[str, Any]:
        return {
            "height": self.height, "width": self.width, "interpolation": self.interpolation, "fill_value": self.fill_value,
            "crop_to_aspect_ratio": self.crop_to_aspect_ratio, "pad_to_aspect_ratio": self.pad_to_aspect_ratio,
        }
