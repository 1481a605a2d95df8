"""Images as arrays and files, by Pillow (``pip install "gpunn[images]"``); Keras's four functions."""

from typing import Any

import numpy as np

from gpunn import config
from gpunn.datasets.image_folder import INTERPOLATIONS, MODES
from gpunn.ops import images


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Any:
    """A Pillow image of an array (height, width, channels); with `scale` its values are stretched to 0...255 first. Raises ValueError for
    another shape."""
    from PIL import Image

    image = np.asarray(x, dtype or config.floatx())
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or data_format not in (None, "channels_last"):
        raise ValueError(f"Expected an image of shape (height, width, 1, 3 or 4), channels last. Received: {image.shape}, {data_format!r}.")
    if scale:
        image = image - image.min()
        image = image * (255 / max(float(image.max()), 1e-12))
    pixels = np.clip(image, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def smart_resize(
    x: Any, size: tuple[int, int], interpolation: str = "bilinear", data_format: str = "channels_last", **unused: Any
) -> np.ndarray:
    """The largest part in an image's middle, or in the middle of each of a batch, that has the shape of `size`, (height, width), brought to
    that size. See `gpunn.ops.images.resize`, and what it raises."""
    return np.asarray(images.resize(x, size, interpolation, crop_to_aspect_ratio=True, data_format=data_format))


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """(height, width, channels) of a Pillow image."""
    x = np.asarray(img, dtype or config.floatx())
    if x.ndim not in (2, 3) or data_format not in (None, "channels_last"):
        raise ValueError(f"Expected an image of 2 or 3 axes, channels last. Received: shape {x.shape}, {data_format!r}.")
    return x[..., None] if x.ndim == 2 else x


def load_img(
    path: Any, color_mode: str = "rgb", target_size: tuple[int, int] | None = None, interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """A Pillow image from a file, perhaps resized to target_size, (height, width). Raises OSError naming a file that cannot be read."""
    from PIL import Image, ImageOps

    if color_mode not in MODES or interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"Expected a color_mode of {tuple(MODES)} and an interpolation of {tuple(INTERPOLATIONS)}. "
            f"Received: {color_mode!r} and {interpolation!r}."
        )
    try:
        with Image.open(path) as file:
            image = file.convert(MODES[color_mode][0])
    except (OSError, SyntaxError, ValueError) as error:
        raise OSError(f"the image {path} cannot be read ({error})") from error
    if target_size is None:
        return image
    size, how = (int(target_size[1]), int(target_size[0])), INTERPOLATIONS[interpolation]
    return ImageOps.fit(image, size, how) if keep_aspect_ratio else image.resize(size, how)


def save_img(path: Any, x: Any, data_format: str | None = None, file_format: str | None = None, scale: bool = True, **options: Any) -> None:
    """Write an array as an image file."""
    array_to_img(x, data_format, scale).save(path, format=file_format, **options)
