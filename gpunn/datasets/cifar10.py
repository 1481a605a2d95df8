"""CIFAR-10: 50,000 + 10,000 photographs of 32 x 32 pixels in color, of 10 classes (Krizhevsky 2009)."""

import os
from typing import Any

import numpy as np

from gpunn.datasets import stored_images as stored

FOLDER = "cifar-10-batches-py"
FILE_HASH = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
class_names = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def load_data(path: str | os.PathLike[str] | None = None) -> Any:
    """``(x_train, y_train), (x_test, y_test)``: uint8 of shapes (50000, 32, 32, 3), (50000, 1), (10000, 32, 32, 3) and (10000, 1).

    path: the folder that holds ``cifar-10-batches-py`` (torchvision's name), or that folder; None looks in ``GPUNN_DATA`` and the user
    cache, then downloads into the cache (170 MB). Raises DatasetError when there is none, or a file is damaged.
    """
    place = stored.folder(FOLDER, "cifar-10-python.tar.gz", FILE_HASH, "data_batch_1", path)
    parts = [stored.read(place / f"data_batch_{i}", "labels") for i in range(1, 6)]
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return (x, y), stored.read(place / "test_batch", "labels")
