"""Reuters: 11,228 newswires of 46 topics as numbers of words; Keras's file of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from gpunn.datasets import stored_sequences as stored
from gpunn.datasets.fetch import get_file

FILE_HASH = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
INDEX_HASH = "4d44cc38712099c9e383dc6e5f11a921"
TOPICS = (
    "cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing", "money-supply", "coffee", "sugar", "trade",
    "reserves", "ship", "cotton", "carcass", "crude", "nat-gas", "cpi", "money-fx", "interest", "gnp", "meal-feed", "alum",
    "oilseed", "gold", "tin", "strategic-metal", "livestock", "retail", "ipi", "iron-steel", "rubber", "heat", "jobs", "lei",
    "bop", "zinc", "orange", "pet-chem", "dlr", "gas", "silver", "wpi", "hog", "lead",
)


def load_data(
    path: str = "reuters.npz", num_words: int | None = None, skip_top: int = 0, maxlen: int | None = None, test_split: float = 0.2,
    seed: int = 113, start_char: int | None = 1, oov_char: int | None = 2, index_from: int = 3,
) -> Any:
    """((x_train, y_train), (x_test, y_test)), y from 0 to 45; arguments, file and errors as of `imdb.load_data`, the last `test_split` of
    the newswires for tests."""
    if not 0 <= test_split < 1:
        raise ValueError(f"Argument test_split: expected a share from 0 up to 1, without it. Received: {test_split!r}.")
    file = stored.read(Path(get_file(path, stored.FOLDER + "reuters.npz", file_hash=FILE_HASH)))
    x, y = stored.mixed(np.random.RandomState(seed), file["x"], file["y"])
    kept, labels = stored.short(stored.begun(x, start_char, index_from), y, maxlen)
    words = stored.known(kept, num_words, skip_top, oov_char)
    cut = int(len(words) * (1 - test_split))
    labels = np.asarray(labels)
    return (stored.ragged(words[:cut]), labels[:cut]), (stored.ragged(words[cut:]), labels[cut:])


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """The number of each word, without what `load_data` adds to it."""
    file = Path(get_file(path, stored.FOLDER + "reuters_word_index.json", file_hash=INDEX_HASH))
    index: dict[str, int] = json.loads(file.read_text(encoding="utf-8"))
    return index


def get_label_names() -> tuple[str, ...]:
    """The topics."""
    return TOPICS
