"""Layers that move the pixels of an image: one gather each, with an affine map for every image (and perhaps a field of displacements)."""

import math
from typing import Any

from gpunn.kernels import augment_geometry as geometry
from gpunn.kernels.augment_geometry import GATHER, MAPS
from gpunn.layers.augmentation import Augmentation, Ranges
from gpunn.layers.base import Pullback

FILL = {"reflect": "reflect", "wrap": "grid-wrap", "constant": "grid-constant", "nearest": "nearest"}  # what Keras 3 means by its words
ORDER = {"nearest": 0, "bilinear": 1}


class Moving(Augmentation):
    """A layer whose `ranges` are those of an affine map; see `kernels.augment_geometry`.

    fill_mode: how pixels outside are found, "reflect" (d c b a | a b c d | d c b a), "wrap" (a b c d | a b c d | a b c d), "nearest"
    (a a a a | a b c d | d d d d) or "constant" (`fill_value`). interpolation: "bilinear" or "nearest".
    """

    def __init__(
        self, fill_mode: str = "reflect", interpolation: str = "bilinear", seed: int | None = None, fill_value: float = 0.0,
        data_format: str | None = None, **common: Any,
    ):
        super().__init__(seed, data_format, **common)
        self.fill_mode = self.choice("fill_mode", fill_mode, tuple(FILL))
        self.interpolation = self.choice("interpolation", interpolation, tuple(ORDER))
        self.fill_value = float(fill_value)

    def ranges(self, height: int, width: int) -> Ranges:
        """What is drawn for images of this size: a range for each place of the table that is not neutral."""
        raise NotImplementedError

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training:
            return x, lambda dy, need_dx=True: dy
        height, width, _ = self.image(x.shape)
        return self.moved(x, self.draw(x.shape[0], self.ranges(height, width))), self.no_gradient

    def moved(self, x: Any, drawn: Any, size: tuple[int, int] | None = None) -> Any:
        """The images moved as a table says."""
        height, width, _ = self.image(x.shape)
        maps = self.backend.empty((x.shape[0], 6), "float64")
        self.backend.launch(MAPS, drawn, height, width, maps)
        return self.gathered(x, maps, size)

    def gathered(
        self, x: Any, maps: Any, size: tuple[int, int] | None = None, field: Any = None, strength: float = 0.0, fill_mode: str = "",
    ) -> Any:
        """The images read where the maps (and the field, times `strength` pixels) point, in `size` (height, width)."""
        height, width, channels = self.image(x.shape)
        out = size or (height, width)
        y = self.backend.empty((x.shape[0], *out, *x.shape[3:]), x.dtype)
        how = geometry.MODES[FILL[fill_mode or self.fill_mode]], ORDER[self.interpolation]
        self.backend.launch(
            GATHER, x, maps, x if field is None else field, height, width, channels, *out, *how, strength, self.fill_value, y
        )
        return y

    def config(self) -> dict[str, Any]:
        return {"fill_mode": self.fill_mode, "interpolation": self.interpolation, "seed": self.seed, "fill_value": self.fill_value}


class RandomRotation(Moving):
    """Rotates about the centre by a share `factor` of a full turn: a number f for (-f, f), or a pair; positive is counter-clockwise."""

    recordable = True

    def __init__(
        self, factor: Any, fill_mode: str = "reflect", interpolation: str = "bilinear", seed: int | None = None, fill_value: float = 0.0,
        data_format: str | None = None, **common: Any,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **common)
        self.factor = self.between("factor", factor, -1.0, 1.0)

    def ranges(self, height: int, width: int) -> Ranges:
        return {geometry.ANGLE: (2 * math.pi * self.factor[0], 2 * math.pi * self.factor[1])}

    def config(self) -> dict[str, Any]:
        return {"factor": self.factor, **super().config()}


class RandomFlip(Moving):
    """Flips an image with probability one half, each way that `mode` names: "horizontal" (left and right change places), "vertical", or
    "horizontal_and_vertical".

    Flips are no change that every label bears: they turn most digits and letters into something else, some into others (2 and 5, 6 and 9
    when flipped both ways). `fit` warns where the labels are those that `gpunn.datasets.mnist` or `digits` has loaded.
    """

    recordable = True

    def __init__(
        self, mode: str = "horizontal_and_vertical", seed: int | None = None, data_format: str | None = None, **common: Any
    ):
        super().__init__("nearest", "nearest", seed, 0.0, data_format, **common)
        self.mode = self.choice("mode", mode, ("horizontal", "vertical", "horizontal_and_vertical"))
        self.flips = True

    def ranges(self, height: int, width: int) -> Ranges:
        places = {"horizontal": geometry.FLIP_X, "vertical": geometry.FLIP_Y}
        return {place: (0.0, 1.0) for word, place in places.items() if word in self.mode}

    def config(self) -> dict[str, Any]:
        return {"mode": self.mode, "seed": self.seed}


class RandomTranslation(Moving):
    """Shifts by shares of the height (positive: down) and of the width (positive: right): a number f for (-f, f), or a pair."""

    recordable = True

    def __init__(
        self, height_factor: Any, width_factor: Any, fill_mode: str = "reflect", interpolation: str = "bilinear", seed: int | None = None,
        fill_value: float = 0.0, data_format: str | None = None, **common: Any,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **common)
        self.height_factor = self.between("height_factor", height_factor, -1.0, 1.0)
        self.width_factor = self.between("width_factor", width_factor, -1.0, 1.0)

    def ranges(self, height: int, width: int) -> Ranges:
        (top, bottom), (left, right) = self.height_factor, self.width_factor
        return {geometry.SHIFT_Y: (-bottom * height, -top * height), geometry.SHIFT_X: (-right * width, -left * width)}

    def config(self) -> dict[str, Any]:
        return {"height_factor": self.height_factor, "width_factor": self.width_factor, **super().config()}


class RandomZoom(Moving):
    """Zooms about the centre: by 1 + f the image shrinks for positive f (zooming out), grows for negative ones. A number f stands for
    (-f, f). Without `width_factor` both axes have the same zoom, drawn once."""

    recordable = True

    def __init__(
        self, height_factor: Any, width_factor: Any = None, fill_mode: str = "reflect", interpolation: str = "bilinear",
        seed: int | None = None, fill_value: float = 0.0, data_format: str | None = None, **common: Any,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **common)
        self.height_factor = self.between("height_factor", height_factor, -1.0, 1.0)
        self.width_factor = None if width_factor is None else self.between("width_factor", width_factor, -1.0, 1.0)
        if min(self.height_factor[0], (self.width_factor or (0,))[0]) <= -1:
            raise ValueError(f"Layer {self.name!r}: a factor of -1 shows a single point. Received: {height_factor!r}, {width_factor!r}.")

    def ranges(self, height: int, width: int) -> Ranges:
        zooms = (1 + self.height_factor[0], 1 + self.height_factor[1])
        if self.width_factor is None:
            return {geometry.ZOOM: zooms}
        return {geometry.ZOOM_Y: zooms, geometry.ZOOM_X: (1 + self.width_factor[0], 1 + self.width_factor[1])}

    def config(self) -> dict[str, Any]:
        return {"height_factor": self.height_factor, "width_factor": self.width_factor, **super().config()}


class RandomShear(Moving):
    """Shears about the upper left corner: a pixel moves by share x of its row along the columns, and by share y of its column along the
    rows; both to the other side in half of the images, as in Keras 3. A number f stands for (0, f)."""

    recordable = True

    def __init__(
        self, x_factor: Any = 0.0, y_factor: Any = 0.0, interpolation: str = "bilinear", fill_mode: str = "reflect",
        fill_value: float = 0.0, data_format: str | None = None, seed: int | None = None, **common: Any,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **common)
        self.x_factor = self.between("x_factor", x_factor, -1.0, 1.0, mirrored=False)
        self.y_factor = self.between("y_factor", y_factor, -1.0, 1.0, mirrored=False)

    def ranges(self, height: int, width: int) -> Ranges:
        return {geometry.SLANT_X: self.x_factor, geometry.SLANT_Y: self.y_factor, geometry.SIGN: (0.0, 1.0)}

    def config(self) -> dict[str, Any]:
        return {"x_factor": self.x_factor, "y_factor": self.y_factor, **super().config()}


class RandomAffine(Moving):
    """Rotation, shift, shear, zoom and flips in one gather, which blurs once where five layers would blur five times.

    rotation: share of a turn; height_shift, width_shift: shares of the image; shear: radians; zoom: 1 + f of both axes apart; each a number
    f for (-f, f), or a pair. flip: None or a mode of `RandomFlip`. The map is that of Keras's legacy ``apply_affine_transform``.
    """

    recordable = True

    def __init__(
        self, rotation: Any = 0.0, height_shift: Any = 0.0, width_shift: Any = 0.0, shear: Any = 0.0, zoom: Any = 0.0,
        flip: str | None = None, fill_mode: str = "nearest", interpolation: str = "bilinear", seed: int | None = None,
        fill_value: float = 0.0, data_format: str | None = None, **common: Any,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **common)
        self.rotation = self.between("rotation", rotation, -1.0, 1.0)
        self.height_shift = self.between("height_shift", height_shift, -1.0, 1.0)
        self.width_shift = self.between("width_shift", width_shift, -1.0, 1.0)
        self.shear = self.between("shear", shear, -1.5, 1.5)
        self.zoom = self.between("zoom", zoom, -0.99, 100.0)
        self.flip = self.choice("flip", flip, (None, "horizontal", "vertical", "horizontal_and_vertical"))
        self.flips = flip is not None

    def ranges(self, height: int, width: int) -> Ranges:
        zooms, flips = (1 + self.zoom[0], 1 + self.zoom[1]), {"horizontal": geometry.FLIP_X, "vertical": geometry.FLIP_Y}
        return {
            geometry.ANGLE: (2 * math.pi * self.rotation[0], 2 * math.pi * self.rotation[1]), geometry.SHEAR: self.shear,
            geometry.SHIFT_Y: (-self.height_shift[1] * height, -self.height_shift[0] * height),
            geometry.SHIFT_X: (-self.width_shift[1] * width, -self.width_shift[0] * width),
            geometry.ZOOM_X: zooms, geometry.ZOOM_Y: zooms,
            **{place: (0.0, 1.0) for word, place in flips.items() if word in (self.flip or "")},
        }  # fmt: skip

    def config(self) -> dict[str, Any]:
        return {
            "rotation": self.rotation, "height_shift": self.height_shift, "width_shift": self.width_shift, "shear": self.shear,
            "zoom": self.zoom, "flip": self.flip, **super().config(),
        }
