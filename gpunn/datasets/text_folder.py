"""Texts in folders, one folder for each class, and the lines of files."""

import os
import pathlib
from collections.abc import Iterator
from collections.abc import Sequence as ListLike
from typing import Any

import numpy as np

from gpunn.datasets.image_folder import LABEL_MODES, SUBSETS, index_folder
from gpunn.random import ORDER, current_seed, permutation
from gpunn.utils.dataset import Dataset

SUFFIXES = (".txt",)


class TextFolder(Dataset):
    """Batches of texts, or (texts, labels). Attributes: ``class_names``, ``file_paths``."""

    class_names: list[str]
    file_paths: list[str]


def text_dataset_from_directory(
    directory: Any, labels: Any = "inferred", label_mode: str | None = "int", class_names: ListLike[str] | None = None,
    batch_size: int | None = 32, max_length: int | None = None, shuffle: bool = True, seed: int | None = None,
    validation_split: float | None = None, subset: str | None = None, follow_links: bool = False, format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The .txt files below a folder as a `Dataset` of batches of texts and labels; Keras's function. A file is read when its batch is made.

    labels, label_mode, validation_split and subset as for `image_dataset_from_directory`; max_length: characters that are kept of a text;
    batch_size None: texts one by one; `format` makes no difference. Raises ValueError for arguments that do not fit and for a folder
    without texts.
    """
    root = pathlib.Path(directory)
    for name, value, known in (
        ("label_mode", label_mode, LABEL_MODES), ("subset", subset, SUBSETS), ("format", format, ("tf", "grain")),
    ):
        if value not in known:
            raise ValueError(f"Argument {name}: expected one of {known}. Received: {value!r}.")
    if not root.is_dir():
        raise ValueError(f"Argument directory: expected a folder. Received: {os.fspath(directory)!r}.")
    if (validation_split is None) != (subset is None) or (validation_split is not None and not 0 < validation_split < 1):
        raise ValueError(
            f"Arguments validation_split and subset: expected a share between 0 and 1 and one of {SUBSETS[:3]}, or neither. "
            f"Received: {validation_split!r} and {subset!r}."
        )
    if validation_split is not None and shuffle and seed is None:
        raise ValueError("Argument seed: expected an integer, as both subsets must be cut from the same order. Received: None.")
    names, paths, numbers = index_folder(root, labels, class_names, follow_links, suffixes=SUFFIXES)
    if not paths:
        raise ValueError(f"Argument directory: no texts were found in {os.fspath(directory)!r}. Expected files that end in {SUFFIXES}.")
    if label_mode == "binary" and len(names) != 2:
        raise ValueError(f"Argument label_mode: 'binary' needs two classes. Received: {len(names)}.")
    seed = current_seed() if seed is None else int(seed)
    if shuffle:
        order = permutation(len(paths), seed, stream=ORDER + 2)
        paths, numbers = [paths[i] for i in order], None if numbers is None else numbers[order]
    if verbose:
        print(f"Found {len(paths)} files" + (f" belonging to {len(names)} classes." if numbers is not None else "."))

    def made(first: int, end: int, mixed: bool) -> TextFolder:
        texts = Dataset.from_tensor_slices(np.array(paths[first:end])).map(lambda path: np.array(_text(str(path), max_length)))
        found = texts
        if numbers is not None and label_mode is not None:
            y: np.ndarray = numbers[first:end]
            y = np.eye(len(names), dtype=np.float32)[y] if label_mode == "categorical" else y
            y = y.astype(np.float32).reshape(-1, 1) if label_mode == "binary" else y
            found = Dataset.zip((texts, Dataset.from_tensor_slices(y)))
        rows = Dataset(found._items, end - first)
        rows = rows.shuffle(8 * (batch_size or 128), seed=seed) if mixed else rows
        rows = rows if batch_size is None else rows.batch(batch_size)
        out = TextFolder(rows._items, rows._count)
        out.class_names, out.file_paths = names, paths[first:end]
        return out

    if validation_split is None:
        return made(0, len(paths), shuffle)
    cut = len(paths) - int(validation_split * len(paths))
    if cut in (0, len(paths)):
        raise ValueError(f"Argument validation_split: {validation_split} of {len(paths)} files leaves a part empty.")
    return (
        (made(0, cut, shuffle), made(cut, len(paths), shuffle)) if subset == "both"
        else made(0, cut, shuffle) if subset == "training" else made(cut, len(paths), shuffle)
    )


def _text(path: str, max_length: int | None) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()[: max_length]


class TextLineDataset(Dataset):
    """The lines of one or several text files, one after another; TensorFlow's class."""

    def __init__(self, filenames: Any, *unused: Any, **options: Any):
        paths = [os.fspath(p) for p in ([filenames] if isinstance(filenames, (str, os.PathLike)) else filenames)]

        def lines() -> Iterator[Any]:
            for path in paths:
                with open(path, encoding="utf-8") as file:
                    yield from (np.array(line.rstrip("\n")) for line in file)

        super().__init__(lines, None)
