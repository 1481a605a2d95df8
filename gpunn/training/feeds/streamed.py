"""Rows that stay in a file, or in memory of the host, and come to the device block by block, in the very order of a resident data set."""

import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from gpunn.training.data import Rows, present
from gpunn.training.feeds.base import Feed, Handout, Pieces, grouped, shuffled
from gpunn.training.feeds.ring import Half, Ring
from gpunn.training.feeds.sources import ArraySource, Source, take

PLACES = np.empty(0, np.int32)  # what numbers of rows are like
GRAPH = 16  # steps that a device runs at once: blocks hold a multiple of them where they hold as many


class Orders:
    """Orders of epochs by their number, each drawn once; may be asked by several threads. ``what``: (rows a batch, seed, shuffle)."""

    def __init__(self, rows: int, labels: Any, what: tuple[int, int, Any]):
        self._rows, self._labels, self.what = rows, labels, what
        self._lock, self._drawn = threading.Lock(), dict[int, np.ndarray]()

    def of(self, epoch: int) -> np.ndarray:
        with self._lock:
            if epoch not in self._drawn:
                batch, seed, shuffle = self.what
                order = shuffled(self._rows, batch, seed, epoch, shuffle)
                order = order if self._labels is None else grouped(order, self._labels, batch)
                self._drawn = {k: v for k, v in self._drawn.items() if k == epoch - 1} | {epoch: order}
            return self._drawn[epoch]


class Streamed(Feed):
    """Rows gathered block by block by a thread beside the steps; see `ring`."""

    def __init__(self, ops: Any, rows: Rows, batch: int):
        self.ops, self.rows = ops, len(rows)
        self._given, self._row_bytes = rows, rows.nbytes // self.rows
        self._xs = [x if isinstance(x, Source) else ArraySource(x, x.dtype) for x in rows.xs]
        self._later, self._makes = rows.later, rows.makes
        self._targets = [_on_host(ops, t) for t in rows.targets]
        self._weights = [_on_host(ops, w) for w in present(rows.row_weights)]
        with ops.here():
            labels = rows.labels
        self._labels = None if labels is None else _on_host(ops, labels)
        self._order: np.ndarray | None = None
        self._orders: Orders | None = None
        self._by_batches = False
        self.resize(batch)

    def resize(self, batch: int) -> None:
        self.batch = min(batch, self.rows)
        self.whole, self.rest = divmod(self.rows, self.batch)
        self.count = self.whole + bool(self.rest)
        self.per = min(max(1, self.ops.block // max(1, self.batch * self._row_bytes)), -(-self.count // 2))
        if self.per > GRAPH:
            self.per -= self.per % GRAPH
        self._make_ring([None] * len(self._xs))

    def _make_ring(self, stores: list[Any]) -> None:
        """`stores`: of inputs that are gathered from where they were read to, by numbers of their rows there; or None."""
        self._stores = stores
        self.ops.synchronize()  # steps may still read the ring that goes
        xs = [x if store is None else PLACES for x, store in zip(self._xs, stores, strict=True)]
        self.ring = Ring(self.ops, self.per * self.batch, [*xs, *self._targets, *self._weights])
        self.take_arrays(self._given, self.ring.arrays)
        self.order, self.position = self.ring.order, self.ring.position
        self.orders = {i: self.xs[i] for i, store in enumerate(stores) if store is not None}
        self.xs = [x if store is None else store for x, store in zip(self.xs, stores, strict=True)]

    def begin(self, seed: int, epoch: int, shuffle: Any) -> None:
        self._order, self._by_batches = None, shuffle == "batch"
        if shuffle:
            drawn = self._orders
            if drawn is None or drawn.what != (self.batch, seed, shuffle):
                self._orders = drawn = Orders(self.rows, self._labels, (self.batch, seed, shuffle))
            self._order = drawn.of(epoch)
            scattered, after = (None, None) if self._by_batches else (self._order, partial(drawn.of, epoch + 1))
            for x in self._xs:
                x.expect(scattered, after, len(self._xs))
        places = self.ring.direct and self._order is not None and not self._by_batches
        stores = [x.store(2 * self.ring.rows) if places else None for x in self._xs]
        if not all(_same(a, b) for a, b in zip(stores, self._stores, strict=True)):
            self._make_ring(stores)

    def pieces(self, first: int, steps: int | None) -> Handout:
        end = self.count if steps is None else min(self.count, first + steps)
        blocks, running = iter(self._blocks(first, end)), 0  # halves that steps may read

        def fill(half: Half) -> Pieces:
            nonlocal running
            for x, store in zip(self._xs, self._stores, strict=True):
                if store is not None:
                    x.release(running)
            running = 1
            block = next(blocks, None)
            if block is None:
                return []
            begin, pieces = block
            self._read(half, begin, begin + sum(r * n for r, n in pieces))
            return pieces

        return self.ring.stream(fill)

    def _blocks(self, first: int, end: int) -> Iterator[tuple[int, Pieces]]:
        """(first row, pieces) of each half."""
        for number in range(first, min(end, self.whole), self.per):
            yield number * self.batch, [(self.batch, min(self.per, min(end, self.whole) - number))]
        if first <= self.whole < end:
            yield self.whole * self.batch, [(self.rest, 1)]

    def _read(self, half: Half, begin: int, end: int) -> None:
        rows: Any = slice(begin, end) if self._order is None else self._order[begin:end]
        size = end - begin
        xs, others = half.arrays[: len(self._xs)], half.arrays[len(self._xs) :]
        for source, x, store in zip(self._xs, xs, self._stores, strict=True):
            if store is None:
                self._from(source, rows, x[:size])
            else:
                source.place(rows, x[:size], len(store) - (2 - half.number) * self.ring.rows)
        targets, weights = others[: len(self._targets)], others[len(self._targets) :]
        if self._later is None:
            for t, array in zip(self._targets, targets, strict=True):
                take(t, rows, array[:size])
        else:
            y = np.empty((size, *self._later.shape[1:]), self._later.dtype)
            self._from(self._later, rows, y)
            for values, array in zip(self._makes.again(y), targets, strict=True):
                array[:size] = values
        for w, array in zip(self._weights, weights, strict=True):
            take(w, rows, array[:size])

    def _from(self, source: Source, rows: Any, out: np.ndarray) -> None:
        step = self.batch if self._by_batches else len(out)  # a batch's rows are neighbours
        for at in range(0, len(out), step):
            source.read(rows[at : at + step] if isinstance(rows, np.ndarray) else rows, out[at : at + step])

def _same(a: Any, b: Any) -> bool:
    """Whether two stores, or None, are the same memory."""
    return a is b or (a is not None and b is not None and a.ctypes.data == b.ctypes.data and a.shape == b.shape)


def _on_host(ops: Any, array: Any) -> np.ndarray:
    return array if isinstance(array, np.ndarray) else ops.to_numpy(array)
