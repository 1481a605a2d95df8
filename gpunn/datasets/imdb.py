"""IMDB: 25,000 and 25,000 film reviews as numbers of words, with 1 for the good ones (Maas et al. 2011); Keras's file of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from gpunn.datasets import stored_sequences as stored
from gpunn.datasets.fetch import get_file

FILE_HASH = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
INDEX_HASH = "bfafd718b763782e994055a2d397834f"


def load_data(
    path: str = "imdb.npz", num_words: int | None = None, skip_top: int = 0, maxlen: int | None = None, seed: int = 113,
    start_char: int | None = 1, oov_char: int | None = 2, index_from: int = 3, **unused: Any,
) -> Any:
    """((x_train, y_train), (x_test, y_test)); x: an array of lists of numbers, the more frequent a word the lower.

    Every review begins with start_char, words have their number plus index_from, and those outside of skip_top to num_words are oov_char
    (None: left out). maxlen: only shorter reviews. It is downloaded at first use, and kept where `utils.get_file` keeps files. Raises
    DatasetError when that fails, ValueError where maxlen leaves nothing.
    """
    file = stored.read(Path(get_file(path, stored.FOLDER + "imdb.npz", file_hash=FILE_HASH)))
    found, rng = [], np.random.RandomState(seed)
    for part in ("train", "test"):
        x, y = stored.mixed(rng, file[f"x_{part}"], file[f"y_{part}"])
        found.append(stored.short(stored.begun(x, start_char, index_from), y, maxlen))
    (x_train, y_train), (x_test, y_test) = found
    words = stored.known(x_train + x_test, num_words, skip_top, oov_char)
    cut = len(x_train)
    return (stored.ragged(words[:cut]), np.asarray(y_train)), (stored.ragged(words[cut:]), np.asarray(y_test))


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """The number of each word, without what `load_data` adds to it."""
    file = Path(get_file(path, stored.FOLDER + "imdb_word_index.json", file_hash=INDEX_HASH))
    index: dict[str, int] = json.loads(file.read_text(encoding="utf-8"))
    return index
