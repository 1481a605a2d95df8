"""Layers that change levels, greys and sharpness, each an operation of AugMix's on its own."""

from typing import Any

import numpy as np

from gpunn.kernels import augment_shades as shades
from gpunn.layers.augmentation import Augmentation, Ranges
from gpunn.layers.base import Pullback


class _Shading(Augmentation):
    """A layer that draws a table of shades from `ranges`, which one kernel applies; see `kernels.augment_shades`."""

    def __init__(self, value_range: Any, seed: int | None = None, data_format: str | None = None, **common: Any):
        super().__init__(seed, data_format, **common)
        self.limits = self.value_range(value_range)

    def ranges(self) -> Ranges:
        raise NotImplementedError

    def table(self, rows: int) -> Any:
        return self.draw(rows, self.ranges(), neutral=shades.SHADES)

    def shaded(self, x: Any, table: Any) -> Any:
        """Levels by a table."""
        y = self.backend.empty(x.shape, x.dtype)
        self.backend.launch(shades.LEVELS, x, table, self.image(x.shape)[2], *self.limits, y)
        return y

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training:
            return x, lambda dy, need_dx=True: dy
        return self.shaded(x, self.table(x.shape[0])), self.no_gradient


class RandomPosterization(_Shading):
    """Keeps the upper bits of the 8 of each value: as many as a whole number drawn from `factor`, a pair (lowest, one above the highest),
    or a number n for (1, n); of equals that number itself."""

    recordable = True

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), data_format: str | None = None, seed: int | None = None, **common: Any
    ):
        super().__init__(value_range, seed, data_format, **common)
        self.factor = self.between("factor", factor, 1.0, 8.0)
        if any(n != int(n) for n in self.factor):
            raise ValueError(f"Layer {self.name!r}: factor must be whole numbers of bits. Received: factor={factor!r}.")

    def ranges(self) -> Ranges:
        return {shades.BITS: self.factor}

    def config(self) -> dict[str, Any]:
        return {"factor": [int(n) for n in self.factor], "value_range": self.limits, "seed": self.seed}


class RandomSharpness(_Shading):
    """Blurs or sharpens: by a factor of 0 an image is blurred with its eight neighbours, by 0.5 it stays, by 1 it is sharpened as much; a
    number f stands for (0, f). Black around it; the result is clipped to `value_range`."""

    recordable = True

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), data_format: str | None = None, seed: int | None = None, **common: Any
    ):
        super().__init__(value_range, seed, data_format, **common)
        self.factor = self.between("factor", factor, 0.0, 1.0)

    def ranges(self) -> Ranges:
        return {shades.SHARP: (1 - 2 * self.factor[1], 1 - 2 * self.factor[0])}

    def shaded(self, x: Any, table: Any) -> Any:
        y = self.backend.empty(x.shape, x.dtype)
        self.backend.launch(shades.SHADE, x, table, *self.image(x.shape), *self.limits, y)
        return y

    def config(self) -> dict[str, Any]:
        return {"factor": self.factor, "value_range": self.limits, "seed": self.seed}


class RandomColorDegeneration(RandomSharpness):
    """Fades the colours of images of three channels: by a factor of 0 they stay, by 1 the image is grey; a number f stands for (0, f) (so
    Keras's text; its code takes (-f, f)). The result is clipped to `value_range`."""

    recordable = True

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), data_format: str | None = None, seed: int | None = None, **common: Any
    ):
        super().__init__(0.0, value_range, data_format, seed, **common)
        self.factor = self.between("factor", factor, -1.0, 1.0, mirrored=False)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return self.coloured(input_shape)

    def ranges(self) -> Ranges:
        return {shades.GREY: self.factor}


class Solarization(_Shading):
    """Adds to all values, clips them, and turns those round that reach a threshold: v becomes lowest + highest - v.

    What is added, and the threshold above the lowest value, are shares of the value range, drawn from `addition_factor` and
    `threshold_factor`: a number f stands for (0, f). Keras takes the lower end of a pair for one in 255, and so does this.
    """

    recordable = True

    def __init__(
        self, addition_factor: Any = 0.0, threshold_factor: Any = 0.0, value_range: Any = (0, 255), seed: int | None = None, **common: Any
    ):
        super().__init__(value_range, seed, **common)
        given = (("addition_factor", addition_factor), ("threshold_factor", threshold_factor))
        self.addition_factor, self.threshold_factor = (self.between(n, v, 0.0, 1.0, mirrored=False) for n, v in given)

    def ranges(self) -> Ranges:
        (low, high), (least, most) = self.addition_factor, self.threshold_factor
        return {shades.ADDED: (low / 255, high), shades.LIMIT: (least / 255, most)}

    def config(self) -> dict[str, Any]:
        return {
            "addition_factor": self.addition_factor, "threshold_factor": self.threshold_factor, "value_range": self.limits,
            "seed": self.seed,
        }


class _Alike(_Shading):
    """A layer that draws nothing: the table says the same of every image."""

    def __init__(self, value_range: Any, place: int, data_format: str | None, **common: Any):
        super().__init__(value_range, None, data_format, **common)
        self.row = np.array(shades.SHADES)
        self.row[place] = 1.0

    def table(self, rows: int) -> Any:
        return self.backend.asarray(np.repeat(self.row[None], rows, axis=0))


class AutoContrast(_Alike):
    """Stretches each channel of an image to the whole value range, outside of training too; one of a single value stays."""

    recordable = True

    def __init__(self, value_range: Any = (0, 255), data_format: str | None = None, **common: Any):
        super().__init__(value_range, shades.STRETCHED, data_format, **common)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        return super().forward(x, True)

    def config(self) -> dict[str, Any]:
        return {"value_range": self.limits}


class Equalization(_Alike):
    """Spreads the levels of each channel of an image, of 256, so that as many values lie between any two of them, in training.

    Each image by itself (Keras takes those of a batch together). Raises ValueError for another number of `bins`.
    """

    recordable = True

    def __init__(self, value_range: Any = (0, 255), bins: int = shades.BINS, data_format: str | None = None, **common: Any):
        super().__init__(value_range, shades.EQUALIZED, data_format, **common)
        if bins != shades.BINS:
            raise ValueError(f"Layer {self.name!r}: there are {shades.BINS} levels. Received: bins={bins!r}.")
        self.bins = shades.BINS

    def shaded(self, x: Any, table: Any) -> Any:
        y = self.backend.empty(x.shape, x.dtype)
        self.backend.launch(shades.EQUALIZE, x, table, self.image(x.shape)[2], *self.limits, y)
        return y

    def config(self) -> dict[str, Any]:
        return {"value_range": self.limits, "bins": self.bins}
