"""Data sets of files: one row a file, which is read when its batch is made."""

from collections.abc import Callable

import numpy as np

from gpunn.utils.dataset import Dataset


class FileRows(Dataset):
    """What is in files, or pairs with labels, in batches or one by one. Attributes: ``class_names``, ``file_paths``."""

    class_names: list[str]
    file_paths: list[str]


def rows_of_files(
    read: Callable[[str], np.ndarray], paths: list[str], names: list[str], numbers: np.ndarray | None, label_mode: str | None,
    batch_size: int | None, mixed_by: int | None, padded: bool = False,
) -> FileRows:
    """What `read` makes of each file. numbers: of the classes, which become labels as `label_mode` says; batch_size: None for single rows;
    mixed_by: a seed, None to keep the order; padded: rows of a batch are filled up to the longest."""
    items = Dataset.from_tensor_slices(np.array(paths)).map(lambda path: read(str(path)))
    if numbers is not None and label_mode is not None:
        y = np.eye(len(names), dtype=np.float32)[numbers] if label_mode == "categorical" else numbers
        y = y.astype(np.float32).reshape(-1, 1) if label_mode == "binary" else y
        items = Dataset.zip((items, Dataset.from_tensor_slices(y)))
    rows = Dataset(items._items, len(paths))
    rows = rows if mixed_by is None else rows.shuffle(8 * (batch_size or 128), seed=mixed_by)
    if batch_size is not None:
        rows = rows.padded_batch(batch_size) if padded else rows.batch(batch_size)
    out = FileRows(rows._items, rows._count)
    out.class_names, out.file_paths = names, paths
    return out
