"""Sounds in folders, one folder for each class: .wav files, by Python's own reader."""

import wave
from collections.abc import Sequence as ListLike
from typing import Any

import numpy as np

from gpunn.datasets.file_rows import FileRows, rows_of_files
from gpunn.datasets.folders import LABEL_MODES, SUBSETS, check_choices, check_cut, check_folder, cut, found
from gpunn.random import current_seed

SUFFIXES = (".wav",)


def audio_dataset_from_directory(
    directory: Any, labels: Any = "inferred", label_mode: str | None = "int", class_names: ListLike[str] | None = None,
    batch_size: int | None = 32, sampling_rate: int | None = None, output_sequence_length: int | None = None, ragged: bool = False,
    shuffle: bool = True, seed: int | None = None, validation_split: float | None = None, subset: str | None = None,
    follow_links: bool = False, verbose: bool = True,
) -> Any:
    """The .wav files below a folder as a `Dataset` of batches of sounds, float32 from -1 to 1, (rows, samples, channels), and labels;
    Keras's function. A file is read when its batch is made.

    labels, label_mode, validation_split and subset as for `image_dataset_from_directory`. sampling_rate: samples a second, to which others
    are brought (``pip install "gpunn[audio]"``). output_sequence_length: samples that are kept, or filled up with zeros; by default as
    many as the longest of a batch has. batch_size None: sounds one by one. Raises ValueError for arguments that do not fit and a folder
    without sounds, and OSError naming a file that cannot be read when its batch is made.
    """
    check_choices(("label_mode", label_mode, LABEL_MODES), ("subset", subset, SUBSETS), ("ragged", ragged, (False,)))
    for name, value in (("sampling_rate", sampling_rate), ("output_sequence_length", output_sequence_length)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1):
            raise ValueError(f"Argument {name}: expected an integer from 1, or None. Received: {value!r}.")
    root = check_folder(directory)
    check_cut(validation_split, subset, shuffle, seed)
    mixed_by = (current_seed() if seed is None else int(seed)) if shuffle else None
    names, paths, numbers = found(root, labels, label_mode, class_names, follow_links, SUFFIXES, "sounds", mixed_by, verbose)

    def made(first: int, end: int) -> FileRows:
        some = slice(first, end)
        classes = None if numbers is None else numbers[some]
        return rows_of_files(
            lambda path: _sound(path, sampling_rate, output_sequence_length), paths[some], names, classes, label_mode, batch_size, mixed_by,
            padded=True,
        )

    return cut(len(paths), validation_split, subset, made)


def read_wav(path: str) -> tuple[np.ndarray, int]:
    """(samples, channels) of float32 from -1 to 1, and the samples a second, of a .wav file of whole numbers of 8, 16, 24 or 32 bits.
    Raises OSError for anything else."""
    try:
        with wave.open(path, "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            raw = np.frombuffer(file.readframes(file.getnframes()), np.uint8)
    except (OSError, EOFError, wave.Error) as error:
        raise OSError(f"the sound {path} cannot be read ({error or 'it ends too soon'})") from error
    raw = raw[: len(raw) // (width * channels) * (width * channels)].reshape(-1, width)  # a file may be cut short
    if width == 1:
        numbers = raw.astype(np.float32) - 128  # the only ones without a sign
    else:  # the highest byte last, below it zeros up to four
        numbers = np.pad(raw, ((0, 0), (4 - width, 0))).copy().view("<i4").astype(np.float64) / 2 ** (8 * (4 - width))
    return (numbers / 2 ** (8 * width - 1)).astype(np.float32).reshape(-1, channels), rate


def _sound(path: str, sampling_rate: int | None, length: int | None) -> np.ndarray:
    sound, rate = read_wav(path)
    if sampling_rate is not None and rate != sampling_rate:
        from gpunn.preprocessing.audio import resampled  # by SciPy or soxr

        sound = np.ascontiguousarray(resampled(sound.T, sampling_rate / rate).T, np.float32)
    if length is None:
        return sound
    return np.pad(sound[:length], ((0, max(length - len(sound), 0)), (0, 0)))
