"""MNIST: 60,000 + 10,000 handwritten digits, 28x28 grey pixels (Y. LeCun, C. Cortes, C. Burges; CC BY-SA 3.0)."""

import os

from gpunn.datasets import loader
from gpunn.datasets.labels import remember_digits
from gpunn.datasets.sources import MNIST

pixel_max = 255


def load_data(path: str | os.PathLike[str] | None = None) -> loader.Data:
    """Load MNIST.

    Args:
        path: folder that holds the four IDX files (``.gz`` or plain), or holds a sub-folder ``mnist`` with them. None searches
            ``GPUNN_DATA``, then the user cache, then downloads into the user cache. Keras's default, the string
            ``"mnist.npz"``, means the same as None.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: uint8 arrays of shapes (60000, 28, 28), (60000,), (10000, 28, 28), (10000,);
        pixels 0 (background) to 255, labels 0 to 9.

    Raises:
        DatasetError (a ValueError): not found and not downloadable, or damaged.
    """
    data = loader.load(MNIST, None if path == "mnist.npz" else path)
    remember_digits(data[0][1], data[1][1])
    return data
