"""Layers that change the values of pixels where they are."""

from typing import Any

from gpunn.kernels import augment_geometry as geometry
from gpunn.kernels.augment_blur import BLUR, LARGEST
from gpunn.kernels.augment_tone import ABOUT_MEAN, SALT, SATURATE, TONE
from gpunn.layers.augmentation import NOISE, Augmentation, number
from gpunn.layers.base import Pullback
from gpunn.layers.dropout import threshold


class RandomBrightness(Augmentation):
    """Adds one number to all pixels of an image: a share `factor` of the value range, a number f for (-f, f), or a pair; the result is
    clipped to `value_range`."""

    recordable = True

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **common: Any):
        super().__init__(seed, **common)
        self.factor, self.limits = self.between("factor", factor, -1.0, 1.0), self.value_range(value_range)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training:
            return x, lambda dy, need_dx=True: dy
        low, high = self.limits
        drawn = self.draw(x.shape[0], {geometry.SHIFT: (self.factor[0] * (high - low), self.factor[1] * (high - low))})
        y = self.backend.empty(x.shape, x.dtype)
        self.backend.launch(TONE, x, drawn, self.image(x.shape)[2], -1, geometry.SHIFT, 0, low, high, y)
        return y, self.no_gradient

    def config(self) -> dict[str, Any]:
        return {"factor": self.factor, "value_range": self.limits, "seed": self.seed}


class RandomContrast(Augmentation):
    """Stretches an image about the mean of each channel by a factor from 1 - lower to 1 + upper: `factor` is the pair, or one number for
    both (so Keras's text; its code takes 0 for the lower one). The result is clipped to `value_range`."""

    recordable = True

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **common: Any):
        super().__init__(seed, **common)
        pair = tuple(factor) if isinstance(factor, (tuple, list)) else (factor, factor)
        if len(pair) != 2 or not all(number(v) and 0 <= v <= 1 for v in pair):
            raise ValueError(f"Layer {self.name!r}: factor must be a number or a pair from 0 to 1. Received: factor={factor!r}.")
        self.factor, self.limits = (float(pair[0]), float(pair[1])), self.value_range(value_range)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training:
            return x, lambda dy, need_dx=True: dy
        drawn = self.draw(x.shape[0], {geometry.GAIN: (1 - self.factor[0], 1 + self.factor[1])})
        y = self.backend.empty(x.shape, x.dtype)
        self.backend.launch(TONE, x, drawn, self.image(x.shape)[2], geometry.GAIN, -1, ABOUT_MEAN, *self.limits, y)
        return y, self.no_gradient

    def config(self) -> dict[str, Any]:
        return {"factor": self.factor, "value_range": self.limits, "seed": self.seed}


class RandomSaturation(Augmentation):
    """Changes the saturation (HSV) of images with three channels: `factor` 0 (and below) is grey, 0.5 leaves them, 1 is as colourful as can
    be; a number f stands for (0, f). Saturation ends at 1, whatever `value_range` says."""

    recordable = True

    def __init__(self, factor: Any, value_range: Any = (0, 255), data_format: str | None = None, seed: int | None = None, **common: Any):
        super().__init__(seed, data_format, **common)
        self.factor, self.limits = self.between("factor", factor, -1.0, 1.0, mirrored=False), self.value_range(value_range)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return self.coloured(input_shape)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training:
            return x, lambda dy, need_dx=True: dy
        self.compute_output_shape(x.shape)
        y = self.backend.empty(x.shape, x.dtype)
        self.backend.launch(SATURATE, x, self.draw(x.shape[0], {geometry.GAIN: self.factor}), geometry.GAIN, y)
        return y, self.no_gradient

    def config(self) -> dict[str, Any]:
        return {"factor": self.factor, "value_range": self.limits, "seed": self.seed}


class RandomChannelShift(Augmentation):
    """Adds a number from (-range, range) to all pixels of an image and keeps them between its lowest and highest value, as the
    channel_shift_range of Keras's ImageDataGenerator."""

    recordable = True

    def __init__(self, intensity_range: float, seed: int | None = None, **common: Any):
        super().__init__(seed, **common)
        if not number(intensity_range) or intensity_range < 0:
            raise ValueError(f"Layer {self.name!r}: intensity_range must be a number of at least 0. Received: {intensity_range!r}.")
        self.intensity_range = float(intensity_range)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training:
            return x, lambda dy, need_dx=True: dy
        drawn = self.draw(x.shape[0], {geometry.SHIFT: (-self.intensity_range, self.intensity_range)})
        y = self.backend.empty(x.shape, x.dtype)
        self.backend.launch(TONE, x, drawn, self.image(x.shape)[2], -1, geometry.SHIFT, 2, 0.0, 0.0, y)
        return y, self.no_gradient

    def config(self) -> dict[str, Any]:
        return {"intensity_range": self.intensity_range, "seed": self.seed}


class SaltAndPepper(Augmentation):
    """Sets a share `amount` of the values to the highest (`salt` of them) or the lowest value."""

    recordable = True

    def __init__(self, amount: float = 0.05, salt: float = 0.5, value_range: Any = (0, 255), seed: int | None = None, **common: Any):
        super().__init__(seed, **common)
        self.amount, self.salt = self.share("amount", amount, closed=True), self.share("salt", salt, closed=True)
        self.limits = self.value_range(value_range)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training:
            return x, lambda dy, need_dx=True: dy
        ops, (step, seed, stream) = self.backend, self.source()
        y = ops.empty(x.shape, x.dtype)
        ops.launch(SALT, x, step, seed, stream + NOISE, threshold(self.amount * self.salt), threshold(self.amount), *self.limits, y)
        return y, self.no_gradient

    def config(self) -> dict[str, Any]:
        return {"amount": self.amount, "salt": self.salt, "value_range": self.limits, "seed": self.seed}


class RandomGaussianBlur(Augmentation):
    """Blurs an image with a probability drawn from `factor` (a number f stands for (0, f)), by `kernel_size` weights, an odd number or a
    pair (across, down), of a deviation from `sigma` pixels; each image draws its own. The result is clipped to `value_range`."""

    recordable = True

    def __init__(
        self, factor: Any = 1.0, kernel_size: Any = 3, sigma: Any = 1.0, value_range: Any = (0, 255), data_format: str | None = None,
        seed: int | None = None, **common: Any,
    ):
        super().__init__(seed, data_format, **common)
        sizes = tuple(kernel_size) if isinstance(kernel_size, (tuple, list)) else (kernel_size, kernel_size)
        if len(sizes) != 2 or not all(isinstance(n, int) and n % 2 == 1 and 0 < n <= LARGEST for n in sizes):
            raise ValueError(
                f"Layer {self.name!r}: kernel_size must be an odd number up to {LARGEST}, or two. Received: kernel_size={kernel_size!r}."
            )
        self.kernel_size = sizes
        self.factor, self.limits = self.between("factor", factor, 0.0, 1.0, mirrored=False), self.value_range(value_range)
        self.sigma = self.between("sigma", sigma, 0.0, float("inf"), mirrored=False)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training:
            return x, lambda dy, need_dx=True: dy
        ops, small = self.backend, 1e-6
        sigma = (self.sigma[0] + small, self.sigma[1] + small)
        # places 0 and 1: deviations down and across; 2 and 3: the probability and what must be below it; the rest is neutral
        drawn = self.draw(x.shape[0], {0: sigma, 1: sigma, 2: self.factor, 3: (0.0, 1.0)})
        a, b, image = ops.empty(x.shape, x.dtype), ops.empty(x.shape, x.dtype), self.image(x.shape)
        ops.launch(BLUR, x, drawn, 1, 2, *image, self.kernel_size[0], 1, a)
        ops.launch(BLUR, a, drawn, 0, 2, *image, self.kernel_size[1], 0, b)
        ops.launch(TONE, b, drawn, image[2], -1, -1, 0, *self.limits, a)
        return a, self.no_gradient

    def config(self) -> dict[str, Any]:
        return {
            "factor": self.factor, "kernel_size": self.kernel_size, "sigma": self.sigma, "value_range": self.limits, "seed": self.seed,
        }
