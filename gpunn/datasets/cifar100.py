"""CIFAR-100: 50,000 + 10,000 photographs of 32 x 32 pixels in color, of 100 classes in 20 kinds (Krizhevsky 2009)."""

import os
from typing import Any

from gpunn.datasets import stored_images as stored

FOLDER = "cifar-100-python"
FILE_HASH = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"


def load_data(label_mode: str = "fine", path: str | os.PathLike[str] | None = None) -> Any:
    """As `cifar10.load_data`. label_mode: "fine" for the 100 classes, "coarse" for the 20 kinds. Raises ValueError for another one."""
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f"Argument label_mode: expected 'fine' or 'coarse'. Received: {label_mode!r}.")
    place = stored.folder(FOLDER, "cifar-100-python.tar.gz", FILE_HASH, "train", path)
    return stored.read(place / "train", f"{label_mode}_labels"), stored.read(place / "test", f"{label_mode}_labels")
