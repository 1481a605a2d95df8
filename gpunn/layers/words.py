"""Words in a model's graph: a number for each, the same throughout a process. Lookups know the numbers of their vocabulary's words."""

from typing import Any

import numpy as np

_numbers: dict[str, int] = {}


def are_texts(value: Any) -> bool:
    """Whether this is an array, a column of pandas's or a list of texts."""
    if hasattr(value, "dtype") and getattr(value.dtype, "kind", "O") in "iubfc":
        return False
    array = np.asarray(value)
    return array.dtype.kind in "US" or (array.dtype.kind == "O" and array.size > 0 and isinstance(array.reshape(-1)[0], (str, bytes)))


def texts_in(value: Any, encoding: str = "utf-8") -> np.ndarray:
    """An array of str of the same shape. Raises TypeError for what are no texts."""
    array = np.asarray(value)
    if array.dtype.kind == "S":
        return np.char.decode(array, encoding)
    if array.dtype.kind == "O":
        parts = [t.decode(encoding) if isinstance(t, bytes) else t for t in array.reshape(-1)]
        if wrong := next((t for t in parts if not isinstance(t, str)), None):
            raise TypeError(f"Expected texts. Received: {wrong!r} (of type {type(wrong).__name__}).")
        return np.array(parts, dtype=str).reshape(array.shape)
    if array.dtype.kind != "U" and array.size:
        raise TypeError(f"Expected texts. Received: an array of dtype {array.dtype}.")
    return array.astype(str)


def number(word: str) -> int:
    """A word's number."""
    return _numbers.setdefault(word, len(_numbers))


def numbered(texts: Any) -> np.ndarray:
    """An array of the words' numbers. Raises TypeError for what are no texts."""
    words, places = np.unique(texts_in(texts), return_inverse=True)
    return np.array([number(w) for w in words.tolist()], np.int64)[places].reshape(np.shape(texts))
