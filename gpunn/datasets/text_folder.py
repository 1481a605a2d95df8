"""Texts in folders, one folder for each class, and the lines of files."""

import os
from collections.abc import Iterator
from collections.abc import Sequence as ListLike
from typing import Any

import numpy as np

from gpunn.datasets.file_rows import FileRows, rows_of_files
from gpunn.datasets.folders import LABEL_MODES, SUBSETS, check_choices, check_cut, check_folder, cut, found
from gpunn.random import current_seed
from gpunn.utils.dataset import Dataset

SUFFIXES = (".txt",)


def text_dataset_from_directory(
    directory: Any, labels: Any = "inferred", label_mode: str | None = "int", class_names: ListLike[str] | None = None,
    batch_size: int | None = 32, max_length: int | None = None, shuffle: bool = True, seed: int | None = None,
    validation_split: float | None = None, subset: str | None = None, follow_links: bool = False, format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The .txt files below a folder as a `Dataset` of batches of texts and labels; Keras's function. A file is read when its batch is made.

    labels, label_mode, validation_split and subset as for `image_dataset_from_directory`; max_length: characters that are kept of a text;
    batch_size None: texts one by one; `format` makes no difference. Raises ValueError for arguments that do not fit and a folder without
    texts.
    """
    check_choices(
        ("label_mode", label_mode, LABEL_MODES), ("subset", subset, SUBSETS), ("format", format, ("tf", "grain")),
    )
    root = check_folder(directory)
    check_cut(validation_split, subset, shuffle, seed)
    seed = current_seed() if seed is None else int(seed)
    mixed_by = seed if shuffle else None
    names, paths, numbers = found(root, labels, label_mode, class_names, follow_links, SUFFIXES, "texts", mixed_by, verbose)

    def made(first: int, end: int) -> FileRows:
        some = slice(first, end)
        classes = None if numbers is None else numbers[some]
        return rows_of_files(lambda path: np.array(_text(path, max_length)), paths[some], names, classes, label_mode, batch_size, mixed_by)

    return cut(len(paths), validation_split, subset, made)


def _text(path: str, max_length: int | None) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()[: max_length]


class TextLineDataset(Dataset):
    """The lines of one or several text files, one after another; TensorFlow's class."""

    def __init__(self, filenames: Any, *unused: Any, **options: Any):
        one = isinstance(filenames, (str, os.PathLike)) or np.ndim(filenames) == 0  # as `list_files` gives them, one by one
        paths = [os.fspath(p if isinstance(p, os.PathLike) else str(p)) for p in ([filenames] if one else filenames)]

        def lines() -> Iterator[Any]:
            for path in paths:
                with open(path, encoding="utf-8") as file:
                    yield from (np.array(line.rstrip("\n")) for line in file)

        super().__init__(lines, None)
