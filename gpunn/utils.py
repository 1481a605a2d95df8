"""Small helpers under the names Keras gives them."""

import importlib
from typing import Any

import numpy as np

from gpunn.layers.spelling import old_names
from gpunn.random import set_random_seed
from gpunn.training.feeds.errors import DataError

__all__ = ["DataError", "PyDataset", "Sequence", "image_dataset_from_directory", "plot_model", "set_random_seed", "to_categorical"]
_ELSEWHERE = {
    **dict.fromkeys(("array_to_img", "img_to_array", "load_img", "save_img"), "gpunn.preprocessing.files"),
    **dict.fromkeys((
        "CustomObjectScope", "custom_object_scope", "deserialize_keras_object", "get_custom_objects", "get_registered_name",
        "get_registered_object", "register_keras_serializable", "serialize_keras_object",
    ), "gpunn.saving"),
    "class_weights": "gpunn.preprocessing.labels",
    "pad_sequences": "gpunn.preprocessing.sequence",
    "unpack_x_y_sample_weight": "gpunn.training.own_step",
}
__all__ += [*_ELSEWHERE]


def __getattr__(name: str) -> Any:
    """Names that are loaded when somebody asks for them."""
    if name in _ELSEWHERE:
        return getattr(importlib.import_module(_ELSEWHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Sequence:
    """Batches by number, for `fit`, `evaluate` and `predict`; Keras's ``utils.Sequence`` and ``utils.PyDataset``.

    A subclass gives ``__len__``, the number of batches, and ``__getitem__(number)``, a batch (x, y) or (x, y, sample_weight); perhaps
    ``on_epoch_begin`` and ``on_epoch_end``. `fit` shuffles the numbers anew for each epoch unless ``shuffle=False``.

    workers: threads that make batches ahead, in order all the same; 0: each is made when it is needed, by the thread that trains.
    max_queue_size: how many batches may wait. use_multiprocessing is accepted; threads are used.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10):
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} gives no __getitem__(index).")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} gives no __len__().")

    @property
    def num_batches(self) -> int | None:
        """Batches in a pass; None for a data set without end."""
        return len(self)

    def on_epoch_begin(self) -> None:
        """Before an epoch's first batch."""

    def on_epoch_end(self) -> None:
        """After an epoch's last batch."""


PyDataset = Sequence


@old_names(y="x", nb_classes="num_classes")
def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Integer labels (any shape) as float64 one-hot rows. Raises ValueError for labels that are negative or not below `num_classes`."""
    labels = np.asarray(x)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.size and (labels.min() < 0 or not np.array_equal(labels, np.floor(labels))):
        raise ValueError(f"Labels must be integers from 0. Received: {labels.min()!r} ... {labels.max()!r}.")
    labels = labels.astype(np.int64)
    classes = int(num_classes or (labels.max(initial=-1) + 1))
    if labels.size and labels.max() >= classes:
        raise ValueError(f"Labels must be below num_classes={classes}. Received: {labels.max()}.")
    return np.eye(classes)[labels]


def image_dataset_from_directory(directory: Any, *arguments: Any, **options: Any) -> Any:
    """Batches of the images in a folder, one folder for each class: see `gpunn.datasets.image_folder.image_dataset_from_directory`."""
    from gpunn.datasets.image_folder import image_dataset_from_directory as make

    return make(directory, *arguments, **options)


def plot_model(model: Any, to_file: Any = "model.png", *arguments: Any, **options: Any) -> Any:
    """A picture of a model's graph: see `gpunn.models.picture.plot_model`."""
    from gpunn.models.picture import plot_model as draw

    return draw(model, to_file, *arguments, **options)
