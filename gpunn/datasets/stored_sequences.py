"""Sequences of word numbers in .npz files of Keras's, and what is left of them."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gpunn.datasets.errors import DatasetError
from gpunn.datasets.unpickled import DAMAGE, unpickled

FOLDER = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def read(file: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file, those of lists of numbers too. Raises DatasetError for anything else in it."""
    try:
        with zipfile.ZipFile(file) as archive:
            found = {}
            for member in archive.namelist():
                with archive.open(member) as opened:
                    found[member.removesuffix(".npy")] = _array(opened)  # type: ignore[arg-type]
            return found
    except DatasetError:
        raise
    except (zipfile.BadZipFile, *DAMAGE) as error:
        raise DatasetError(f"{file} is damaged: {error}.") from error


def _array(file: BinaryIO) -> np.ndarray:
    version = np.lib.format.read_magic(file)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = reader(file)
    if dtype.hasobject:
        return np.asarray(unpickled(file, "latin1"), object).reshape(shape)
    return np.frombuffer(file.read(), dtype).reshape(shape, order="F" if fortran else "C")


def mixed(rng: np.random.RandomState, *arrays: np.ndarray) -> list[np.ndarray]:
    """Rows in the order in which Keras draws them."""
    order = np.arange(len(arrays[0]))
    rng.shuffle(order)
    return [a[order] for a in arrays]


def begun(sequences: Any, start_char: int | None, index_from: int | None) -> list[list[int]]:
    """Each with its first number before it, and all others higher by `index_from`."""
    first, more = ([] if start_char is None else [start_char]), index_from or 0
    return [[*first, *(w + more for w in x)] for x in sequences]


def short(sequences: list[list[int]], labels: np.ndarray, maxlen: int | None) -> tuple[list[list[int]], np.ndarray]:
    """Those of fewer than `maxlen` numbers. Raises ValueError where there are none."""
    if not maxlen:
        return sequences, labels
    kept = [i for i, x in enumerate(sequences) if len(x) < maxlen]
    if not kept:
        raise ValueError(f"Argument maxlen: no sequence is shorter. Received: maxlen={maxlen}.")
    return [sequences[i] for i in kept], labels[kept]


def known(sequences: list[list[int]], num_words: int | None, skip_top: int, oov_char: int | None) -> list[list[int]]:
    """Numbers from skip_top up to num_words; others become oov_char, or are left out without one."""
    end = num_words or max(max(x) for x in sequences)
    if oov_char is None:
        return [[w for w in x if skip_top <= w < end] for x in sequences]
    return [[w if skip_top <= w < end else oov_char for w in x] for x in sequences]


def ragged(sequences: Sequence[list[int]]) -> np.ndarray:
    """An array of lists."""
    out = np.empty(len(sequences), object)
    out[:] = sequences
    return out


def parts(x: np.ndarray, y: np.ndarray, test_split: float, seed: int) -> Any:
    """((x_train, y_train), (x_test, y_test)), mixed; the last share is for tests. Raises ValueError for a share that is none."""
    if not 0 <= test_split < 1:
        raise ValueError(f"Argument test_split: expected a share from 0 up to 1, without it. Received: {test_split!r}.")
    x, y = mixed(np.random.RandomState(seed), x, y)
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])
