"""Layers that change colours as a whole: grey, inverted, of another hue, or all of it a little."""

from typing import Any

from gpunn.kernels import augment_geometry as geometry
from gpunn.kernels import augment_shades as shades
from gpunn.kernels.augment_hue import HUE
from gpunn.kernels.augment_tone import TONE
from gpunn.layers.augmentation import Augmentation
from gpunn.layers.augmentation_colour import RandomBrightness, RandomContrast, RandomSaturation
from gpunn.layers.augmentation_parts import Boxed
from gpunn.layers.base import Pullback
from gpunn.layers.wrappers import APART

INFINITE = (-float("inf"), float("inf"))


class RandomGrayscale(Boxed):
    """Makes images of three channels grey with the probability `factor`: 0.2989 red + 0.587 green + 0.114 blue in all channels."""

    recordable = True

    def __init__(self, factor: float = 0.5, data_format: str | None = None, seed: int | None = None, **common: Any):
        super().__init__(seed, data_format, **common)
        self.factor = self.share("factor", factor, closed=True)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return self.coloured(input_shape)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training:
            return x, lambda dy, need_dx=True: dy
        ranges = {**self.whole((self.factor, self.factor)), shades.GREY: (1.0, 1.0), shades.SHARP: (0.0, 0.0)}
        drawn, grey = self.draw(x.shape[0], ranges), self.backend.empty(x.shape, x.dtype)
        self.backend.launch(shades.SHADE, x, drawn, *self.image(self.coloured(x.shape)), *INFINITE, grey)
        return self.some(x, drawn, grey), self.no_gradient

    def config(self) -> dict[str, Any]:
        return {"factor": self.factor, "seed": self.seed}


class RandomInvert(Boxed):
    """Inverts images, each value v becoming the highest of `value_range` less v, with a probability drawn from `factor`: a number f for
    (0, f), or a pair."""

    recordable = True

    def __init__(
        self, factor: Any = 1.0, value_range: Any = (0, 255), seed: int | None = None, data_format: str | None = None, **common: Any
    ):
        super().__init__(seed, data_format, **common)
        self.factor, self.limits = self.between("factor", factor, 0.0, 1.0, mirrored=False), self.value_range(value_range)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training:
            return x, lambda dy, need_dx=True: dy
        high = self.limits[1]
        drawn = self.draw(x.shape[0], {**self.whole(self.factor), geometry.GAIN: (-1.0, -1.0), geometry.SHIFT: (high, high)})
        y = self.backend.empty(x.shape, x.dtype)
        self.backend.launch(TONE, x, drawn, self.image(x.shape)[2], geometry.GAIN, geometry.SHIFT, 0, *INFINITE, y)
        return self.some(x, drawn, y), self.no_gradient

    def config(self) -> dict[str, Any]:
        return {"factor": self.factor, "value_range": self.limits, "seed": self.seed}


class RandomHue(Augmentation):
    """Turns the hue (HSV) of images of three channels by a share of half the circle, drawn from `factor`, either way: a number f for
    (0, f), or a pair. The result is clipped to `value_range`."""

    recordable = True

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), data_format: str | None = None, seed: int | None = None, **common: Any
    ):
        super().__init__(seed, data_format, **common)
        self.factor, self.limits = self.between("factor", factor, 0.0, 1.0, mirrored=False), self.value_range(value_range)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return self.coloured(input_shape)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training:
            return x, lambda dy, need_dx=True: dy
        self.coloured(x.shape)
        drawn = self.draw(x.shape[0], {geometry.GAIN: self.factor, geometry.SIGN: (0.0, 1.0)})
        y = self.backend.empty(x.shape, x.dtype)
        self.backend.launch(HUE, x, drawn, geometry.GAIN, geometry.SIGN, *self.limits, y)
        return y, self.no_gradient

    def config(self) -> dict[str, Any]:
        return {"factor": self.factor, "value_range": self.limits, "seed": self.seed}


class RandomColorJitter(Augmentation):
    """Changes brightness, contrast, saturation and hue, in this order, each where its factor is given: see `RandomBrightness`,
    `RandomContrast`, `RandomSaturation` and `RandomHue`."""

    recordable = True

    def __init__(
        self, value_range: Any = (0, 255), brightness_factor: Any = None, contrast_factor: Any = None, saturation_factor: Any = None,
        hue_factor: Any = None, seed: int | None = None, data_format: str | None = None, **common: Any,
    ):
        super().__init__(seed, data_format, **common)
        self.limits = self.value_range(value_range)
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        kinds: list[Any] = [RandomBrightness, RandomContrast, RandomSaturation, RandomHue]
        factors, own = (brightness_factor, contrast_factor, saturation_factor, hue_factor), {"seed": seed, "name": self.name}
        made = zip(kinds, factors, strict=True)
        self.parts = [kind(f, value_range=self.limits, dtype=self.dtype, **own) for kind, f in made if f is not None]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        for part in self.parts:
            part.compute_output_shape(input_shape)
        return super().compute_output_shape(input_shape)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training:
            return x, lambda dy, need_dx=True: dy
        for i, part in enumerate(self.parts):
            part.backend, part.rng, part.stream = self.backend, self.rng, self.stream + i * APART
            x = part.forward(x, True)[0]
        return x, self.no_gradient

    def config(self) -> dict[str, Any]:
        names = ("brightness_factor", "contrast_factor", "saturation_factor", "hue_factor", "seed")
        return {"value_range": self.limits, **{n: getattr(self, n) for n in names}}
