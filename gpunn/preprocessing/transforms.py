"""Single images, changed by given or random amounts: the functions of Keras's ``preprocessing.image``.

Images are arrays of three axes; which is which, row_axis, col_axis and channel_axis say. Random amounts come from NumPy's global generator,
as Keras's do (`gpunn.utils.set_random_seed` seeds it).
"""

from typing import Any

import numpy as np

from gpunn.backend import get_backend
from gpunn.kernels import augment_geometry as geometry
from gpunn.kernels.augment_geometry import GATHER, NEUTRAL, affine_maps

FILL_MODES = ("nearest", "constant", "reflect", "wrap")


def check_fill(fill_mode: Any, order: Any) -> None:
    """Raises ValueError for a fill mode or an interpolation order that is not there."""
    if fill_mode not in FILL_MODES:
        raise ValueError(f"Argument fill_mode: expected one of {FILL_MODES}. Received: {fill_mode!r}.")
    if order not in (0, 1):
        raise ValueError(f"Argument interpolation_order: expected 0 (nearest) or 1 (bilinear). Received: {order!r}.")


def apply_affine_transform(
    x: Any, theta: float = 0, tx: float = 0, ty: float = 0, shear: float = 0, zx: float = 1, zy: float = 1, row_axis: int = 1,
    col_axis: int = 2, channel_axis: int = 0, fill_mode: str = "nearest", cval: float = 0.0, order: int = 1,
) -> np.ndarray:
    """An image rotated by theta degrees, shifted by tx columns and ty rows, sheared by an angle in degrees, zoomed by zx along the columns
    and zy along the rows (above 1: a larger part is seen), about its centre.

    The values are those of ``scipy.ndimage.affine_transform`` with the same mode and order, and of Keras's function for square images;
    others it turns about a point that is not their centre. Raises ValueError for arrays of other axes and unknown modes.
    """
    image = np.asarray(x)
    check_fill(fill_mode, order)
    if image.ndim != 3 or sorted((row_axis, col_axis, channel_axis)) != [0, 1, 2]:
        raise ValueError(
            f"Expected an image of 3 axes, and row_axis, col_axis and channel_axis to be 0, 1 and 2 in some order. Received: shape "
            f"{image.shape} and {row_axis}, {col_axis}, {channel_axis}."
        )
    drawn = np.array([NEUTRAL])
    places = (geometry.ANGLE, geometry.SHIFT_X, geometry.SHIFT_Y, geometry.SHEAR, geometry.ZOOM_X, geometry.ZOOM_Y)
    drawn[0, list(places)] = np.deg2rad(theta), tx, ty, np.deg2rad(shear), zx, zy
    given = np.transpose(image, (row_axis, col_axis, channel_axis))
    moved = gather(given[None], affine_maps(drawn, *given.shape[:2]), fill_mode, order, cval)[0]
    return np.transpose(moved, np.argsort((row_axis, col_axis, channel_axis))).astype(image.dtype)


def gather(images: np.ndarray, maps: np.ndarray, fill_mode: str, order: int, cval: float) -> np.ndarray:
    """(rows, height, width, channels) read where maps point; see `kernels.augment_geometry`."""
    ops = get_backend("cpu")
    x = ops.asarray(images, images.dtype if images.dtype in (np.float32, np.float64) else np.float64)
    y = ops.empty(x.shape, x.dtype)
    size = x.shape[1:3]
    ops.launch(GATHER, x, ops.asarray(maps, np.float64), x, *x.shape[1:], *size, geometry.MODES[fill_mode], order, 0.0, float(cval), y)
    return y


def random_rotation(
    x: Any, rg: float, row_axis: int = 1, col_axis: int = 2, channel_axis: int = 0, fill_mode: str = "nearest", cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Rotated by up to rg degrees, either way."""
    where = {"row_axis": row_axis, "col_axis": col_axis, "channel_axis": channel_axis, "fill_mode": fill_mode, "cval": cval}
    return apply_affine_transform(x, theta=np.random.uniform(-rg, rg), order=interpolation_order, **where)  # type: ignore[arg-type]


def random_shift(
    x: Any, wrg: float, hrg: float, row_axis: int = 1, col_axis: int = 2, channel_axis: int = 0, fill_mode: str = "nearest",
    cval: float = 0.0, interpolation_order: int = 1,
) -> np.ndarray:
    """Shifted by up to the share wrg of its width and hrg of its height."""
    shape = np.shape(x)
    ty, tx = np.random.uniform(-hrg, hrg) * shape[row_axis], np.random.uniform(-wrg, wrg) * shape[col_axis]
    where = {"row_axis": row_axis, "col_axis": col_axis, "channel_axis": channel_axis, "fill_mode": fill_mode, "cval": cval}
    return apply_affine_transform(x, tx=tx, ty=ty, order=interpolation_order, **where)  # type: ignore[arg-type]


def random_shear(
    x: Any, intensity: float, row_axis: int = 1, col_axis: int = 2, channel_axis: int = 0, fill_mode: str = "nearest", cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Sheared by an angle of up to `intensity` degrees, either way."""
    where = {"row_axis": row_axis, "col_axis": col_axis, "channel_axis": channel_axis, "fill_mode": fill_mode, "cval": cval}
    angle = np.random.uniform(-intensity, intensity)
    return apply_affine_transform(x, shear=angle, order=interpolation_order, **where)  # type: ignore[arg-type]


def random_zoom(
    x: Any, zoom_range: Any, row_axis: int = 1, col_axis: int = 2, channel_axis: int = 0, fill_mode: str = "nearest", cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Zoomed by two factors from the range (lower, upper)."""
    low, high = pair("zoom_range", zoom_range)
    zx, zy = np.random.uniform(low, high, 2)
    where = {"row_axis": row_axis, "col_axis": col_axis, "channel_axis": channel_axis, "fill_mode": fill_mode, "cval": cval}
    return apply_affine_transform(x, zx=zx, zy=zy, order=interpolation_order, **where)  # type: ignore[arg-type]


def apply_channel_shift(x: Any, intensity: float, channel_axis: int = 0) -> np.ndarray:
    """All values plus `intensity`, kept between the image's lowest and highest value."""
    image = np.asarray(x)
    return np.clip(image + intensity, image.min(), image.max())


def random_channel_shift(x: Any, intensity_range: float, channel_axis: int = 0) -> np.ndarray:
    """`apply_channel_shift` by up to `intensity_range`, either way."""
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range), channel_axis)


def apply_brightness_shift(x: Any, brightness: float, scale: bool = True) -> np.ndarray:
    """All values times `brightness`, at most 255 (1 for an image without a value above 1).

    Keras goes through bytes on the way, which turns images from 0 to 1 black; here nothing is rounded. With `scale` the image is stretched
    to (0, 255) first, as there.
    """
    image: Any = np.asarray(x, np.float64 if np.asarray(x).dtype == np.float64 else np.float32)
    if scale and image.size and image.max() > image.min():
        image = (image - image.min()) / (image.max() - image.min()) * 255
    return np.clip(image * brightness, min(0.0, float(image.min(initial=0))), top_of(image)).astype(image.dtype)


def random_brightness(x: Any, brightness_range: Any, scale: bool = True) -> np.ndarray:
    """`apply_brightness_shift` by a factor from the range (lower, upper)."""
    return apply_brightness_shift(x, np.random.uniform(*pair("brightness_range", brightness_range)), scale)


def top_of(images: np.ndarray) -> float:
    """The highest value a pixel of such images has: 1, or 255 where one is above 1."""
    return 255.0 if images.dtype == np.uint8 or images.max(initial=0) > 1 else 1.0


def pair(name: str, value: Any) -> tuple[float, float]:
    """(lower, upper) as floats. Raises ValueError for anything else, and for a pair out of order."""
    fits = isinstance(value, (tuple, list, np.ndarray)) and len(value) == 2 and all(isinstance(v, (int, float, np.number)) for v in value)
    if not fits or value[0] > value[1]:
        raise ValueError(f"Argument {name}: expected a pair (lower, upper), in order. Received: {value!r}.")
    return float(value[0]), float(value[1])
