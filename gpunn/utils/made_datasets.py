"""Data sets made of arrays: windows of time series, and two parts of one."""

from typing import Any

import numpy as np

from gpunn import random
from gpunn.utils.dataset import Dataset
from gpunn.utils.structures import mapped


def timeseries_dataset_from_array(
    data: Any, targets: Any, sequence_length: int, sequence_stride: int = 1, sampling_rate: int = 1, batch_size: int | None = 128,
    shuffle: bool = False, seed: int | None = None, start_index: int | None = None, end_index: int | None = None, format: str = "tf",
) -> Dataset:
    """Windows of `sequence_length` rows of `data`, `sampling_rate` rows apart, one from every `sequence_stride`-th row on.

    targets: for each row of data that of the window which begins there, or None. `start_index` and `end_index`: rows before and from there
    on are not used. -> batches (windows, targets), or of windows; single ones with ``batch_size=None``. A shuffled one is in another order
    each time. Raises ValueError for numbers out of range. `format` makes no difference.
    """
    rows = len(data)
    first, end = start_index or 0, rows if end_index is None else end_index
    for name, value, good in (
        ("start_index", start_index, start_index is None or 0 <= start_index < rows),
        ("end_index", end_index, end_index is None or first < end_index < rows),
        ("sampling_rate", sampling_rate, 0 < sampling_rate < rows), ("sequence_stride", sequence_stride, 0 < sequence_stride < rows),
        ("format", format, format in ("tf", "grain")),
    ):
        if not good:
            raise ValueError(f"timeseries_dataset_from_array: {name} is out of range for {rows} rows of data. Received: {name}={value!r}.")
    count = end - first - (sequence_length - 1) * sampling_rate
    used = np.asarray(data)[first:end]
    goals = None if targets is None else np.asarray(targets)[first:end]
    starts = np.arange(0, count if targets is None else min(count, len(targets)), sequence_stride)
    if goals is not None:
        starts = starts[starts < len(goals)]
    inside = np.arange(sequence_length) * sampling_rate

    def windows(start: np.ndarray) -> Any:
        x = used[start[..., None] + inside]
        return x if goals is None else (x, goals[start])

    found = Dataset.from_tensor_slices(starts)
    found = found.shuffle(max(1, len(starts)), seed) if shuffle else found
    return (found if batch_size is None else found.batch(batch_size)).map(windows)


def split_dataset(
    dataset: Any, left_size: float | None = None, right_size: float | None = None, shuffle: bool = False, seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Dataset, Dataset]:
    """Two data sets of the rows of arrays (alone, or in tuples, lists or dicts), or of the elements of one that gives them in turn.

    left_size, right_size: a share of the rows as a float, or a number of them; what is not given is the rest. Raises ValueError for sizes
    that do not fit, TypeError for another kind of them.
    """
    if isinstance(dataset, (np.ndarray, tuple, list, dict)):
        arrays = mapped(np.asarray, tuple(dataset) if isinstance(dataset, list) else dataset)
    else:
        arrays = _gathered(dataset)
    n = len(Dataset.from_tensor_slices(arrays))
    left, right = (_rows(name, size, n) for name, size in (("left_size", left_size), ("right_size", right_size)))
    if left is None and right is None:
        raise ValueError("split_dataset: expected left_size, right_size or both. Received: None.")
    left = n - (right or 0) if left is None else left
    right = n - left if right is None else right
    if left + right > n or left < 1 or right < 1:
        raise ValueError(f"split_dataset: the parts must have rows, and {n} together at most. Received: {left} and {right}.")
    order = np.random.default_rng(random.current_seed() if seed is None else seed).permutation(n) if shuffle else np.arange(n)

    def part(rows: np.ndarray) -> Dataset:
        return Dataset.from_tensor_slices(mapped(lambda a: a[rows], arrays))

    return part(order[:left]), part(order[n - right :])


def _gathered(dataset: Any) -> Any:
    """The elements of a data set as arrays. Raises ValueError where there are none."""
    given = (dataset[i] for i in range(len(dataset))) if hasattr(dataset, "__getitem__") else dataset
    elements = [tuple(e) if isinstance(e, list) else e for e in given]
    if not elements:
        raise ValueError("split_dataset: expected a data set with elements. Received: an empty one.")
    return mapped(lambda *rows: np.stack([np.asarray(r) for r in rows]), *elements)


def _rows(name: str, size: Any, n: int) -> int | None:
    """A size as a number of rows, the nearest to a share."""
    if size is None:
        return None
    if isinstance(size, bool) or not isinstance(size, (int, float, np.number)):
        raise TypeError(f"split_dataset: expected {name} as a number. Received: {name}={size!r}.")
    if isinstance(size, (float, np.floating)):
        if not 0 < size < 1:
            raise ValueError(f"split_dataset: expected {name} between 0 and 1 as a share. Received: {name}={size!r}.")
        return round(size * n)
    if not 0 < size < n:
        raise ValueError(f"split_dataset: expected {name} between 1 and {n - 1} rows. Received: {name}={size!r}.")
    return int(size)
