"""Batches that somebody else makes, taken ahead of the steps, checked one by one, and brought to the device as they are."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import numpy as np

from gpunn.training.data import Rows, present
from gpunn.training.feeds.base import Feed, Handout, Pieces
from gpunn.training.feeds.errors import DataError
from gpunn.training.feeds.iterables import Batched, order_of
from gpunn.training.feeds.ring import Half, Ring

END = object()
MOST = 16  # shapes of rows that are looked after at a time
PATIENCE = 0.2  # seconds in which a process that has died is known to have


class GivenBatches:
    """Batches behind the door: the first one was taken and checked, nothing else has happened yet.

    ``check(item)`` gives `Rows`, or a `Loose` item, and refuses with ValueError what does not fit; ``where``: the method's name, for
    errors; ``first`` has the shapes and types of them all.
    """

    def __init__(self, source: Batched, check: Callable[[Any], Any], where: str, seed: int, epoch: int, shuffle: Any):
        self.source, self.check, self.where = source, check, where
        self.passing: Iterator[Any] | None = None
        self.begun: Any = (seed, epoch)  # by these the order of the first pass was drawn
        self.first: Any = None

        def begin() -> Any:
            self.passing = source.begin(order_of(seed, epoch, shuffle))
            return self.take(1, 1)

        first = _apart(begin) if source.beside else begin()
        if first is None:
            raise ValueError(f"Argument x of {where}: expected at least one batch. Received: {source.kind} without any.")
        self.first = first
        self.waiting: Any = first

    @property
    def row_shape(self) -> Any:
        return self.first.row_shape

    def steps(self, batch: int) -> int | None:
        """Batches in a pass, where somebody knows. Raises ValueError for a pass without end."""
        if self.source.endless:
            raise ValueError(f"Argument x of {self.where}: {self.source.kind} without end needs a number of steps. Received: None.")
        return self.source.count

    def take(self, number: int, epoch: int) -> Any:
        """The next batch, checked; None at the end of the pass. Raises DataError when it cannot be made, ValueError when it does not fit,
        naming it in both cases."""
        name = f"Argument x of {self.where}: batch {number} of epoch {epoch} from {self.source.kind}"
        try:
            item = END if self.passing is None else next(self.passing, END)
        except Exception as error:
            dead = _dead_workers(self.passing)
            self.leave(broken=True)
            raise DataError(f"{name} could not be made. {dead}{type(error).__name__}: {error}") from error
        if item is END:
            self.leave()
            return None
        try:
            rows = self.check(item)
            if self.first is not None:
                _alike(self.first, rows)
            return rows
        except ValueError as error:
            raise ValueError(f"{name} does not fit. {error}") from error


    def leave(self, broken: bool = False) -> None:
        """This pass is over."""
        passing, self.passing = self.passing, None
        ends = getattr(passing, "_shutdown_workers", None)  # PyTorch watches its workers until they are told to go
        stay = getattr(passing, "_persistent_workers", False)  # for the next pass, which is by the same iterator
        if ends is not None and (broken or not stay):
            ends()
            if stay:
                self.source.given._iterator = None  # or the loader would go on with workers that are gone


def _dead_workers(passing: Any) -> str:
    """In words, which processes of a PyTorch loader have died: what the loader itself raises may only be that nobody answers."""
    dead = []
    for worker in getattr(passing, "_workers", ()):
        worker.join(PATIENCE)
        if worker.exitcode:
            dead.append(f"worker process {worker.pid} has ended with exit code {worker.exitcode}")
    return f"The loader's {' and '.join(dead)}. " if dead else ""


def _apart(call: Callable[[], Any]) -> Any:
    """The result of a call in a thread of its own. PyTorch answers the death of a loader's worker, where the loader was begun by the main
    thread, with an exception anywhere in that thread; otherwise with one where the batch is asked for."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


def _alike(first: Any, rows: Any) -> None:
    """Raises ValueError for a batch that cannot go where the first one went."""
    if type(rows) is not type(first):
        raise ValueError("Expected parts of one number of rows in all batches, or in none.")
    if not isinstance(rows, Rows):
        return
    if [a.ndim for a in (*rows.xs, *rows.targets)] != [a.ndim for a in (*first.xs, *first.targets)]:
        targets, wanted = ([t.shape[1:] for t in r.targets] for r in (rows, first))
        shapes = f"{first.row_shape} and targets of {wanted}"
        raise ValueError(f"Expected rows of shape {shapes}, as in the first batch. Received: {rows.row_shape} and {targets}.")
    for a, b in zip(first.xs, rows.xs, strict=True):
        if a.dtype == np.uint8 != b.dtype:
            raise ValueError(f"Expected rows of type uint8, as in the first batch. Received: {b.dtype}.")
    if [w is None for w in rows.row_weights] != [w is None for w in first.row_weights]:
        want, found = ("with" if present(r.row_weights) else "without" for r in (first, rows))
        raise ValueError(f"Expected a batch {want} sample weights, as the first one. Received: one {found} them.")


def _form(rows: Rows) -> Any:
    return tuple(a.shape[1:] for a in rows.arrays)


class _Unfit(Exception):
    """A batch is larger than half of the ring, or its rows are of other shapes."""

    def __init__(self, rows: Rows):
        self.rows = rows


class Batches(Feed):
    """Takes batches into the halves of a ring, several of one size at a time. Rows of each shape, as sequences of each length, have a ring
    of their own, `MOST` of them at a time."""

    def __init__(self, ops: Any, given: GivenBatches):
        self.ops, self.given = ops, given
        self.batch = len(given.first)
        self._epoch = self._number = 0
        self._left: int | None = None
        self._failed: Exception | None = None
        self._order: Callable[[int], Any] = range
        self._rings: dict[Any, Ring] = {}
        self._use_ring(given.first)

    def _use_ring(self, like: Any) -> None:
        """The ring of rows of these shapes, large enough for as many."""
        form, ahead = _form(like), self.given.source.ahead // 2 if self.given.source.beside else 1
        found = self._rings.pop(form, None)
        if found is None or found.rows < len(like):
            each = max(1, min(ahead, self.ops.block // max(1, len(like) * (like.nbytes // len(like)))))
            found = Ring(self.ops, len(like) * each, like.arrays)
        self._rings[form] = self.ring = found
        if len(self._rings) > MOST:
            self._rings.pop(next(iter(self._rings)))
        self._of = form
        self.take_arrays(like, self.ring.arrays)
        self.order, self.position = self.ring.order, self.ring.position

    def begin(self, seed: int, epoch: int, shuffle: Any) -> None:
        self._epoch, self._number, self._failed = self._epoch + 1, 0, None
        self._order = order_of(seed, epoch, shuffle)
        given, self.given.begun, begun = self.given, None, self.given.begun
        if shuffle and begun not in (None, (seed, epoch)) and given.source.passes:  # a backup was put back, of another epoch
            given.leave()
            given.waiting = None

    def pieces(self, first: int, steps: int | None) -> Handout:
        self._left = None if steps is None else first + steps
        for _ in range(first):
            self._number += self._next() is not None
            self._left = None if self._left is None else self._left - 1
        while True:
            try:
                with closing(self.ring.stream(self._fill, self.given.source.beside)) as halves:
                    yield from halves
                break
            except _Unfit as found:
                self.ops.synchronize()  # steps still read the ring that goes
                self._use_ring(found.rows)
        self.given.source.epoch_ends()

    def _fill(self, half: Half) -> Pieces:
        size = at = steps = 0
        if self._failed is not None:
            raise self._failed
        while True:
            try:
                rows = self._next()
            except Exception as error:
                if not steps:
                    raise
                self._failed = error  # after the batches before it
                break
            if rows is None:
                break
            other = _form(rows) != self._of
            if steps == 0 and (other or len(rows) > half.rows):
                self.given.waiting = rows
                raise _Unfit(rows)
            if other or (steps and len(rows) != size) or at + len(rows) > half.rows:
                self.given.waiting = rows
                break
            size = len(rows)
            for mine, theirs in zip(half.arrays, rows.arrays, strict=True):
                mine[at : at + size] = theirs
            at, steps = at + size, steps + 1
            self._number += 1
            self._left = None if self._left is None else self._left - 1
        return [(size, steps)] * bool(steps)

    def _next(self) -> Any:
        """The next batch of this epoch; None when it has all it asked for, or when a pass ends that was to be taken whole."""
        if self._left == 0:
            return None
        if self.given.waiting is not None:
            waiting, self.given.waiting = self.given.waiting, None
            return waiting
        number, source = self._number + 1, self.given.source
        begun = False
        if self.given.passing is None and source.passes and (number == 1 or self._left is not None):
            self.given.passing, begun = source.begin(self._order), True
        rows = self.given.take(number, self._epoch)
        if rows is None and source.passes and self._left is not None and not begun:
            self.given.passing = source.begin(self._order)
            rows = self.given.take(number, self._epoch)
        if rows is None and (number == 1 or self._left is not None):
            wanted = "" if self._left is None else f"; {self._number + self._left} batches were asked for"
            again = "" if source.passes else " It is used up once: ask for no more steps in all epochs than it has batches."
            raise DataError(
                f"Argument x of {self.given.where}: {source.kind} ended before batch {number} of epoch {self._epoch}{wanted}.{again}"
            )
        return rows
