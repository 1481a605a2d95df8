"""Images in folders, one folder for each class, read batch by batch with Pillow (``pip install "gpunn[images]"``)."""

import os
from collections.abc import Iterator
from collections.abc import Sequence as ListLike
from typing import Any

import numpy as np

from gpunn.datasets.file_rows import FileRows
from gpunn.datasets.folders import LABEL_MODES, SUBSETS, check_choices, check_cut, check_folder, cut, found
from gpunn.random import ORDER, current_seed, permutation
from gpunn.utils import Sequence
from gpunn.utils.dataset import Dataset

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
MODES = {"grayscale": ("L", 1), "rgb": ("RGB", 3), "rgba": ("RGBA", 4)}
INTERPOLATIONS = {"nearest": 0, "lanczos": 1, "lanczos3": 1, "lanczos5": 1, "bilinear": 2, "bicubic": 3, "area": 4, "box": 4, "hamming": 5}


class ImageFolder(Sequence, Dataset):
    """Batches (x, y), or x alone: x is uint8, (rows, height, width, channels); y as `label_mode` says. By number, for `fit`; who iterates,
    and what `Dataset`'s methods make of it, gets x as float32, as from Keras.

    Attributes: ``class_names``, ``file_paths`` and ``labels`` (numbers of classes, None without).
    """

    def __init__(
        self, file_paths: list[str], labels: np.ndarray | None, class_names: list[str], label_mode: str | None, mode: str, batch_size: int,
        image_size: tuple[int, int], shuffle: bool, seed: int, interpolation: int, fit: str,
    ):
        super().__init__(workers=min(4, os.cpu_count() or 1))
        Dataset.__init__(self, self._batches, -(-len(file_paths) // batch_size))
        self.file_paths, self.labels, self.class_names = file_paths, labels, class_names
        self.label_mode, self.batch_size, self.image_size = label_mode, batch_size, image_size
        self.mode, self._shuffle, self._seed, self._interpolation, self._fit = mode, shuffle, seed, interpolation, fit
        self._passes = 0
        self._order = np.arange(len(file_paths))

    def __len__(self) -> int:
        return -(-len(self.file_paths) // self.batch_size)

    def on_epoch_begin(self) -> None:
        """Another order of the files in every epoch, which follows from the seed."""
        if self._shuffle:
            self._order = permutation(len(self.file_paths), self._seed, stream=ORDER + 1, step=self._passes)
            self._passes += 1

    def __getitem__(self, index: int) -> Any:
        rows = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        x = np.stack([self.image(self.file_paths[i]) for i in rows])
        if self.labels is None or self.label_mode is None:
            return x
        y = self.labels[rows]
        if self.label_mode == "categorical":
            return x, np.eye(len(self.class_names), dtype=np.float32)[y]
        return (x, y) if self.label_mode == "int" else (x, y.astype(np.float32).reshape(-1, 1))

    def _batches(self) -> Iterator[Any]:
        from gpunn.training.feeds.iterables import FromSequence  # which reads ahead

        for batch in FromSequence(self, self.workers, self.max_queue_size).begin(range):
            yield (batch[0].astype(np.float32), *batch[1:]) if isinstance(batch, tuple) else batch.astype(np.float32)

    def one_by_one(self) -> FileRows:
        """The same rows, each by itself."""
        rows = FileRows(self.unbatch()._items, len(self.file_paths))
        rows.class_names, rows.file_paths = self.class_names, self.file_paths
        return rows

    def image(self, path: str) -> np.ndarray:
        """One image, (height, width, channels) of bytes. Raises OSError naming a file that cannot be read."""
        from PIL import Image

        height, width = self.image_size
        try:
            with Image.open(path) as file:
                image = file.convert(MODES[self.mode][0])
        except (OSError, SyntaxError, ValueError) as error:  # Pillow's decoders raise all three
            raise OSError(f"the image {path} cannot be read ({error})") from error
        box = None
        if self._fit == "crop":
            w, h = image.width, image.height
            cut_w, cut_h = min(w, int(h * width / height)), min(h, int(w * height / width))
            left, top = (w - cut_w) // 2, (h - cut_h) // 2
            box = (left, top, left + cut_w, top + cut_h)
        elif self._fit == "pad":
            w = max(image.width, int(image.height * width / height))
            h = max(image.height, int(image.width * height / width))
            padded = Image.new(image.mode, (w, h))
            padded.paste(image, ((w - image.width) // 2, (h - image.height) // 2))
            image = padded
        if image.size != (width, height) or box is not None:
            image = image.resize((width, height), self._interpolation, box=box)
        return np.asarray(image, np.uint8).reshape(height, width, -1)


def image_dataset_from_directory(
    directory: Any, labels: Any = "inferred", label_mode: str | None = "int", class_names: ListLike[str] | None = None,
    color_mode: str = "rgb", batch_size: int | None = 32, image_size: tuple[int, int] = (256, 256), shuffle: bool = True,
    seed: int | None = None, validation_split: float | None = None, subset: str | None = None, interpolation: str = "bilinear",
    follow_links: bool = False, crop_to_aspect_ratio: bool = False, pad_to_aspect_ratio: bool = False, data_format: str | None = None,
    verbose: bool = True,
) -> Any:
    """The images below a folder as a `Dataset` of batches for `fit`, `evaluate` and `predict`; Keras's function, on Pillow.

    labels: "inferred" from the names of the folders, a list with one number a file (in order of their paths), or None.
    label_mode: "int", "categorical" (one-hot), "binary" ((rows, 1) of 0 and 1), or None for images alone.
    batch_size: None for images one by one.
    validation_split, subset: the last share of the shuffled files is for validation; "both" gives the pair.
    Pixels are from 0 to 255, resized with Pillow's filters, which look at all pixels when they make an image smaller.

    Raises ValueError for arguments that do not fit and for a folder without images; a file that cannot be read is named when its batch is
    made.
    """
    check_choices(
        ("label_mode", label_mode, LABEL_MODES), ("color_mode", color_mode, tuple(MODES)), ("subset", subset, SUBSETS),
        ("interpolation", interpolation, tuple(INTERPOLATIONS)), ("data_format", data_format, ("channels_last", None)),
    )  # fmt: skip
    root = check_folder(directory)
    if batch_size is not None and not (isinstance(batch_size, (int, np.integer)) and batch_size > 0):
        raise ValueError(f"Argument batch_size: expected a positive integer, or None. Received: {batch_size!r}.")
    if len(image_size) != 2 or not all(isinstance(n, (int, np.integer)) and n > 0 for n in image_size):
        raise ValueError(f"Argument image_size: expected (height, width). Received: {image_size!r}.")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("Only one of crop_to_aspect_ratio and pad_to_aspect_ratio can be True.")
    check_cut(validation_split, subset, shuffle, seed)
    seed = current_seed() if seed is None else int(seed)
    mixed_by = seed if shuffle else None
    names, paths, numbers = found(root, labels, label_mode, class_names, follow_links, SUFFIXES, "images", mixed_by, verbose)

    def made(first: int, end: int) -> Dataset:
        own = None if numbers is None else numbers[first:end]
        fit = "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else "stretch"
        batches = ImageFolder(
            paths[first:end], own, names, label_mode, color_mode, int(batch_size or 32), (int(image_size[0]), int(image_size[1])), shuffle,
            seed, INTERPOLATIONS[interpolation], fit,
        )
        return batches if batch_size is not None else batches.one_by_one()

    return cut(len(paths), validation_split, subset, made)
