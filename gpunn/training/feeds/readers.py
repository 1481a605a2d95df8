"""Threads that read a file piece by piece and keep what is wanted of it; see `sweep`."""

import math
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gpunn.training.feeds.direct import PAGE, DirectFile, memory
from gpunn.training.feeds.sifting import Order, sift, within

PIECE = 32 << 20  # bytes that are read at a time, at most: what readers and steps lose by one another is lost once a piece
PARTS = 16  # of the memory for rows to come: pieces are no larger than one
READERS = 2  # each takes its part of a piece
LEAD = 1 / 16  # of a sweep: how far the readers may be ahead of the steps
SPREAD = 4  # standard deviations that the number of kept rows may be above its mean
Following = Callable[[], np.ndarray]


class _Visit(NamedTuple):
    """What a reader is to do: bring rows that begin in a piece, `parts`: (their order, rows), to free slots from `at` on. After that all
    rows of the piece before place `high` are in memory."""

    piece: int
    high: int
    parts: list[tuple[Order, np.ndarray]]
    at: int = 0


class Readers:
    """What the threads and that of the steps share. Row i is the `width` bytes at ``start + i * stride``; `size`: rows of the store that
    may be filled; `lent`: how many of these are with the steps at most."""

    def __init__(self, path: str, start: int, stride: int, width: int, rows: int, store: np.ndarray, size: int, lent: int):
        self.start, self.stride, self.width, self.rows, self.store = start, stride, width, rows, store
        self.file = DirectFile(path)
        self.begin = start - start % PAGE
        self.piece = piece_bytes(size * width)
        self.pieces = (start + (rows - 1) * stride - self.begin) // self.piece + 1
        self.free, self.first, self.left = np.arange(size, dtype=np.int32), 0, size  # a ring: its first entry, and how many there are
        self.sweep = rows_a_sweep(size - lent, self.pieces, rows)
        self.slots = np.empty(self.sweep + int(2 * LEAD * self.sweep) + 2 + lent, np.int32)  # of places, a ring
        self.change = threading.Condition()
        self.orders: deque[Order] = deque()  # the first is being used up
        self.end = 0  # of the last order that is known
        self.following: Following | None = None
        self.freed = self.taken = self.ready = 0  # places: rows before them are used up, with the steps, in memory
        self.reach = np.zeros(self.pieces, np.int64)  # of each piece: its rows before this place are or were in memory
        self.visits = 0  # of pieces, one after another
        self.visit: _Visit | None = None  # the one that readers are at
        self.found: _Visit | None = None  # the next one, if it waits for memory
        self.meet = threading.Barrier(READERS)
        self.busy, self.readers = False, READERS
        self.stopped = False
        self.error: BaseException | None = None

    # ------------------------------------------------------------------ readers
    def read(self, number: int) -> None:
        """A reader's life."""
        try:
            buffer = memory(self.piece // READERS + 2 * PAGE + -(-self.width // PAGE) * PAGE)
            while self._turn(number, buffer):
                pass
        except threading.BrokenBarrierError:  # another one has failed
            pass
        except BaseException as error:
            self._fail(error)
            self.meet.abort()
        finally:
            with self.change:
                self.readers -= 1
                if not self.readers:
                    self.file.close()

    def _turn(self, number: int, buffer: np.ndarray) -> bool:
        """A reader's part of a visit. -> whether there was one.

        Readers sort at the same time, each on a core: a step's threads wait for one another, and would all wait for a core that sorts."""
        if number == 0:
            self.visit = self._choose()
        self.meet.wait()
        visit = self.visit
        if visit is None:
            return False
        size = self.piece // READERS
        begin = self.begin + visit.piece * self.piece + number * size
        lo, hi = self._rows_between(begin, begin + size)
        mine, at = [], visit.at
        for order, rows in visit.parts:
            first, end = np.searchsorted(rows, (lo, hi)).tolist()
            if first < end:
                mine.append((order, rows[first:end], (at + first) % len(self.free)))
            at += len(rows)
        if mine:
            last = max(int(rows[-1]) for _, rows, _ in mine)
            self.file.read(buffer, begin, self.start + last * self.stride + self.width)
        self.meet.wait()
        for order, rows, at in mine:
            sift(buffer, self.start - begin, self.stride, order, rows, self.free, at, self.store, self.slots)
        self.meet.wait()
        if number == 0:
            with self.change:
                self._reached(visit)
        return True

    def _rows_between(self, begin: int, end: int) -> tuple[int, int]:
        """The rows that begin in a range of bytes: from, to."""
        lo, hi = (min(max(0, -(-(at - self.start) // self.stride)), self.rows) for at in (begin, end))
        return lo, hi

    def _reached(self, visit: _Visit) -> None:
        self.reach[visit.piece] = visit.high
        self.ready = int(self.reach.min())
        self.change.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self.change:
            self.error = error
            self.change.notify_all()

    def _choose(self) -> _Visit | None:
        """What to read next; None at the end."""
        with self.change:
            while not self.stopped and self.error is None:
                self._prepare()
                if (visit := self._next()) is not None:
                    return visit
                if not self.stopped:
                    self.change.wait()
        return None

    def _aim(self) -> int:
        """The place before which the next piece has its rows in memory after a visit: a sweep behind where its rows end now."""
        return (self.visits + 1) * self.sweep // self.pieces

    def _next(self) -> _Visit | None:
        """The next visit, if there is memory for it."""
        while True:
            piece, high = self.visits % self.pieces, self._aim()
            if high > self.end and (self.busy or self.following is not None):
                return None  # until the order that follows is made
            low, most = int(self.reach[piece]), min(self.end, self.freed + len(self.slots))
            idle = self.taken == self.ready  # steps wait for this one
            if (high > most and not idle) or self.ready == self.end:
                return None
            high = max(low, min(high, most))
            if self.found is None or self.found.high != high:
                self.found = self._find(piece, low, high)
            visit, count = self.found, sum(len(rows) for _, rows in self.found.parts)
            if count > self.left:
                if idle:  # an order that is not like a random one
                    self.stop()
                return None
            self.found = None
            self.visits += 1
            at, self.first, self.left = self.first, (self.first + count) % len(self.free), self.left - count
            if count:
                return visit._replace(at=at)
            self._reached(visit)

    def _find(self, piece: int, low: int, high: int) -> _Visit:
        """The visit that brings the rows of a piece from place `low` to `high`."""
        begin, parts = self.begin + piece * self.piece, []
        lo, hi = self._rows_between(begin, begin + self.piece)
        for order in self.orders:
            first, end = max(low, order.base), min(high, order.end)
            if first < end and len(rows := within(order, lo, hi, first, end - first)):
                parts.append((order, rows))
        return _Visit(piece, high, parts)

    def _prepare(self) -> None:
        """Have the order that follows made, a sweep before it is needed."""
        if not self.busy and self.following is not None and self._aim() + self.sweep > self.end:
            self.busy = True
            threading.Thread(target=self._make, args=(self.following,), daemon=True, name="gpunn order").start()

    def _make(self, following: Following) -> None:
        try:
            order = Order(following(), self.end)
        except BaseException as error:
            self._fail(error)
            return
        with self.change:
            self.busy, self.following = False, None
            self.orders.append(order)
            self.end = order.end
            self.change.notify_all()

    def stop(self) -> None:
        with self.change:
            self.stopped = True
            self.change.notify_all()

    # ------------------------------------------------------------------ the steps' thread
    def wait(self) -> int:
        """How many rows from the place `taken` on are in memory: waits for one. 0 if there will be none."""
        with self.change:
            while self.error is None and not self.stopped and self.ready == self.taken:
                if self.taken == self.end and self.following is None and not self.busy:
                    return 0
                self.change.notify_all()  # readers have more to do for steps that wait
                self.change.wait()
            if self.error is not None:
                raise self.error
            return 0 if self.stopped else self.ready - self.taken

    def take(self, numbers: np.ndarray, out: np.ndarray) -> bool:
        """The slots of the next rows, if they are these."""
        done = 0
        while done < len(numbers):
            if not (ready := self.wait()):
                return False
            order, at = self.orders[0], self.taken % len(self.slots)
            n, behind = min(len(numbers) - done, ready, order.end - self.taken, len(self.slots) - at), self.taken - order.base
            if not np.array_equal(order.rows[behind : behind + n], numbers[done : done + n]):
                return False
            out[done : done + n] = self.slots[at : at + n]
            with self.change:
                self.taken += n
                if self.taken == order.end:
                    self.orders.popleft()
            done += n
        return True

    def release(self, count: int) -> None:
        """The first so many rows that were taken are used up."""
        with self.change:
            while count:
                at, to = self.freed % len(self.slots), (self.first + self.left) % len(self.free)
                n = min(count, len(self.slots) - at, len(self.free) - to)
                self.free[to : to + n] = self.slots[at : at + n]
                self.left, self.freed, count = self.left + n, self.freed + n, count - n
            self.change.notify_all()


def piece_bytes(room: int) -> int:
    """Of a piece, where so many bytes hold rows to come: as many pages for each reader."""
    unit = READERS * PAGE
    return max(unit, min(PIECE, room // PARTS) // unit * unit)


def rows_a_sweep(size: int, pieces: int, rows: int) -> int:
    """How many rows of the order are used up in a sweep over a file of `pieces`, where memory holds `size` of its `rows`.

    With everything used up that can be, a piece that passed i pieces ago has 1 - i / pieces of a sweep in memory, half of one on average; a
    piece more comes in before the next steps. As little beyond a whole pass may be asked for as the readers are ahead."""
    mean = (pieces + 1) / (2 * pieces) + LEAD
    return max(1, min(int((size - SPREAD * math.sqrt(size)) / mean), int(rows / (1 + 2 * LEAD)) - 2))
