"""California housing: median prices of 20,640 blocks of houses and 8 figures of each (Pace and Barry 1997); Keras's file."""

from pathlib import Path
from typing import Any

from gpunn.datasets import stored_sequences as stored
from gpunn.datasets.fetch import get_file

FILE_HASH = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"
SMALL = 600


def load_data(version: str = "large", path: str = "california_housing.npz", test_split: float = 0.2, seed: int = 113) -> Any:
    """((x_train, y_train), (x_test, y_test)); x: (rows, 8), of the first 600 blocks with ``version="small"``. Downloaded at first use.
    Raises DatasetError when that fails, ValueError for another version or a test_split that is no share."""
    if version not in ("small", "large"):
        raise ValueError(f"Argument version: expected 'small' or 'large'. Received: {version!r}.")
    file = stored.read(Path(get_file(path, stored.FOLDER + "california_housing.npz", file_hash=FILE_HASH)))
    end = SMALL if version == "small" else None
    return stored.parts(file["x"][:end], file["y"][:end], test_split, seed)
