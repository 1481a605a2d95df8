"""Rows of a file that memory cannot hold, in an order that is known ahead.

A disk gives whole pieces many times as fast as it gives single rows. So the file is read piece by piece, from its beginning to its end and
over again, while steps use up the order. A row that passes is kept if its turn comes before it passes again. Just after it passed, a piece
has rows in memory for a whole sweep, just before it passes again, none: memory for M rows serves sweeps of nearly 2 M rows of the order,
and a row of a file of N costs the reading of N / 2 M rows. The next epoch's order goes on where this one ends. Pieces go past the
system's cache, which could keep none of them until the next sweep.
"""

import math
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gpunn.training.feeds.direct import PAGE, DirectFile, memory
from gpunn.training.feeds.sifting import Order, gather, sift, within

PIECE = 8 << 20  # bytes that are read at a time: the system makes many requests of one, and a disk has them all at once
READERS = 2  # one reads while the other sorts; more would be in the way of the steps
SHARE = 0.5  # of the free memory may hold rows to come
LEAD = 1 / 16  # of a sweep: how far the readers may be ahead of the steps
SPREAD = 4  # standard deviations that the number of kept rows may be above its mean
LENT = 1 / 16  # of the rows in memory may be with the steps
PART = 4096  # rows that are copied at a time
SEEK = 16 << 10  # bytes that a disk reads on in the time that another request takes
Following = Callable[[], np.ndarray]


class _Visit(NamedTuple):
    """What a reader is to do: bring rows that begin in a piece, `parts`: (their order, rows), to free slots from `at` on. After that all
    rows of the piece before place `high` are in memory."""

    piece: int
    high: int
    parts: list[tuple[Order, np.ndarray]]
    at: int = 0


class _State:
    """What the readers and the steps' thread share. Row i is the `width` bytes at ``start + i * stride``; `size`: rows of the store that
    may be filled; `lent`: how many of these are with the steps at most."""

    def __init__(self, path: str, start: int, stride: int, width: int, rows: int, store: np.ndarray, size: int, lent: int):
        self.start, self.stride, self.width, self.rows, self.store = start, stride, width, rows, store
        self.file = DirectFile(path)
        self.begin = start - start % PAGE
        self.pieces = (start + (rows - 1) * stride - self.begin) // PIECE + 1
        self.free, self.first, self.left = np.arange(size, dtype=np.int32), 0, size  # a ring: its first entry, and how many there are
        self.sweep = rows_a_sweep(size - lent, self.pieces, rows)
        self.slots = np.empty(self.sweep + int(2 * LEAD * self.sweep) + 2 + lent, np.int32)  # of places, a ring
        self.change = threading.Condition()
        self.orders: deque[Order] = deque()  # the first is being used up
        self.end = 0  # of the last order that is known
        self.following: Following | None = None
        self.freed = self.taken = self.ready = 0  # places: rows before them are used up, with the steps, in memory
        self.asked, self.reach = (np.zeros(self.pieces, np.int64) for _ in (0, 1))  # the same of each piece's rows: are being read, are in
        self.visits = self.flights = 0  # of pieces, one after another; how many are being read
        self.found: _Visit | None = None  # the next one, if it waits for memory
        self.busy, self.readers = False, 0
        self.stopped = False
        self.error: BaseException | None = None

    # ------------------------------------------------------------------ readers
    def read(self) -> None:
        """A reader's life."""
        buffer = memory(PIECE + 2 * PAGE + -(-self.width // PAGE) * PAGE)
        try:
            while (visit := self._visit()) is not None:
                begin, at = self.begin + visit.piece * PIECE, visit.at
                last = max(int(rows[-1]) for _, rows in visit.parts)
                self.file.read(buffer, begin, self.start + last * self.stride + self.width)
                for order, rows in visit.parts:
                    sift(buffer, self.start - begin, self.stride, order, rows, self.free, at, self.store, self.slots)
                    at = (at + len(rows)) % len(self.free)
                with self.change:
                    self.flights -= 1
                    self._reached(visit.piece, visit.high)
        except BaseException as error:
            with self.change:
                self.error = error
                self.change.notify_all()
        finally:
            with self.change:
                self.readers -= 1
                if not self.readers:
                    self.file.close()

    def _reached(self, piece: int, high: int) -> None:
        self.reach[piece] = high
        self.ready = int(self.reach.min())
        self.change.notify_all()

    def _visit(self) -> _Visit | None:
        """What to read next; None at the end."""
        with self.change:
            while not self.stopped and self.error is None:
                if not self._prepare():
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
            low, most = int(self.asked[piece]), min(self.end, self.freed + len(self.slots))
            idle = self.taken == self.ready and not self.flights  # steps wait for this one
            if self.reach[piece] != low or (high > most and not idle) or self.ready == self.end:
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
            self.asked[piece] = high
            at, self.first, self.left = self.first, (self.first + count) % len(self.free), self.left - count
            if count:
                self.flights += 1
                return visit._replace(at=at)
            self._reached(piece, high)

    def _find(self, piece: int, low: int, high: int) -> _Visit:
        """The visit that brings the rows of a piece from place `low` to `high`."""
        begin, parts = self.begin + piece * PIECE, []
        lo, hi = (min(max(0, -(-(at - self.start) // self.stride)), self.rows) for at in (begin, begin + PIECE))
        for order in self.orders:
            first, end = max(low, order.base), min(high, order.end)
            if first < end and len(rows := within(order, lo, hi, first, end - first)):
                parts.append((order, rows))
        return _Visit(piece, high, parts)

    def _prepare(self) -> bool:
        """Make the order that follows, without the lock, a sweep before it is needed. -> whether it was made."""
        following = self.following
        if self.busy or following is None or self._aim() + self.sweep <= self.end:
            return False
        self.busy = True
        self.change.release()
        try:
            order = Order(following(), self.end)
        finally:
            self.change.acquire()
            self.busy = False
        self.following = None
        self.orders.append(order)
        self.end = order.end
        self.change.notify_all()
        return True

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


class Sweep:
    """Reads rows of a file in the order given to `expect`. Stops when nobody holds it any more."""

    def __init__(self, path: str, start: int, stride: int, width: int, rows: int, room: int):
        self._made = path, start, stride, width, rows
        self._width, self._size = width, min(rows, room // width)
        self._part = max(1, min(PART, int(LENT * self._size)))
        self._store: np.ndarray | None = None
        self._state: _State | None = None
        self._readers: list[threading.Thread] = []
        self._lent: deque[int] = deque()
        self._end: Any = None
        self._order: np.ndarray | None = None
        self._following: Following | None = None

    def expect(self, order: np.ndarray, following: Following | None) -> None:
        """The order of all reads until the next call, and what gives the one after it, perhaps from another thread."""
        state, self._order, self._following = self._state, order, following
        if state is not None:
            with state.change:
                while state.busy:
                    state.change.wait()
                ahead = state.orders[0] if state.orders else None
                if ahead is not None and ahead.base == state.taken and (ahead.rows is order or np.array_equal(ahead.rows, order)):
                    if len(state.orders) == 1:
                        state.following = following  # it goes on with what was read ahead
                        state.change.notify_all()
                    return
        self._halt()

    def store(self, spare: int) -> np.ndarray:
        """Where rows are kept, with so many at the end that stay free for others. Never another array, unless that has to be larger."""
        if self._store is None or len(self._store) < self._size + spare:
            self._halt()
            self._store = memory((self._size + spare) * self._width).reshape(-1, self._width)
        return self._store

    def lends(self, count: int) -> bool:
        """Whether so many rows may be with the steps: memory should hold many more."""
        return count <= LENT * self._size

    def lend(self, numbers: np.ndarray, slots: np.ndarray) -> bool:
        """The places in the store of these rows, if they are the next ones of the order. Raises OSError for what is not there."""
        state = self._state or self._start(numbers)
        if state is None or not state.take(numbers, slots):
            self.stop()
            return False
        self._lent.append(len(numbers))
        return True

    def release(self, but: int) -> None:
        """All rows are used up but those that were lent last, so many times."""
        while self._state is not None and len(self._lent) > but:
            self._state.release(self._lent.popleft())

    def take(self, numbers: np.ndarray, out: np.ndarray) -> bool:
        """These rows into `out`, if they are the next ones of the order. Raises OSError for what is not there."""
        flat, part = out.reshape(len(out), -1).view(np.uint8), self._part
        slots = np.empty(part, np.int32)
        for at in range(0, len(numbers), part):
            lot = numbers[at : at + part]
            if not self.lend(lot, slots[: len(lot)]):
                return False
            gather(self.store(0), slots[: len(lot)], flat[at : at + part])
            self.release(0)
        return True

    def _start(self, numbers: np.ndarray) -> _State | None:
        """Readers begin where these rows stand in the order, if they do."""
        order = self._order
        if order is None or not len(numbers):
            return None
        at = int(np.argmax(order == numbers[0]))
        if not np.array_equal(order[at : at + len(numbers)], numbers):
            return None
        for reader in self._readers:  # of another order, into the same memory
            reader.join()
        store = self.store(0)
        self._state = state = _State(*self._made, store, self._size, max(self._part, len(store) - self._size))
        state.orders.append(Order(order, -at))
        state.end, state.following = len(order) - at, self._following
        state.readers = READERS
        self._end = weakref.finalize(self, state.stop)
        self._readers = [threading.Thread(target=state.read, daemon=True, name="gpunn read") for _ in range(READERS)]
        for reader in self._readers:
            reader.start()
        return state

    def _halt(self) -> None:
        if self._end is not None:
            self._end()
        self._state = self._end = None
        self._lent.clear()

    def stop(self) -> None:
        """Until another order is expected."""
        self._halt()
        self._order = self._following = None


def rows_a_sweep(size: int, pieces: int, rows: int) -> int:
    """How many rows of the order are used up in a sweep over a file of `pieces`, where memory holds `size` of its `rows`.

    With everything used up that can be, a piece that passed i pieces ago has 1 - i / pieces of a sweep in memory, half of one on average; a
    piece more comes in before the next steps. As little beyond a whole pass may be asked for as the readers are ahead."""
    mean = (pieces + 1) / (2 * pieces) + LEAD
    return max(1, min(int((size - SPREAD * math.sqrt(size)) / mean), int(rows / (1 + 2 * LEAD)) - 2))


def pays(width: int, rows: int, room: int) -> bool:
    """Whether sweeping over a file for as many rows as `room` bytes serve is quicker than reading them one by one."""
    size = room // width
    return 0 < size and width * rows <= rows_a_sweep(size, -(-rows * width // PIECE), rows) * (width + SEEK)
