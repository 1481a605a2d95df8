"""Sequences of different lengths as one array; Keras's ``preprocessing.sequence``."""

from typing import Any

import numpy as np

from gpunn.utils.batches import Sequence

__all__ = ["TimeseriesGenerator", "pad_sequences"]


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


class TimeseriesGenerator(Sequence):
    """Batches of windows of a series, by number: `length` rows of `data`, every `sampling_rate`-th of them, and the target of the row
    behind them; from every `stride`-th row on, first `start_index`, last `end_index`.

    shuffle: each batch is drawn at random; reverse: windows run backwards. Raises ValueError for targets of another number, and where no
    window is left.
    """

    def __init__(
        self, data: Any, targets: Any, length: int, sampling_rate: int = 1, stride: int = 1, start_index: int = 0,
        end_index: int | None = None, shuffle: bool = False, reverse: bool = False, batch_size: int = 128, **workers: Any,
    ):
        super().__init__(**workers)
        if len(data) != len(targets):
            raise ValueError(f"TimeseriesGenerator: expected as many targets as data, {len(data)}. Received: {len(targets)}.")
        self.data, self.targets = np.asarray(data), np.asarray(targets)
        self.length, self.sampling_rate, self.stride, self.batch_size = length, sampling_rate, stride, batch_size
        self.start_index, self.end_index = start_index + length, len(data) - 1 if end_index is None else end_index
        self.shuffle, self.reverse = shuffle, reverse
        if self.start_index > self.end_index:
            raise ValueError(
                f"TimeseriesGenerator: no window of {length} rows fits. Received: start_index={start_index}, end_index={self.end_index}."
            )

    def __len__(self) -> int:
        each = self.batch_size * self.stride
        return (self.end_index - self.start_index + each) // each

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        first = self.start_index + self.batch_size * self.stride * index
        rows = np.arange(first, min(first + self.batch_size * self.stride, self.end_index + 1), self.stride)
        if self.shuffle:
            rows = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        x = self.data[rows[:, None] + np.arange(-self.length, 0, self.sampling_rate)]
        return (x[:, ::-1] if self.reverse else x), self.targets[rows]
