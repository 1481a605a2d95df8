"""StringLookup and IntegerLookup: the numbers of categories in a vocabulary."""

import collections
from collections.abc import Iterable
from typing import Any

import numpy as np

from gpunn import config, ops
from gpunn.layers import words
from gpunn.layers.category_encoding import MODES, Numbering, encoded, most_exact, told_apart
from gpunn.layers.hashing import bins_of_texts


class IndexLookup(Numbering):
    """What both lookups do. The vocabulary: `mask_token` (of output_mode "int"), `num_oov_indices` times `oov_token`, for what is not in
    it, and its own categories. `adapt` learns them, the most frequent first (of equals the later in order), or `vocabulary` gives them: a
    list, or a file with one a line.

    output_mode: "int"; "one_hot", "multi_hot" and "count", columns, see `CategoryEncoding`; "tf_idf", counts times `idf_weights`. What is
    masked counts for nothing there. With `invert` numbers become categories, of arrays alone. Without a place for them (num_oov_indices=0)
    unknown categories are an error of arrays; in a graph they get -1. Raises ValueError for arguments that cannot be, a vocabulary that
    does not fit, and where there is none yet.
    """

    def __init__(
        self, max_tokens: int | None, num_oov_indices: int, mask_token: Any, oov_token: Any, vocabulary: Any, idf_weights: Any,
        invert: bool, output_mode: str, sparse: bool, pad_to_max_tokens: bool, **common: Any,
    ):
        super().__init__(**common)
        self.output_mode = self.mode(output_mode, ("int", *MODES, "tf_idf"), sparse)
        if max_tokens is not None and (not isinstance(max_tokens, (int, np.integer)) or max_tokens <= 1):
            raise self.wrong("max_tokens", "an integer above 1, or None", max_tokens)
        if isinstance(num_oov_indices, bool) or not isinstance(num_oov_indices, (int, np.integer)) or num_oov_indices < 0:
            raise self.wrong("num_oov_indices", "an integer of at least 0", num_oov_indices)
        if invert and self.output_mode != "int":
            raise self.wrong("invert", "False, or with output_mode='int'", invert)
        self.max_tokens, self.num_oov_indices, self.invert = max_tokens, int(num_oov_indices), bool(invert)
        self.mask_token, self.oov_token, self.pad_to_max_tokens = mask_token, oov_token, bool(pad_to_max_tokens)
        self._own: list[Any] = []
        self._numbers: dict[Any, int] = {}
        self._idf: np.ndarray | None = None  # weights of "tf_idf", those of OOV indices first
        self._given = vocabulary is not None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # ------------------------------------------------------------------ what a subclass gives
    def categories(self, x: Any) -> np.ndarray:
        """An array of categories. Raises TypeError for what are none."""
        raise NotImplementedError

    def unknown(self, categories: np.ndarray) -> np.ndarray:
        """Which of several OOV indices, from 0, each category has that is not in the vocabulary."""
        raise NotImplementedError

    # ------------------------------------------------------------------ vocabulary
    @property
    def _masked(self) -> int:
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def _special(self) -> list[Any]:
        return [self.mask_token] * self._masked + [self.oov_token] * self.num_oov_indices

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary from categories: an array or a list, or what gives such batch by batch (`steps` of them). To "tf_idf" each
        row is a document, as is each category of an array without rows, and a whole batch without rows: Keras's rule."""
        if self._given:
            raise ValueError(f"Layer {self.name!r}: a vocabulary was given. Expected none of it for adapt.")
        counts: collections.Counter[Any] = collections.Counter()
        documents: collections.Counter[Any] = collections.Counter()
        rows, alone = 0, _is_one(data)
        for n, batch in enumerate(_batches(data)):
            if steps is not None and n >= steps:
                break
            found = self.categories(batch)
            values, times = np.unique(found, return_counts=True)
            counts.update(dict(zip(values.tolist(), times.tolist(), strict=True)))
            if self.output_mode == "tf_idf":
                found = found.reshape((-1, 1) if alone else (1, -1)) if found.ndim < 2 else found.reshape(len(found), -1)
                rows += len(found)
                for row in found:
                    documents.update(np.unique(row).tolist())
        if not counts:
            raise ValueError(f"Layer {self.name!r}: expected at least one category to adapt to. Received none.")
        for special in (self.mask_token, self.oov_token):
            counts.pop(special, None)
        learned = sorted(counts, key=lambda c: (counts[c], c), reverse=True)
        learned = learned[: None if self.max_tokens is None else self.max_tokens - len(self._special)]
        idf = np.log(1 + rows / (1 + np.array([documents[c] for c in learned], np.float64))) if self.output_mode == "tf_idf" else None
        self._set(learned, None if idf is None else weights_before(idf, len(self._special)))

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Use these categories, in this order, with or without mask and OOV tokens before them; without a weight an OOV token has the
        mean of the others. Raises ValueError for some that are there twice, too many of them, or weights that do not fit."""
        if isinstance(vocabulary, str):
            with open(vocabulary, encoding="utf-8") as file:
                vocabulary = [line.rstrip("\n") for line in file]
        own = self.categories(np.asarray(vocabulary)).tolist()
        weights, given = None if idf_weights is None else np.asarray(idf_weights, np.float64), len(own)
        if (special := self._special) and own[: len(special)] == special:
            own = own[len(special) :]
        twice = [c for c, n in collections.Counter(own).items() if n > 1]
        reserved = [t for t in (self.mask_token, self.oov_token if self.invert else None) if t is not None]
        if twice or set(reserved) & set(own):
            but = "".join(f", but for {t!r}" for t in reserved)
            raise ValueError(
                f"Layer {self.name!r}: expected every category of the vocabulary once{but} (which may stand before them as "
                f"{self._special}). Received: {(twice or own)[:5]}."
            )
        if self.max_tokens is not None and len(own) > self.max_tokens - len(special):
            raise ValueError(f"Layer {self.name!r}: expected at most {self.max_tokens - len(special)} categories. Received: {len(own)}.")
        if (self.output_mode == "tf_idf") != (weights is not None) or (weights is not None and len(weights) not in (len(own), given)):
            raise ValueError(f"Layer {self.name!r}: expected idf_weights for output_mode='tf_idf' alone, one a category.")
        self._set(own, weights if weights is None or len(weights) > len(own) else weights_before(weights, len(special)))

    def _set(self, own: list[Any], idf: np.ndarray | None) -> None:
        if self._numbers and self.inbound_nodes and own != self._own:
            raise ValueError(f"Layer {self.name!r}: it is part of a model's graph, and its vocabulary stays what it was there.")
        self._own, self._idf = own, idf
        self._numbers = {c: i + len(self._special) for i, c in enumerate(own)}

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The categories in order, with mask and OOV tokens before them."""
        return [*self._special, *self._own] if include_special_tokens else list(self._own)

    def vocabulary_size(self) -> int:
        """Categories, and the places before them."""
        return len(self._own) + len(self._special)

    def _need(self) -> None:
        if not self._numbers and not self._given:
            raise ValueError(f"Layer {self.name!r} has no vocabulary: call adapt(...) first, or give one.")

    # ------------------------------------------------------------------ lookups
    def at_once(self, x: Any, **options: Any) -> Any:
        self._need()
        if self.invert:
            known = np.asarray(self.get_vocabulary())
            found = np.asarray(x).astype(np.int64)
            outside = (found < 0) | (found >= len(known))
            return np.where(outside, np.asarray(self.oov_token), known[np.where(outside, 0, found)])
        values, places = np.unique(categories := self.categories(x), return_inverse=True)
        found = np.array([self._numbers.get(v, -1) for v in values.tolist()], np.int64)
        missing = found < 0
        if self.num_oov_indices:
            found[missing] = self._masked + self.unknown(values[missing])
        elif (bad := [v for v in values[missing].tolist() if v != self.mask_token]):
            raise ValueError(f"Layer {self.name!r}: num_oov_indices=0, but there are categories outside of the vocabulary: {bad[:5]}.")
        if self.mask_token is not None:
            found[values == self.mask_token] = 0 if self._masked else -1
        return np.asarray(self._columns(found[places].reshape(categories.shape)))

    def numbered(self, inputs: Any) -> Any:
        self._need()
        if self.invert:
            raise ValueError(f"Layer {self.name!r}: categories are no numbers of a graph. Expected arrays for invert=True.")
        return self._columns(self.index(inputs))

    def index(self, x: Any) -> Any:
        """The numbers of symbolic categories."""
        raise NotImplementedError

    def _columns(self, indices: Any) -> Any:
        if self.output_mode == "int":
            return indices
        wide = self.max_tokens if self.pad_to_max_tokens and self.max_tokens else self.vocabulary_size()
        out = encoded(self, indices, "count" if self.output_mode == "tf_idf" else self.output_mode, wide)
        if self._idf is None:
            return out
        weights = np.concatenate([self._idf, np.zeros(wide - len(self._idf))])
        return ops.multiply(out, weights.astype(config.floatx()))

    def config(self) -> dict[str, Any]:
        own = {
            "max_tokens": self.max_tokens, "num_oov_indices": self.num_oov_indices, "mask_token": self.mask_token,
            "oov_token": self.oov_token, "invert": self.invert, "output_mode": self.output_mode,
            "pad_to_max_tokens": self.pad_to_max_tokens,
        }
        if self._numbers or self._given:
            own |= {"vocabulary": self._own}
        if self._idf is not None:
            own |= {"vocabulary": self.get_vocabulary(), "idf_weights": self._idf.tolist()}
        return own


class StringLookup(IndexLookup):
    """The numbers of texts in a vocabulary of texts. In a model it takes an ``Input(shape, dtype="string")``; see `IndexLookup`."""

    takes_words = True

    def __init__(
        self, max_tokens: int | None = None, num_oov_indices: int = 1, mask_token: str | None = None, oov_token: str = "[UNK]",
        vocabulary: Any = None, idf_weights: Any = None, invert: bool = False, output_mode: str = "int", pad_to_max_tokens: bool = False,
        sparse: bool = False, encoding: str = "utf-8", **common: Any,
    ):
        self.encoding = encoding
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode, sparse, pad_to_max_tokens,
            **common,
        )

    def categories(self, x: Any) -> np.ndarray:
        return words.texts_in(x, self.encoding)

    def unknown(self, categories: np.ndarray) -> np.ndarray:
        return bins_of_texts(categories, self.num_oov_indices)

    def index(self, x: Any) -> Any:
        if self.num_oov_indices > 1:
            raise self.wrong("num_oov_indices", "at most 1 of texts in a graph", self.num_oov_indices)
        numbers = {words.number(c): i for c, i in self._numbers.items()}
        if self.mask_token is not None:
            numbers[words.number(self.mask_token)] = 0 if self._masked else -1
        end = max(numbers, default=-1) + 1
        table = np.full(end + 1, self._masked if self.num_oov_indices else -1, config.floatx())
        table[list(numbers)] = list(numbers.values())
        return ops.take(table, ops.minimum(x, end), axis=0)

    def config(self) -> dict[str, Any]:
        return super().config() | {"encoding": self.encoding}


class IntegerLookup(IndexLookup):
    """The numbers of integers in a vocabulary of integers; see `IndexLookup`. Integers that a model's type cannot tell apart (from 2**24 on
    in float32) are refused in a graph; of arrays all are known."""

    check_rows = told_apart

    def __init__(
        self, max_tokens: int | None = None, num_oov_indices: int = 1, mask_token: int | None = None, oov_token: int = -1,
        vocabulary: Any = None, vocabulary_dtype: str = "int64", idf_weights: Any = None, invert: bool = False, output_mode: str = "int",
        sparse: bool = False, pad_to_max_tokens: bool = False, **common: Any,
    ):
        self.vocabulary_dtype = vocabulary_dtype
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode, sparse, pad_to_max_tokens,
            **common,
        )

    def categories(self, x: Any) -> np.ndarray:
        array = np.asarray(x)
        if array.dtype.kind not in "iub" and (array.dtype.kind != "f" or (array != np.floor(array)).any()):
            raise TypeError(f"Layer {self.name!r}: expected integers. Received: an array of dtype {array.dtype}.")
        return array.astype(np.int64)

    def unknown(self, categories: np.ndarray) -> np.ndarray:
        return categories % self.num_oov_indices

    def index(self, x: Any) -> Any:
        numbers = dict(self._numbers)
        if self.mask_token is not None:
            numbers[self.mask_token] = 0 if self._masked else -1
        known, places = np.array(sorted(numbers)), np.array([numbers[c] for c in sorted(numbers)])
        if len(bad := known[np.abs(known) >= (most := most_exact(config.floatx()))]):
            raise self.wrong("vocabulary", f"of integers below {most} in a graph, which computes in {config.floatx()}", bad[:5].tolist())
        hit = ops.cast(ops.equal(ops.expand_dims(x, -1), known.astype(config.floatx())), config.floatx())
        found = ops.sum(ops.multiply(hit, (places + 1).astype(config.floatx())), axis=-1)  # 0 where there is none
        there = ops.sum(hit, axis=-1)
        oov = ops.add(ops.mod(x, self.num_oov_indices), self._masked) if self.num_oov_indices else -1.0
        return ops.where(ops.equal(there, 0), oov, ops.subtract(found, 1))

    def config(self) -> dict[str, Any]:
        return super().config() | {"vocabulary_dtype": self.vocabulary_dtype}


def weights_before(weights: np.ndarray, places: int) -> np.ndarray:
    """The `tf_idf` weights of categories, and before them their mean at the places of what is not in the vocabulary."""
    return np.concatenate([np.full(places, weights.mean() if len(weights) else 0.0), weights])


def _batches(data: Any) -> Iterable[Any]:
    """Batches of categories: an array or a list of them is one."""
    return [data] if _is_one(data) else data


def _is_one(data: Any) -> bool:
    return isinstance(data, (list, tuple, np.ndarray)) or hasattr(data, "dtype")


__all__ = ["IndexLookup", "IntegerLookup", "StringLookup"]
