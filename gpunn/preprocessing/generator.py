"""ImageDataGenerator: Keras's arguments, whole batches at once."""

import math
import warnings
from typing import Any

import numpy as np

from gpunn import config
from gpunn.backend import get_backend
from gpunn.kernels import augment_geometry as geometry
from gpunn.kernels.augment_draw import DRAW, PLACES
from gpunn.kernels.augment_geometry import GATHER, MAPS
from gpunn.kernels.augment_tone import OWN_RANGE, TONE
from gpunn.layers.augmentation import bounds
from gpunn.preprocessing import transforms
from gpunn.preprocessing.file_flows import DataFrameIterator, DirectoryIterator
from gpunn.preprocessing.flows import NumpyArrayIterator
from gpunn.preprocessing.standards import Standards
from gpunn.preprocessing.transforms import pair


class ImageDataGenerator(Standards):
    """Random changes of images for training, with Keras's arguments and defaults.

    rotation_range: degrees; width_shift_range, height_shift_range: shares of the image below 1, pixels from 1 on (whole ones for an
    integer, which itself is not reached), or a list of amounts to choose from; shear_range: an angle in degrees; zoom_range: z for
    (1 - z, 1 + z), or a pair; brightness_range: a pair of factors; channel_shift_range: added to all values; flips with probability one
    half. fill_mode is SciPy's "nearest", "constant" (with `cval`), "reflect" or "wrap"; interpolation_order 0 or 1.

    Then every image passes preprocessing_function, rescale, samplewise_center, samplewise_std_normalization, and what `fit` has learned for
    featurewise_center, featurewise_std_normalization and zca_whitening.

    Rotation, shift, shear, zoom and flips are one gather with an affine map for each image. Numbers drawn depend on the seed, the epoch and
    the batch alone. Raises ValueError for ranges that cannot be or are out of order.

    Flips are not for every label: mirrored digits and letters are others or none. `flow` warns when it is given labels that
    `gpunn.datasets.mnist` or `digits` has loaded.
    """

    def __init__(
        self, featurewise_center: bool = False, samplewise_center: bool = False, featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False, zca_whitening: bool = False, zca_epsilon: float = 1e-6, rotation_range: float = 0,
        width_shift_range: Any = 0.0, height_shift_range: Any = 0.0, brightness_range: Any = None, shear_range: float = 0.0,
        zoom_range: Any = 0.0, channel_shift_range: float = 0.0, fill_mode: str = "nearest", cval: float = 0.0,
        horizontal_flip: bool = False, vertical_flip: bool = False, rescale: float | None = None, preprocessing_function: Any = None,
        data_format: str | None = None, validation_split: float = 0.0, interpolation_order: int = 1, dtype: Any = None,
    ):
        transforms.check_fill(fill_mode, interpolation_order)
        if data_format not in (None, "channels_last"):
            raise ValueError(f"Argument data_format: images are channels-last. Received: {data_format!r}.")
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(f"Argument validation_split: expected a share between 0 and 1. Received: {validation_split!r}.")
        for name, value in (
            ("rotation_range", rotation_range), ("shear_range", shear_range), ("channel_shift_range", channel_shift_range),
        ):  # fmt: skip
            if not isinstance(value, (int, float)) or value < 0:
                raise ValueError(f"Argument {name}: expected a number of at least 0. Received: {value!r}.")
        self.rotation_range, self.shear_range, self.channel_shift_range = rotation_range, shear_range, channel_shift_range
        self.width_shift_range = _shift("width_shift_range", width_shift_range)
        self.height_shift_range = _shift("height_shift_range", height_shift_range)
        single = isinstance(zoom_range, (int, float))
        self.zoom_range = list(pair("zoom_range", (1 - zoom_range, 1 + zoom_range) if single else zoom_range))
        if self.zoom_range[0] <= 0:
            raise ValueError(f"Argument zoom_range: expected factors above 0. Received: {zoom_range!r}.")
        self.brightness_range = None if brightness_range is None else pair("brightness_range", brightness_range)
        self.fill_mode, self.cval, self.interpolation_order = fill_mode, float(cval), int(interpolation_order)
        self.horizontal_flip, self.vertical_flip = bool(horizontal_flip), bool(vertical_flip)
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.data_format, self.dtype = "channels_last", np.dtype(dtype or config.floatx()).name
        self._validation_split = validation_split
        self.zca_whitening, self.zca_epsilon = bool(zca_whitening), zca_epsilon
        self.featurewise_center = _implied(featurewise_center, zca_whitening, "zca_whitening", "featurewise_center")
        self.featurewise_std_normalization = bool(featurewise_std_normalization and not zca_whitening)
        if featurewise_std_normalization and zca_whitening:
            warnings.warn("zca_whitening takes the place of featurewise_std_normalization.", stacklevel=2)
        self.featurewise_center = _implied(
            self.featurewise_center, self.featurewise_std_normalization, "featurewise_std_normalization", "featurewise_center"
        )
        self.samplewise_std_normalization = bool(samplewise_std_normalization)
        self.samplewise_center = _implied(
            samplewise_center, samplewise_std_normalization, "samplewise_std_normalization", "samplewise_center"
        )

    # ------------------------------------------------------------------ batches
    def flow(
        self, x: Any, y: Any = None, batch_size: int = 32, shuffle: bool = True, sample_weight: Any = None, seed: int | None = None,
        save_to_dir: Any = None, save_prefix: str = "", save_format: str = "png", ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Batches without end of the images x, (rows, height, width, channels), with labels and weights where given; for `fit`, or
        ``next``. subset: "training" or "validation" (the first share of the rows), where validation_split is set.

        `fit` takes a flow into its recorded step where it can (see `NumpyArrayIterator.in_step`): the images stay on the device as they
        are and are changed there. Raises ValueError for what does not fit.
        """
        return NumpyArrayIterator(
            x, y, self, batch_size, shuffle, sample_weight, seed, save_to_dir, save_prefix, save_format, ignore_class_split, subset
        )

    def flow_from_directory(
        self, directory: Any, target_size: tuple[int, int] = (256, 256), color_mode: str = "rgb", classes: Any = None,
        class_mode: str | None = "categorical", batch_size: int = 32, shuffle: bool = True, seed: int | None = None,
        save_to_dir: Any = None, save_prefix: str = "", save_format: str = "png", follow_links: bool = False, subset: str | None = None,
        interpolation: str = "nearest", keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """The same for images in folders, one for each class (Pillow reads them: ``pip install "gpunn[images]"``). class_mode:
        "categorical", "binary", "sparse", "input" (the images themselves), or None. Raises ValueError for a folder without images."""
        return DirectoryIterator(
            directory, self, target_size, color_mode, classes, class_mode, batch_size, shuffle, seed, save_to_dir, save_prefix, save_format,
            follow_links, subset, interpolation, keep_aspect_ratio,
        )

    def flow_from_dataframe(
        self, dataframe: Any, directory: Any = None, x_col: str = "filename", y_col: Any = "class", weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256), color_mode: str = "rgb", classes: Any = None, class_mode: str | None = "categorical",
        batch_size: int = 32, shuffle: bool = True, seed: int | None = None, save_to_dir: Any = None, save_prefix: str = "",
        save_format: str = "png", subset: str | None = None, interpolation: str = "nearest", validate_filenames: bool = True,
    ) -> DataFrameIterator:
        """The same for a pandas table with file names (below `directory`) and labels. class_mode may also be "raw": the numbers of
        `y_col`, a column or a list of them. Files that are not there are left out, with a warning."""
        return DataFrameIterator(
            dataframe, directory, self, x_col, y_col, weight_col, target_size, color_mode, classes, class_mode, batch_size, shuffle, seed,
            save_to_dir, save_prefix, save_format, subset, interpolation, validate_filenames,
        )

    @property
    def flips(self) -> bool:
        return self.horizontal_flip or self.vertical_flip

    # ------------------------------------------------------------------ what is drawn
    @property
    def chooses(self) -> bool:
        """Whether a shift is chosen from a list, which is done on the host."""
        return any(isinstance(r, np.ndarray) for r in (self.width_shift_range, self.height_shift_range))

    def ranges(self, height: int, width: int) -> dict[int, tuple[float, float]]:
        """The range of every place of the table that is not neutral; see `kernels.augment_geometry`."""
        out: dict[int, tuple[float, float]] = {}
        for place, degrees in ((geometry.ANGLE, self.rotation_range), (geometry.SHEAR, self.shear_range)):
            if degrees:
                out[place] = (-math.radians(degrees), math.radians(degrees))
        for across, whole, given, size in (
            (geometry.SHIFT_X, geometry.LEFT, self.width_shift_range, width),
            (geometry.SHIFT_Y, geometry.TOP, self.height_shift_range, height),
        ):  # fmt: skip
            if isinstance(given, np.ndarray):
                out[across] = (-1.0, 1.0)  # see `choose`
            elif isinstance(given, int):
                out.update({whole: (1.0 - given, float(given))} if given > 1 else {})
            elif given:
                reach = given * size if given < 1 else given
                out[across] = (-reach, reach)
        if self.zoom_range != [1.0, 1.0]:
            out[geometry.ZOOM_X] = out[geometry.ZOOM_Y] = (self.zoom_range[0], self.zoom_range[1])
        out.update({geometry.FLIP_X: (0.0, 1.0)} if self.horizontal_flip else {})
        out.update({geometry.FLIP_Y: (0.0, 1.0)} if self.vertical_flip else {})
        if self.brightness_range is not None:
            out[geometry.GAIN] = self.brightness_range
        if self.channel_shift_range:
            out[geometry.SHIFT] = (-float(self.channel_shift_range), float(self.channel_shift_range))
        return out

    def choose(self, drawn: np.ndarray, height: int, width: int) -> None:
        """Shifts of a drawn table that are chosen from lists: which, and which way, from a number on (-1, 1)."""
        for place, given, size in ((geometry.SHIFT_X, self.width_shift_range, width), (geometry.SHIFT_Y, self.height_shift_range, height)):
            if isinstance(given, np.ndarray):
                amounts = given * (size if given.max() < 1 else 1)
                number = np.minimum((np.abs(drawn[:, place]) * len(amounts)).astype(int), len(amounts) - 1)
                drawn[:, place] = np.where(drawn[:, place] < 0, -1, 1) * amounts[number]

    def change(self, ops: Any, x: Any, source: tuple[Any, int, int], top: float) -> Any:
        """Images on a device, changed at random: a few launches. source: (step, seed, stream) as the layers that draw have them; top: what
        brightness ends at. -> the images, in place of x or in new memory."""
        rows, (height, width, channels) = x.shape[0], x.shape[1:]
        ranges = self.ranges(height, width)
        if not ranges:
            return x
        low, span = (ops.asarray(a) for a in bounds(ranges))
        drawn = ops.empty((rows, PLACES), "float64")
        ops.launch(DRAW, low, span, *source, 0, drawn)
        if self.chooses:
            self.choose(drawn, height, width)
        if min(ranges) <= geometry.ZOOM:
            maps, y = ops.empty((rows, 6), "float64"), ops.empty(x.shape, x.dtype)
            ops.launch(MAPS, drawn, height, width, maps)
            how = geometry.MODES[self.fill_mode], self.interpolation_order
            ops.launch(GATHER, x, maps, x, height, width, channels, height, width, *how, 0.0, self.cval, y)
            x = y
        for place, gain, shift, kind, last in (
            (geometry.SHIFT, -1, geometry.SHIFT, OWN_RANGE, 0.0), (geometry.GAIN, geometry.GAIN, -1, 0, top),
        ):  # fmt: skip
            if place in ranges:
                y = ops.empty(x.shape, x.dtype)
                ops.launch(TONE, x, drawn, channels, gain, shift, kind, -math.inf if last else 0.0, last, y)
                x = y
        return x

    @property
    def launches_only(self) -> bool:
        """Whether a batch needs nothing but launches."""
        on_host = self.preprocessing_function is not None or self.samplewise_center or self.zca_whitening or self.chooses
        return not on_host and (self.mean is not None or not self.featurewise_center)

    def batch(self, images: np.ndarray, source: tuple[int, int, int], top: float) -> np.ndarray:
        """A batch of the host, changed and standardized. source: numbers of the step, the seed and the stream."""
        ops = get_backend("cpu")
        x = ops.asarray(images, self.dtype)
        y = self.change(ops, x, (np.array([source[0]], np.int64), *source[1:]), top)
        if y is images or np.may_share_memory(y, images):
            y = np.array(y)
        return self.standardize(y)

    # ------------------------------------------------------------------ single images
    def get_random_transform(self, img_shape: tuple[int, ...], seed: int | None = None) -> dict[str, Any]:
        """Random parameters for `apply_transform`: theta and shear in degrees, tx and ty in columns and rows, zx and zy along columns and
        rows, flips, channel_shift_intensity, brightness. Drawn from NumPy's global generator. (Keras's tx is drawn from
        height_shift_range, and moves columns.)"""
        if seed is not None:
            np.random.seed(seed)
        drawn = np.array([bounds(self.ranges(*img_shape[:2]))])
        row = drawn[:, 0] + drawn[:, 1] * np.random.uniform(size=PLACES)
        self.choose(row, *img_shape[:2])
        p = row[0]
        return {
            "theta": math.degrees(p[geometry.ANGLE]), "tx": p[geometry.SHIFT_X] + math.floor(p[geometry.LEFT]),
            "ty": p[geometry.SHIFT_Y] + math.floor(p[geometry.TOP]), "shear": math.degrees(p[geometry.SHEAR]),
            "zx": p[geometry.ZOOM_X], "zy": p[geometry.ZOOM_Y], "flip_horizontal": bool(p[geometry.FLIP_X] < 0.5),
            "flip_vertical": bool(p[geometry.FLIP_Y] < 0.5),
            "channel_shift_intensity": p[geometry.SHIFT] if self.channel_shift_range else None,
            "brightness": None if self.brightness_range is None else p[geometry.GAIN],
        }  # fmt: skip

    def apply_transform(self, x: Any, transform_parameters: dict[str, Any]) -> np.ndarray:
        """One image (height, width, channels) changed as the parameters say; those that are missing change nothing."""
        p = transform_parameters
        affine: dict[str, Any] = {name: p.get(name, float(name[0] == "z")) for name in ("theta", "tx", "ty", "shear", "zx", "zy")}
        how: dict[str, Any] = {"fill_mode": self.fill_mode, "cval": self.cval, "order": self.interpolation_order}
        out = transforms.apply_affine_transform(x, **affine, **AXES, **how)
        if p.get("channel_shift_intensity") is not None:
            out = transforms.apply_channel_shift(out, p["channel_shift_intensity"], 2)
        out = out[:, ::-1] if p.get("flip_horizontal", False) else out
        out = out[::-1] if p.get("flip_vertical", False) else out
        return out if p.get("brightness") is None else transforms.apply_brightness_shift(out, p["brightness"], False)

    def random_transform(self, x: Any, seed: int | None = None) -> np.ndarray:
        """One image changed at random."""
        return self.apply_transform(x, self.get_random_transform(np.shape(x), seed))


AXES: dict[str, Any] = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}


def _shift(name: str, value: Any) -> Any:
    """A range of shifts: a number of at least 0, or an array of amounts."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 0:
        return int(value)
    if isinstance(value, (float, np.floating)) and 0 <= value < math.inf:
        return float(value)
    if isinstance(value, (list, tuple, np.ndarray)) and len(value) and np.ndim(value) == 1 and np.isfinite(np.asarray(value, float)).all():
        return np.asarray(value, float)
    raise ValueError(f"Argument {name}: expected a number of at least 0, or a list of amounts. Received: {value!r}.")


def _implied(given: Any, by: Any, name: str, implied: str) -> bool:
    if by and not given:
        warnings.warn(f"{name}=True implies {implied}=True.", stacklevel=3)
    return bool(given or by)
