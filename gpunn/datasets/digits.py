"""Digits: 1,797 real handwritten digits, 8x8 grey pixels, that come with scikit-learn, so no download is needed.

They are the test part of "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak, UCI Machine Learning Repository, CC BY 4.0).
scikit-learn itself is not imported, only its data file is read: importing it takes longer than training on it.
"""

import gzip
import hashlib
import importlib.util
import zlib
from pathlib import Path

import numpy as np

from gpunn.datasets.errors import DatasetError
from gpunn.datasets.labels import remember_digits
from gpunn.datasets.loader import Data

pixel_max = 16
INSTALL = 'pip install "gpunn[digits]"'

_ROWS, _PIXELS = 1797, 64
_SHA256 = "68aea062d35a127749050fa0e52dca09d6569ac08092c925610e0954e172dde2"
_TEST_EVERY = 5


def load_data() -> Data:
    """Load the digits with a fixed split.

    The split is stratified and involves no chance: of each class, in the order of the file, every fifth picture (the 5th,
    10th, ...) is a test picture, the others are for training; both parts keep the order of the file.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: uint8 arrays of shapes (1442, 8, 8), (1442,), (355, 8, 8), (355,); pixels
        0 (background) to 16, labels 0 to 9.

    Raises:
        DatasetError (a ValueError): scikit-learn is not installed, or its file is damaged.
    """
    file = find_file()
    if file is None:
        raise DatasetError(f"The digits data set comes with scikit-learn, which was not found. It is installed by: {INSTALL}")
    table = _read(file)
    x, y = table[:, :_PIXELS].reshape(-1, 8, 8), table[:, _PIXELS]
    test = _is_test(y)
    data = (x[~test], y[~test]), (x[test], y[test])
    remember_digits(data[0][1], data[1][1])
    return data


def find_file() -> Path | None:
    """The data file inside the installed scikit-learn, or None; scikit-learn is not imported."""
    try:
        spec = importlib.util.find_spec("sklearn")
    except (ImportError, ValueError):  # ValueError: something put a bare module named sklearn into sys.modules
        return None
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if file.is_file():
            return file
    return None


def _read(file: Path) -> np.ndarray:
    """The table as uint8 (1797, 65): 64 pixels and the label in each row."""
    try:
        text = gzip.decompress(file.read_bytes())
        values = [int(value) for value in text.replace(b"\n", b",").rstrip(b",").split(b",")]
        table = np.array(values, np.uint8)
    except (OSError, EOFError, zlib.error, ValueError, OverflowError) as error:
        raise _damaged(file, str(error)) from error
    if table.size != _ROWS * (_PIXELS + 1):
        raise _damaged(file, f"{table.size} values")
    sha256 = hashlib.sha256(table.data).hexdigest()
    if sha256 != _SHA256:
        raise _damaged(file, f"values with SHA-256 {sha256} instead of {_SHA256}")
    return table.reshape(_ROWS, _PIXELS + 1)


def _is_test(y: np.ndarray) -> np.ndarray:
    test = np.zeros(len(y), bool)
    for label in range(10):
        test[np.flatnonzero(y == label)[_TEST_EVERY - 1 :: _TEST_EVERY]] = True
    return test


def _damaged(file: Path, received: str) -> DatasetError:
    return DatasetError(
        f"The digits file '{file}' is damaged. Expected: {_ROWS} rows of {_PIXELS + 1} numbers. Received: {received}. "
        f"It is mended by: pip install --force-reinstall scikit-learn"
    )
