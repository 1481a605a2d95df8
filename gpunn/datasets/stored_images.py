"""CIFAR's files: pickled rows of 3,072 bytes, a plane of 32 x 32 for red, green and blue each, and lists of labels."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from gpunn.datasets.errors import DatasetError
from gpunn.datasets.fetch import get_file
from gpunn.datasets.places import DATA_VARIABLE
from gpunn.datasets.unpickled import DAMAGE, unpickled

SHAPE = (3, 32, 32)
ORIGIN = "https://www.cs.toronto.edu/~kriz/"


def folder(name: str, archive: str, file_hash: str, first: str, path: str | os.PathLike[str] | None) -> Path:
    """Where the files lie: `path`, or the folder `name` in it; else that folder in ``GPUNN_DATA``; else in the cache, after a download.

    first: a file that tells the folder. Raises DatasetError where `path` holds none of them or the download fails."""
    if path is not None:
        for place in (Path(path).expanduser() / name, Path(path).expanduser()):
            if (place / first).is_file():
                return place
        raise DatasetError(f"No {name} in '{path}'. Expected: a folder that holds {first}, or {name}/{first}.")
    root = os.environ.get(DATA_VARIABLE)
    if root and (Path(root).expanduser() / name / first).is_file():
        return Path(root).expanduser() / name
    return Path(get_file(f"{name}-target", ORIGIN + archive, extract=True, file_hash=file_hash)) / name


def read(file: Path, label: str) -> tuple[np.ndarray, np.ndarray]:
    """The images (n, 32, 32, 3) and labels (n, 1) of one file, both uint8. Raises DatasetError for one that is missing or damaged."""
    try:
        with file.open("rb") as opened:
            stored = unpickled(opened, "bytes")
        pixels, labels = np.asarray(_entry(stored, "data"), np.uint8), np.asarray(_entry(stored, label), np.uint8)
        images = np.ascontiguousarray(pixels.reshape(len(labels), *SHAPE).transpose(0, 2, 3, 1))
        return images, labels.reshape(-1, 1)
    except DatasetError:
        raise
    except FileNotFoundError as error:
        raise DatasetError(f"There is no file '{file}'.") from error
    except (OverflowError, *DAMAGE) as error:
        raise DatasetError(f"'{file}' is damaged: {error}.") from error


def _entry(stored: Any, key: str) -> Any:
    return stored[key.encode()] if key.encode() in stored else stored[key]
