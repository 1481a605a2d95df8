"""TextVectorization: texts in, numbers out."""

import collections
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gpunn import config
from gpunn.layers.base import Layer, Pullback
from gpunn.layers.graph import symbolic
from gpunn.layers.lookup import weights_before
from gpunn.results import dressed

_PUNCTUATION = re.compile(r"""[!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']""")
STANDARDS = ("lower_and_strip_punctuation", "lower", "strip_punctuation", None)
SPLITS = ("whitespace", "character", None)
MODES = ("int", "multi_hot", "count", "tf_idf")
UNKNOWN = "[UNK]"


class TextVectorization(Layer):
    """Texts as numbers of words, Keras's layer: standardize, split, join n-grams, look up.

    `adapt` learns the vocabulary from texts, the most frequent words first (of equals the later in the alphabet), or `vocabulary` gives it
    (a list, or a file with a word a line). Output by output_mode: "int", (texts, words) of numbers, where 0 fills up and 1 is any unknown
    word, cut or filled to output_sequence_length; "multi_hot", "count" and "tf_idf", (texts, vocabulary), where column 0 is for unknown
    words and tf_idf is count * log(1 + texts / (1 + texts with the word)).

    Called with texts it returns such an array. As a model's first layer (without an Input before it) it makes `fit`, `evaluate` and
    `predict` take texts; without output_sequence_length "int" is then as long as the longest text that `adapt` saw, or that is given, all
    batches of a call alike. Arrays of numbers pass through.
    """

    recordable = True
    converts = True  # what the model is given is converted at its door

    def __init__(
        self, max_tokens: int | None = None, standardize: Any = STANDARDS[0], split: Any = "whitespace", ngrams: Any = None,
        output_mode: str = "int", output_sequence_length: int | None = None, pad_to_max_tokens: bool = False, vocabulary: Any = None,
        idf_weights: Any = None, sparse: bool = False, ragged: bool = False, encoding: str = "utf-8", **common: Any,
    ):
        super().__init__(**common)
        output_mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(output_mode, output_mode)
        for name, value, known in (("standardize", standardize, STANDARDS), ("split", split, SPLITS), ("output_mode", output_mode, MODES)):
            if value not in known and not (callable(value) and name != "output_mode"):
                raise self._wrong(name, f"one of {known}", value)
        if sparse or ragged:
            raise self._wrong("sparse, ragged", "False: outputs are dense", (sparse, ragged))
        if output_sequence_length is not None and (output_mode != "int" or not _count(output_sequence_length)):
            raise self._wrong("output_sequence_length", "None, or a positive integer with output_mode='int'", output_sequence_length)
        if max_tokens is not None and (not _count(max_tokens) or max_tokens <= 1):
            raise self._wrong("max_tokens", "an integer above 1, or None", max_tokens)
        sizes = tuple(range(1, ngrams + 1)) if _count(ngrams) else tuple(ngrams) if isinstance(ngrams, (tuple, list)) else None
        if ngrams is not None and (not sizes or not all(_count(n) for n in sizes)):
            raise self._wrong("ngrams", "None, a positive integer or a tuple of them", ngrams)
        self.max_tokens, self.standardize, self.split, self.ngrams = max_tokens, standardize, split, sizes
        self.output_mode, self.output_sequence_length, self.pad_to_max_tokens = output_mode, output_sequence_length, bool(pad_to_max_tokens)
        self.encoding = encoding
        self._words: list[str] = []
        self._numbers: dict[str, int] = {}
        self._idf: np.ndarray | None = None  # weights of "tf_idf", that of unknown words first
        self._longest = 0  # tokens of a text that was learned from
        self._given = vocabulary is not None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    def _wrong(self, name: str, expected: str, received: Any) -> ValueError:
        return ValueError(f"Layer {self.name!r}: {name} must be {expected}. Received: {name}={received!r}.")

    @property
    def _first(self) -> int:
        """Places of the vocabulary before its first word."""
        return 2 if self.output_mode == "int" else 1

    # ------------------------------------------------------------------ vocabulary
    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary from texts: a list or an array of them, or what gives such, batch by batch (`steps` of them). Forgets what
        it learned before. Raises ValueError where a vocabulary was given, and for no texts."""
        if self._given:
            raise ValueError(f"Layer {self.name!r}: a vocabulary was given. Expected none of it for adapt.")
        counts: collections.Counter[str] = collections.Counter()
        documents: collections.Counter[str] = collections.Counter()
        texts, self._longest = 0, 0
        for done, batch in enumerate(_batches(data)):
            if steps is not None and done >= steps:
                break
            for tokens in map(self.tokens, _texts(batch, self.name, self.encoding)):
                texts, self._longest = texts + 1, max(self._longest, len(tokens))
                counts.update(tokens)
                documents.update(set(tokens))
        if not texts:
            raise ValueError(f"Layer {self.name!r}: expected at least one text to adapt to. Received none.")
        for special in ("", UNKNOWN):
            counts.pop(special, None)
        words = sorted(counts, key=lambda w: (counts[w], w.encode()), reverse=True)
        words = words[: None if self.max_tokens is None else self.max_tokens - self._first]
        idf = np.log(1 + texts / (1 + np.array([documents[w] for w in words], np.float64))) if self.output_mode == "tf_idf" else None
        self._set(words, None if idf is None else weights_before(idf, self._first))

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Use these words, in this order: a list, or the path of a file with a word a line; "tf_idf" needs their idf_weights too, of which
        '[UNK]' has the mean where it is not among the words. Raises ValueError for words that occur twice, too many of them, or weights
        that do not fit."""
        if isinstance(vocabulary, str):
            with open(vocabulary, encoding=self.encoding) as file:
                words = [line.rstrip("\n") for line in file]
        else:
            words = [w.decode(self.encoding) if isinstance(w, bytes) else str(w) for w in vocabulary]
        given = len(words)
        if words[:2] == ["", UNKNOWN]:
            words = words[2:]
        elif words[:1] == [UNKNOWN]:
            words = words[1:]
        twice = [w for w, n in collections.Counter(words).items() if n > 1]
        if twice or {"", UNKNOWN} & set(words):
            raise ValueError(
                f"Layer {self.name!r}: expected every word of the vocabulary once, and no '' or {UNKNOWN!r} among them. Received: {twice}."
            )
        if self.max_tokens is not None and len(words) > self.max_tokens - self._first:
            raise ValueError(f"Layer {self.name!r}: expected at most {self.max_tokens - self._first} words. Received: {len(words)}.")
        weights = None if idf_weights is None else np.asarray(idf_weights, np.float64)
        fit = weights is None or len(weights) == len(words) or len(weights) == given == len(words) + self._first
        if (self.output_mode == "tf_idf") != (weights is not None) or not fit:
            received = None if weights is None else len(weights)
            raise ValueError(f"Layer {self.name!r}: expected idf_weights for output_mode='tf_idf' alone, one a word. Received: {received}.")
        self._set(words, weights if weights is None or len(weights) > len(words) else weights_before(weights, self._first))

    def _set(self, words: list[str], idf: np.ndarray | None) -> None:
        self._words, self._idf = words, idf
        self._numbers = {word: i + self._first for i, word in enumerate(words)}

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The words in order; with '' (of "int") and '[UNK]' before them."""
        return ["", UNKNOWN][2 - self._first :] * include_special_tokens + self._words

    def vocabulary_size(self) -> int:
        """Words, and the places before them."""
        return len(self._words) + self._first

    # ------------------------------------------------------------------ texts
    def tokens(self, text: str) -> list[str]:
        """What is looked up of a text."""
        if callable(self.standardize):
            text = str(np.asarray(self.standardize(np.array([text])))[0])
        elif self.standardize is not None:
            text = text.lower() if "lower" in self.standardize else text
            text = _PUNCTUATION.sub("", text) if "strip" in self.standardize else text
        if callable(self.split):
            found = [str(t) for t in self.split(np.array([text]))[0]]
        else:
            found = text.split() if self.split == "whitespace" else list(text) if self.split == "character" else [text]
        if self.ngrams is None:
            return found
        return [" ".join(found[i : i + n]) for n in self.ngrams for i in range(len(found) - n + 1)]

    def convert(self, x: Any) -> Any:
        """`numbers` at a model's door, where all batches of a call are of one length."""
        return self.numbers(x, self._longest)

    def numbers(self, x: Any, least: int = 0) -> Any:
        """Texts as numbers, `least` or more of each without an output_sequence_length; numbers as they are. Raises ValueError before there
        is a vocabulary."""
        array = x if hasattr(x, "dtype") else np.asarray(x)
        if getattr(array.dtype, "kind", "O") in "iubf":
            return x
        texts = _texts(array, self.name, self.encoding)
        if not self._words and not self._given:
            raise ValueError(f"Layer {self.name!r} has no vocabulary: call adapt(texts) first, or give one.")
        is_int = self.output_mode == "int"  # where an empty word is a 0; else it is none
        rows = [[self._numbers.get(t, self._first - 1) if t else 0 for t in self.tokens(text) if t or is_int] for text in texts]
        if is_int:
            length = self.output_sequence_length or max(least, *map(len, rows), 0)
            out = np.zeros((len(rows), length), np.int64)
            for place, row in zip(out, rows, strict=True):
                place[: len(row)] = row[:length]
            return out
        wide = self._wide
        counts = np.zeros((len(rows), wide), config.floatx())
        for place, row in zip(counts, rows, strict=True):
            np.add.at(place, row, 1)
        if self.output_mode == "multi_hot":
            return (counts > 0).astype(counts.dtype)
        if self.output_mode == "tf_idf" and self._idf is not None:
            weights = np.zeros(wide, counts.dtype)
            weights[: len(self._idf)] = self._idf
            return counts * weights
        return counts

    def __call__(self, x: Any = None, *others: Any, **options: Any) -> Any:
        if symbolic([x]):
            return super().__call__(x, *others, **options)
        found = np.asarray(self.numbers(x))
        return dressed(found[0] if np.ndim(x) == 0 and found.ndim > 1 else found)

    # ------------------------------------------------------------------ in a model, behind its door
    def compute_output_shape(self, input_shape: Any) -> Any:
        if self.output_mode == "int":
            return (input_shape[0], self.output_sequence_length)
        return (input_shape[0], self._wide) if self._words or self._given or self.pad_to_max_tokens else input_shape

    def converted_shape(self, shape: Any) -> Any:
        """Of what `convert` makes of rows of this shape."""
        return self.compute_output_shape(shape)

    @property
    def _wide(self) -> int:
        """Numbers a text, where these are not one a token."""
        return self.max_tokens if self.pad_to_max_tokens and self.max_tokens else self.vocabulary_size()

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        return x, lambda dy, need_dx=True: dy

    def config(self) -> dict[str, Any]:
        own = {
            "max_tokens": self.max_tokens, "standardize": self.standardize, "split": self.split, "ngrams": self.ngrams,
            "output_mode": self.output_mode, "output_sequence_length": self.output_sequence_length,
            "pad_to_max_tokens": self.pad_to_max_tokens, "encoding": self.encoding,
        }
        if self._words or self._given:
            own |= {"vocabulary": self._words}
        if self._idf is not None:
            own |= {"vocabulary": self.get_vocabulary(), "idf_weights": self._idf.tolist()}
        return own


def _count(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value > 0)


def _batches(data: Any) -> Iterable[Any]:
    """Batches of texts: an array or a list of them is one."""
    return [data] if isinstance(data, (Sequence, np.ndarray)) or hasattr(data, "dtype") else data


def _texts(data: Any, name: str, encoding: str) -> list[str]:
    array = np.asarray(data, object) if not hasattr(data, "dtype") else np.asarray(data)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 0:
        array = array.reshape(1)
    texts = [t.decode(encoding) if isinstance(t, bytes) else t for t in array.tolist()]
    if array.ndim != 1 or not all(isinstance(t, str) for t in texts):
        raise ValueError(f"Layer {name!r}: expected texts, (rows,) or (rows, 1). Received: dtype {array.dtype} and shape {array.shape}.")
    return texts
