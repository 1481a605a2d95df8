"""Hashing and HashedCrossing: categories without a vocabulary, by a hash that is the same in every process."""

import hashlib
from typing import Any

import numpy as np

from gpunn import ops
from gpunn.layers.base import positive
from gpunn.layers.category_encoding import MODES, Numbering, encoded, told_apart
from gpunn.layers.graph import symbolic
from gpunn.layers.input import InputLayer, of_texts
from gpunn.layers.words import are_texts, texts_in

MOST, FACTOR = 8191, 2003  # primes: times `FACTOR`, numbers below `MOST` are exact in float32
BINS = 1 << 20  # at most


def bins_of_texts(texts: Any, bins: int, salt: Any = None) -> np.ndarray:
    """A number from 0 to bins - 1 for each text."""
    key = b"" if salt is None else repr(salt).encode()
    words, places = np.unique(texts_in(texts), return_inverse=True)
    each = [int.from_bytes(hashlib.blake2b(w.encode(), digest_size=8, key=key).digest(), "little") % bins for w in words.tolist()]
    return np.array(each, np.int64)[places].reshape(np.shape(texts))


def bins_of_integers(x: Any, bins: int, start: Any = 0) -> Any:
    """The same for integers, after what was hashed before: in arithmetic that is exact in float32, up to 2^24."""
    low = ops.mod(x, MOST)
    high = ops.mod(ops.floor_divide(ops.subtract(x, low), MOST), MOST)
    mixed = ops.mod(ops.add(ops.multiply(low, FACTOR), ops.add(high, start)), MOST)
    return ops.mod(ops.add(ops.multiply(mixed, FACTOR), low), bins)


class Hashing(Numbering):
    """A number from 0 to num_bins - 1 for each category, a text or an integer, by a hash: categories may share one.

    `mask_value`: the category that gets 0, with the others from 1 on. `salt`: another hash. output_mode: "int", or columns, see
    `CategoryEncoding`. The hash is not Keras's, which puts categories into other bins. In a graph it takes texts from an Input alone.
    Raises ValueError for arguments that cannot be, TypeError for what are neither texts nor integers.
    """

    converts = True  # texts become the numbers of their bins at the model's door
    takes_integers = True  # which are hashed in the graph
    check_rows = told_apart

    def __init__(
        self, num_bins: int, mask_value: Any = None, salt: Any = None, output_mode: str = "int", sparse: bool = False, **common: Any
    ):
        super().__init__(**common)
        self.num_bins, self.mask_value, self.salt = positive("num_bins", num_bins, self.name), mask_value, salt
        if self.num_bins > BINS:
            raise self.wrong("num_bins", f"at most {BINS}", num_bins)
        self.output_mode = self.mode(output_mode, ("int", *MODES), sparse)
        self._masks = int(mask_value is not None and self.num_bins > 1)

    def __call__(self, x: Any = None, *others: Any, **options: Any) -> Any:
        if symbolic([x]) and of_texts(x):
            if not isinstance(x.node.layer, InputLayer):
                raise ValueError(f"Layer {self.name!r}: in a graph it takes texts from an Input alone. Received: {x!r}.")
            options["hashed"] = True
        return super().__call__(x, *others, **options)

    def convert(self, x: Any) -> Any:
        """Texts as the numbers of their bins; anything else as it is."""
        if not are_texts(x):
            return x
        texts = texts_in(x)
        bins = bins_of_texts(texts, self.num_bins - self._masks, self.salt) + self._masks
        return np.where(texts == str(self.mask_value), 0, bins) if self._masks else bins

    def converted_shape(self, shape: Any) -> Any:
        return shape

    def at_once(self, x: Any, **options: Any) -> Any:
        texts = are_texts(x)
        x = np.asarray(self.convert(x))
        if x.dtype.kind not in "iub":
            raise TypeError(f"Layer {self.name!r}: expected texts or integers. Received: an array of dtype {x.dtype}.")
        return np.asarray(self.numbered(x.astype(np.int64), hashed=texts))

    def numbered(self, inputs: Any, hashed: bool = False) -> Any:
        bins = inputs
        if not hashed:
            start = 0 if self.salt is None else int(bins_of_texts(repr(self.salt), MOST))
            bins = ops.add(bins_of_integers(inputs, self.num_bins - self._masks, start), self._masks)
            if self._masks:
                bins = ops.where(ops.equal(inputs, self.mask_value), 0, bins)
        return bins if self.output_mode == "int" else encoded(self, bins, self.output_mode, self.num_bins)

    def config(self) -> dict[str, Any]:
        return {"num_bins": self.num_bins, "mask_value": self.mask_value, "salt": self.salt, "output_mode": self.output_mode}


class HashedCrossing(Numbering):
    """A number from 0 to num_bins - 1 for what several categories of a row are together, by a hash: called with a list of arrays, (rows,)
    or (rows, 1), of texts or integers.

    output_mode: "int", or "one_hot" columns. The hash is not Keras's. In a graph the categories are integers (of lookups, say).
    Raises ValueError for arguments that cannot be.
    """

    check_rows = told_apart

    def __init__(self, num_bins: int, output_mode: str = "int", sparse: bool = False, **common: Any):
        super().__init__(**common)
        self.num_bins = positive("num_bins", num_bins, self.name)
        if self.num_bins > BINS:
            raise self.wrong("num_bins", f"at most {BINS}", num_bins)
        self.output_mode = self.mode(output_mode, ("int", "one_hot"), sparse)

    def at_once(self, x: Any, **options: Any) -> Any:
        given = x if isinstance(x, (list, tuple)) else [x]
        return np.asarray(self.numbered([bins_of_texts(v, MOST) if are_texts(v) else np.asarray(v) for v in given]))

    def numbered(self, inputs: Any) -> Any:
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ValueError(f"Layer {self.name!r}: expected a list of at least two inputs. Received: {inputs!r}.")
        if any(symbolic([v]) and of_texts(v) for v in inputs):
            raise ValueError(f"Layer {self.name!r}: in a graph it takes integers, as lookups give them. Received: texts.")
        bins: Any = 0
        for v in inputs[:-1]:
            bins = bins_of_integers(v, MOST, bins)
        bins = bins_of_integers(inputs[-1], self.num_bins, bins)
        return bins if self.output_mode == "int" else encoded(self, bins, self.output_mode, self.num_bins)

    def config(self) -> dict[str, Any]:
        return {"num_bins": self.num_bins, "output_mode": self.output_mode}
