"""``tf.io``: files as texts of bytes, and what images are in them (Pillow, ``pip install "gpunn[images]"``)."""

import csv
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


def decode_csv(
    records: Any, record_defaults: Any, field_delim: str = ",", use_quote_delim: bool = True, na_value: str = "", select_cols: Any = None,
    name: str | None = None,
) -> list[Any]:
    """A line, or an array of lines, in columns: one for each of `record_defaults`, of its type; one that is an empty array has no default.

    Raises ValueError for a line of another number of fields, and for a field that is missing, or no number where it should be one."""
    kinds = [np.asarray(one) for one in record_defaults]
    given = np.asarray(records)
    lines = [one.decode() if isinstance(one, bytes) else str(one) for one in given.reshape(-1).tolist()]
    columns: list[list[Any]] = [[] for _ in kinds]
    reader = csv.reader(lines, delimiter=field_delim, quoting=csv.QUOTE_MINIMAL if use_quote_delim else csv.QUOTE_NONE)
    for line, fields in zip(lines, reader, strict=True):
        chosen = fields if select_cols is None else [fields[i] for i in select_cols]
        if len(chosen) != len(kinds):
            raise ValueError(f"tf.io.decode_csv: expected {len(kinds)} fields. Received: {len(chosen)} in {line!r}.")
        for i, (field, kind, column) in enumerate(zip(chosen, kinds, columns, strict=True)):
            if field in ("", na_value):
                if not kind.size:
                    raise ValueError(f"tf.io.decode_csv: field {i} has no default. Received: {line!r}.")
                column.append(kind.reshape(-1)[0])
            else:
                try:
                    column.append(field if kind.dtype.kind in "USO" else kind.dtype.type(field))
                except ValueError as error:
                    raise ValueError(f"tf.io.decode_csv: expected a number in field {i}. Received: {field!r} in {line!r}.") from error
    types = [str if kind.dtype.kind in "USO" else _type(kind, one) for kind, one in zip(kinds, record_defaults, strict=True)]
    return [dressed(np.array(column, kind).reshape(given.shape)) for column, kind in zip(columns, types, strict=True)]


def _type(array: np.ndarray, given: Any) -> Any:
    """Of Python's own numbers TensorFlow's short types."""
    return array.dtype if hasattr(given, "dtype") else {"f": np.float32, "i": np.int32}.get(array.dtype.kind, array.dtype)
