"""Layers that take something away from images or bend them: erasing, Cutout, elastic distortion."""

import math
from typing import Any

import numpy as np

from gpunn.kernels.augment_blur import BLUR, LARGEST
from gpunn.kernels.augment_draw import BOXES
from gpunn.kernels.augment_tone import PASTE
from gpunn.kernels.noise import GAUSSIAN
from gpunn.layers.augmentation import NOISE, Augmentation, number
from gpunn.layers.augmentation_geometry import Moving
from gpunn.layers.base import Pullback, positive


class Boxed(Augmentation):
    """A layer that fills a box of each image, or changes all of some images."""

    def whole(self, factor: tuple[float, float]) -> dict[int, tuple[float, float]]:
        """The ranges of a box that is the image, with a probability from this range; else empty."""
        return {0: (1.0, 1.0), 1: (1.0, 1.0), 2: (0.0, 0.0), 3: (0.0, 0.0), 4: factor, 5: (0.0, 1.0)}

    def some(self, x: Any, drawn: Any, changed: Any, limits: tuple[float, float] = (-math.inf, math.inf)) -> Any:
        """The images, those changed for which a table drawn from `whole` says so; these between the limits."""
        return self.pasted(x, self.boxes(x, drawn, 0), changed, 0.0, limits)

    def boxes(self, x: Any, drawn: Any, kind: int) -> Any:
        height, width, _ = self.image(x.shape)
        boxes = self.backend.empty((x.shape[0], 4), "float64")
        self.backend.launch(BOXES, drawn, height, width, kind, boxes)
        return boxes

    def pasted(self, x: Any, boxes: Any, fill: Any, value: float, limits: tuple[float, float]) -> Any:
        y = self.backend.empty(x.shape, x.dtype)
        given = x if fill is None else fill
        self.backend.launch(PASTE, x, boxes, given, *self.image(x.shape), int(fill is not None), value, *limits, y)
        return y

    def noise(self, like: Any, stddev: float) -> Any:
        """Normal numbers, one a value."""
        ops, (step, seed, stream) = self.backend, self.source()
        y = ops.empty(like.shape, like.dtype)
        ops.launch(GAUSSIAN, ops.zeros(like.shape, like.dtype), step, seed, stream + NOISE, stddev, 0, y)
        return y


class RandomErasing(Boxed):
    """Replaces a box of an image with `fill_value`, or with normal noise of deviation ``value_range[1]`` where that is None (Zhong et al.
    2017), clipped to `value_range`. factor: the probability, a number p for one drawn from (0, p), or a pair; scale: the range from which
    the squares of the box's two sides, as shares of the image's, are drawn."""

    recordable = True

    def __init__(
        self, factor: Any = 1.0, scale: Any = (0.02, 0.33), fill_value: float | None = None, value_range: Any = (0, 255),
        seed: int | None = None, data_format: str | None = None, **common: Any,
    ):
        super().__init__(seed, data_format, **common)
        self.factor, self.scale = (self.between(n, v, 0.0, 1.0, mirrored=False) for n, v in (("factor", factor), ("scale", scale)))
        if fill_value is not None and not number(fill_value):
            raise ValueError(f"Layer {self.name!r}: fill_value must be a number or None. Received: fill_value={fill_value!r}.")
        self.fill_value, self.limits = fill_value, self.value_range(value_range)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training:
            return x, lambda dy, need_dx=True: dy
        unit = (0.0, 1.0)
        drawn = self.draw(x.shape[0], {0: self.scale, 1: self.scale, 2: unit, 3: unit, 4: self.factor, 5: unit})
        fill = self.noise(x, self.limits[1]) if self.fill_value is None else None
        return self.pasted(x, self.boxes(x, drawn, 0), fill, float(self.fill_value or 0), self.limits), self.no_gradient

    def config(self) -> dict[str, Any]:
        return {
            "factor": self.factor, "scale": self.scale, "fill_value": self.fill_value, "value_range": self.limits, "seed": self.seed,
        }


class Cutout(Boxed):
    """Sets a square of `size` pixels (or a box, (height, width)) around a pixel anywhere in the image to `fill_value`; what stands out of
    the image is lost (DeVries & Taylor 2017). With probability `rate`."""

    recordable = True

    def __init__(self, size: Any, fill_value: float = 0.0, rate: float = 1.0, seed: int | None = None, **common: Any):
        super().__init__(seed, **common)
        sizes = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
        if len(sizes) != 2:
            raise ValueError(f"Layer {self.name!r}: size must be a number of pixels, or two. Received: size={size!r}.")
        self.size = tuple(positive("size", n, self.name) for n in sizes)
        self.fill_value, self.rate = float(fill_value), self.share("rate", rate, closed=True)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training:
            return x, lambda dy, need_dx=True: dy
        unit, (tall, wide) = (0.0, 1.0), self.size
        sides = {0: (float(tall), float(tall)), 1: (float(wide), float(wide))}
        drawn = self.draw(x.shape[0], {**sides, 2: unit, 3: unit, 4: (self.rate, self.rate), 5: unit})
        limits = (-float("inf"), float("inf"))
        return self.pasted(x, self.boxes(x, drawn, 1), None, self.fill_value, limits), self.no_gradient

    def config(self) -> dict[str, Any]:
        return {"size": self.size, "fill_value": self.fill_value, "rate": self.rate, "seed": self.seed}


class RandomElasticTransform(Moving, Boxed):
    """Moves every pixel by a smooth random field (Simard et al. 2003): normal noise of deviation s, blurred by a Gaussian of deviation s,
    times a; s = 0.05 scale min(height, width), a = 0.1 scale max(height, width), as Keras.

    factor: the probability, a number p for one drawn from (0, p), or a pair. scale: from 0 to 1, a number or a pair, whose upper end is
    used (Keras draws one scale a batch). The result is clipped to `value_range`.
    """

    recordable = True

    def __init__(
        self, factor: Any = 1.0, scale: Any = 1.0, interpolation: str = "bilinear", fill_mode: str = "reflect", fill_value: float = 0.0,
        value_range: Any = (0, 255), seed: int | None = None, data_format: str | None = None, **common: Any,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **common)
        self.factor = self.between("factor", factor, 0.0, 1.0, mirrored=False)
        self.scale, self.limits = self.between("scale", scale, 0.0, 1.0, mirrored=False), self.value_range(value_range)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        height, width, _ = self.image(x.shape)
        sigma, alpha = 0.05 * self.scale[1] * min(height, width), 0.1 * self.scale[1] * max(height, width)
        if not training or sigma == 0:
            return x, lambda dy, need_dx=True: dy
        ops, rows, size = self.backend, x.shape[0], min(int(6 * sigma) | 1, LARGEST)
        drawn = self.draw(rows, {**self.whole(self.factor), 6: (sigma, sigma)})  # place 6: the deviation
        field = self.noise(ops.empty((rows, height * width * 2), x.dtype), sigma)
        other = ops.empty(field.shape, x.dtype)
        ops.launch(BLUR, field, drawn, 6, -1, height, width, 2, size, 0, other)
        ops.launch(BLUR, other, drawn, 6, -1, height, width, 2, size, 1, field)
        maps = ops.asarray(np.repeat([[1.0, 0, 0, 0, 1.0, 0]], rows, axis=0))
        moved = self.gathered(x, maps, None, field, alpha)
        return self.some(x, drawn, moved, self.limits), self.no_gradient

    def config(self) -> dict[str, Any]:
        return {"factor": self.factor, "scale": self.scale, "value_range": self.limits, **super().config()}
