"""Words as numbers: Keras's older Tokenizer and its functions. `gpunn.layers.TextVectorization` is the newer one."""

import collections
import hashlib
from typing import Any

import numpy as np

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def text_to_word_sequence(input_text: str, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """The words of a text: `filters` count as `split`."""
    text = input_text.lower() if lower else input_text
    return [word for word in text.translate({ord(c): split for c in filters}).split(split) if word]


def hashing_trick(text: str, n: int, hash_function: Any = None, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[int]:
    """A number from 1 to n - 1 for each word, from a hash: "md5" (the default here, the same in every process), or a function."""
    function = _md5 if hash_function in (None, "md5") else hash_function
    return [function(word) % (n - 1) + 1 for word in text_to_word_sequence(text, filters, lower, split)]


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


def one_hot(input_text: str, n: int, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[int]:
    """Numbers of words by `hashing_trick`; Keras's name, though nothing is one-hot."""
    return hashing_trick(input_text, n, None, filters, lower, split)


class Tokenizer:
    """Numbers words by how often they occur, the most frequent one 1; Keras's legacy class.

    num_words: only the num_words - 1 most frequent ones are used; oov_token: takes number 1 and stands for all others; char_level: every
    character is a word. Attributes: ``word_counts``, ``word_docs``, ``word_index``, ``index_word``, ``document_count``.
    """

    def __init__(
        self, num_words: int | None = None, filters: str = FILTERS, lower: bool = True, split: str = " ", char_level: bool = False,
        oov_token: str | None = None, analyzer: Any = None,
    ):
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.word_counts: dict[str, int] = {}
        self.word_docs: dict[str, int] = collections.defaultdict(int)
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}
        self.index_docs: dict[int, int] = {}
        self.document_count = 0

    def _words(self, text: Any) -> list[str]:
        if not isinstance(text, str):
            return [str(t).lower() if self.lower else str(t) for t in text]
        if self.char_level:
            return list(text.lower() if self.lower else text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split) if self.analyzer is None else self.analyzer(text)

    def fit_on_texts(self, texts: Any) -> None:
        """Count the words of these texts (or lists of words) too, and number all of them anew."""
        for text in texts:
            words = self._words(text)
            self.document_count += 1
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] += 1
        ordered = sorted(self.word_counts, key=self.word_counts.__getitem__, reverse=True)  # stable: equals in the order they came
        ordered = ([] if self.oov_token is None else [self.oov_token]) + ordered
        self.word_index = {word: i + 1 for i, word in enumerate(ordered)}
        self.index_word = {i: word for word, i in self.word_index.items()}
        self.index_docs = {self.word_index[word]: count for word, count in self.word_docs.items()}

    def _number(self, word: str) -> int | None:
        number = self.word_index.get(word)
        if number is not None and (not self.num_words or number < self.num_words):
            return number
        return None if self.oov_token is None else self.word_index.get(self.oov_token)

    def texts_to_sequences(self, texts: Any) -> list[list[int]]:
        """The numbers of each text's words; unknown ones are left out, or become the oov_token's."""
        return [[n for word in self._words(text) if (n := self._number(word)) is not None] for text in texts]

    def sequences_to_texts(self, sequences: Any) -> list[str]:
        """Back again, as far as the numbers are known."""
        unknown = None if self.oov_token is None else self.oov_token
        words = [[self.index_word.get(n, unknown) if not self.num_words or n < self.num_words else unknown for n in s] for s in sequences]
        return [" ".join(w for w in row if w is not None) for row in words]

    def texts_to_matrix(self, texts: Any, mode: str = "binary") -> np.ndarray:
        """(texts, words): see `sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Any, mode: str = "binary") -> np.ndarray:
        """For each sequence and word: whether it is there ("binary"), how often ("count"), in which share ("freq"), or
        (1 + log(count)) * log(1 + documents / (1 + documents with it)) ("tfidf"). Raises ValueError for another mode."""
        if mode not in ("binary", "count", "freq", "tfidf"):
            raise ValueError(f"Argument mode: expected 'binary', 'count', 'freq' or 'tfidf'. Received: {mode!r}.")
        if not self.num_words and not self.word_index:
            raise ValueError("Expected num_words, or fit_on_texts to be called first.")
        if mode == "tfidf" and not self.document_count:
            raise ValueError("Mode 'tfidf' needs fit_on_texts to be called first.")
        wide = self.num_words or len(self.word_index) + 1
        out = np.zeros((len(sequences), wide))
        for row, sequence in zip(out, sequences, strict=True):
            for number, count in collections.Counter(n for n in sequence if n < wide).items():
                if mode == "tfidf":
                    row[number] = (1 + np.log(count)) * np.log(1 + self.document_count / (1 + self.index_docs.get(number, 0)))
                else:
                    row[number] = 1 if mode == "binary" else count if mode == "count" else count / len(sequence)
        return out
