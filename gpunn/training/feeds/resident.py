"""All of a data set on the device: the fast path. An epoch is one write of its order."""

import copy
from typing import Any

import numpy as np

from gpunn.training.data import Rows, present
from gpunn.training.feeds.base import Feed, Handout, grouped, ordered_fast, shuffled
from gpunn.training.feeds.sources import Source

BLOCK = 32 << 20  # bytes of a file that are in host memory at a time, on their way to the device


class Resident(Feed):
    """Rows that live on the device, as uint8 if they came so."""

    complete = True

    def __init__(self, ops: Any, rows: Rows, batch: int):
        self.ops, self.rows = ops, len(rows)
        self.resize(batch)
        self.take_arrays(rows, [upload(ops, a) if isinstance(a, Source) else ops.asarray(a) for a in rows.arrays])
        self.order = ops.asarray(np.arange(self.rows, dtype=np.int32))
        self.position = ops.zeros((1,), "int64")
        self._take_labels(rows)

    def _take_labels(self, rows: Rows) -> None:
        with self.ops.here():
            self._labels = rows.labels
            self._classes = 0 if self._labels is None else int(self._labels.max()) + 1

    @property
    def _compiled(self) -> bool:
        return getattr(self.ops, "compiled", False)

    def resize(self, batch: int) -> None:
        self.batch = min(batch, self.rows)
        self.whole, self.rest = divmod(self.rows, self.batch)
        self.count = self.whole + bool(self.rest)

    def twin(self) -> "Resident":
        """The same rows in an order, and at a position, of its own."""
        other = copy.copy(self)
        other.order, other.position = self.ops.asarray(np.arange(self.rows, dtype=np.int32)), self.ops.zeros((1,), "int64")
        return other

    @property
    def ordered_on_host(self) -> bool:
        """Whether `order_of` asks the device for nothing."""
        return self._labels is None or isinstance(self._labels, np.ndarray)

    def order_of(self, seed: int, epoch: int, shuffle: Any) -> Any:
        """The order of an epoch's rows."""
        if self._compiled and shuffle != "batch":
            return ordered_fast(self.rows, self.batch, seed, epoch, self._labels, self._classes)
        order = shuffled(self.rows, self.batch, seed, epoch, shuffle)
        if self._labels is None:
            return order
        there = order if isinstance(self._labels, np.ndarray) else self.ops.asarray(order)
        with self.ops.here():
            return grouped(there, self._labels, self.batch, self._classes)

    def begin(self, seed: int, epoch: int, shuffle: Any) -> None:
        if shuffle:
            self.ops.write(self.order, self.order_of(seed, epoch, shuffle))

    def pieces(self, first: int, steps: int | None) -> Handout:
        self.ops.write(self.position, first * self.batch)
        steps = self.count - first if steps is None else steps
        whole = max(0, min(steps, self.whole - first))
        if whole:
            yield self.batch, whole
        if self.rest and first <= self.whole < first + steps:
            yield self.rest, 1

    def refill(self, rows: Rows) -> None:
        """Other rows of the same shapes in place of these."""
        for mine, theirs in zip((*self.xs, *self.targets, *present(self.row_weights)), rows.arrays, strict=True):
            self.ops.write(mine, theirs)
        self.ops.write(self.position, 0)
        self._take_labels(rows)


def upload(ops: Any, source: Source) -> Any:
    """A file's rows on the device, a block in host memory at a time. Raises ValueError for a row that is not finite."""
    out = ops.empty(source.shape, source.dtype)
    step = max(1, BLOCK // max(1, source.row_bytes))
    for start in range(0, len(source), step):
        block = source.block(slice(start, min(start + step, len(source))))
        ops.write(out[start : start + step], block)
    return out
