"""``tf.io``: files as texts of bytes, and what images are in them (Pillow, ``pip install "gpunn[images]"``)."""

import glob
import io
import os
from typing import Any

import numpy as np

from gpunn.results import dressed

MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def _path(name: Any) -> str:
    name = np.asarray(name).item() if not isinstance(name, (str, bytes, os.PathLike)) else name
    return os.fsdecode(name)


def read_file(filename: Any, name: str | None = None) -> bytes:
    """All bytes of a file. Raises OSError for one that cannot be read."""
    with open(_path(filename), "rb") as file:
        return file.read()


def write_file(filename: Any, contents: Any, name: str | None = None) -> None:
    """Make a file of bytes, and the folders it stands in."""
    path = _path(filename)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(contents if isinstance(contents, bytes) else str(np.asarray(contents).item()).encode())


def decode_image(
    contents: Any, channels: int | None = None, dtype: Any = "uint8", name: str | None = None, expand_animations: bool = True
) -> Any:
    """The image in the bytes of a file, (height, width, channels): bytes, or with a floating `dtype` numbers from 0 to 1. `channels`: 1, 3
    or 4; 0 or None: as many as it has. Raises ValueError for what is no image."""
    from PIL import Image

    from gpunn.compat.pictures import convert_image_dtype

    contents = contents if isinstance(contents, bytes) else np.asarray(contents).item()
    if channels and channels not in MODES:
        raise ValueError(f"tf.io.decode_image: expected channels to be one of 0, 1, 3 and 4. Received: {channels}.")
    try:
        with Image.open(io.BytesIO(contents)) as file:
            own = "L" if file.mode in ("1", "L", "I", "F") else "RGBA" if "A" in file.getbands() or "transparency" in file.info else "RGB"
            image = np.asarray(file.convert(MODES[channels] if channels else own), np.uint8)
    except (OSError, SyntaxError) as error:
        raise ValueError(f"tf.io.decode_image: expected the bytes of an image. {error}.") from error
    return convert_image_dtype(image.reshape(*image.shape[:2], -1), getattr(dtype, "name", dtype))


def decode_jpeg(contents: Any, channels: int = 0, *unused: Any, **options: Any) -> Any:
    """`decode_image`, of bytes."""
    return decode_image(contents, channels)


def decode_png(contents: Any, channels: int = 0, dtype: Any = "uint8", name: str | None = None) -> Any:
    """`decode_image`."""
    return decode_image(contents, channels, dtype)


def matching_files(pattern: Any, name: str | None = None) -> Any:
    """The paths that a pattern, or several, stand for, in order."""
    found = [path for one in np.atleast_1d(np.asarray(pattern, str)) for path in glob.glob(str(one))]
    return dressed(np.array(sorted(found), str))
