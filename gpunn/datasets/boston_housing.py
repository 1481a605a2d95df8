"""Boston housing: prices of 506 houses and 13 figures of each (Harrison and Rubinfeld 1978), one of which is about race; Keras's file."""

from pathlib import Path
from typing import Any

from gpunn.datasets import stored_sequences as stored
from gpunn.datasets.fetch import get_file

FILE_HASH = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


def load_data(path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113) -> Any:
    """((x_train, y_train), (x_test, y_test)); x: (rows, 13). Downloaded at first use. Raises DatasetError when that fails, ValueError for a
    test_split that is no share."""
    file = stored.read(Path(get_file(path, stored.FOLDER + "boston_housing.npz", file_hash=FILE_HASH)))
    return stored.parts(file["x"], file["y"], test_split, seed)
