"""Sequences of different lengths as one array; Keras's ``preprocessing.sequence``."""

from typing import Any

import numpy as np

__all__ = ["pad_sequences"]


def pad_sequences(
    sequences: Any, maxlen: int | None = None, dtype: Any = "int32", padding: str = "pre", truncating: str = "pre", value: Any = 0.0
) -> np.ndarray:
    """Sequences (of numbers, or of rows of one shape) as an array (rows, maxlen, ...): shorter ones are filled with `value` before ("pre")
    or behind ("post") them, longer ones lose their beginning or their end. maxlen None: the longest one's length.

    Raises ValueError for what is no list of sequences, elements of different shapes, words that are neither "pre" nor "post", and text
    without ``dtype=object``.
    """
    for name, word in (("padding", padding), ("truncating", truncating)):
        if word not in ("pre", "post"):
            raise ValueError(f"Argument {name}: expected 'pre' or 'post'. Received: {word!r}.")
    if not hasattr(sequences, "__len__") or isinstance(sequences, (str, bytes)) or not all(hasattr(s, "__len__") for s in sequences):
        raise ValueError(f"Argument sequences: expected a list of sequences. Received: {type(sequences).__name__}.")
    if isinstance(value, str) and np.dtype(dtype) != object and not np.issubdtype(dtype, np.str_):
        raise ValueError(f"Argument value: text needs dtype=object. Received: value={value!r}, dtype={dtype!r}.")
    length = max((len(s) for s in sequences), default=0) if maxlen is None else int(maxlen)
    shape = next((np.shape(s)[1:] for s in sequences if len(s)), ())
    out = np.full((len(sequences), length, *shape), value, dtype)
    for row, sequence in zip(out, sequences, strict=True):
        if len(sequence) == 0 or length == 0:
            continue
        kept = np.asarray(sequence[-length:] if truncating == "pre" else sequence[:length], dtype)
        if kept.shape[1:] != shape:
            raise ValueError(f"Argument sequences: expected elements of shape {shape}, as in the first one. Received: {kept.shape[1:]}.")
        row[slice(-len(kept), None) if padding == "pre" else slice(len(kept))] = kept
    return out
