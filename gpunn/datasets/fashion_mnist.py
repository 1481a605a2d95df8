"""Fashion-MNIST: 60,000 + 10,000 pictures of clothing, 28x28 grey pixels, 10 classes (Zalando Research; MIT licence)."""

import os

from gpunn.datasets import loader
from gpunn.datasets.sources import FASHION_MNIST

pixel_max = 255
class_names = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def load_data(path: str | os.PathLike[str] | None = None) -> loader.Data:
    """Load Fashion-MNIST.

    Args:
        path: folder that holds the four IDX files (``.gz`` or plain), or holds a sub-folder ``fashion-mnist`` or
            ``fashion_mnist`` with them. None searches ``GPUNN_DATA``, then the user cache, then downloads into the user cache.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: uint8 arrays of shapes (60000, 28, 28), (60000,), (10000, 28, 28), (10000,);
        pixels 0 (background) to 255, labels 0 to 9, which ``class_names`` names.

    Raises:
        DatasetError (a ValueError): not found and not downloadable, or damaged.
    """
    return loader.load(FASHION_MNIST, path)
