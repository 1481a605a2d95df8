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
from gpunn.training.feeds.sifting import Order, count, gather, sift

PIECE = 4 << 20  # bytes that are read at a time: the system makes many requests of one, and a disk has them all at once
READERS = 2  # one reads while the other sorts; more would be in the way of the steps
SHARE = 0.5  # of the free memory may hold rows to come
LEAD = 1 / 16  # of a sweep: how far the readers may be ahead of the steps
SPREAD = 4  # standard deviations that the number of kept rows may be above its mean
SEEK = 16 << 10  # bytes that a disk reads on in the time that another request takes
Following = Callable[[], np.ndarray]


class _Visit(NamedTuple):
    """What a reader is to do: bring the rows lo to hi, which begin in a piece, if they stand in one of the `parts`: (order, first place,
    places, where their free slots begin). After that all rows of the piece before place `high` are in memory."""

    piece: int
    lo: int
    hi: int
    high: int
    parts: list[tuple[Order, int, int, int]]


class _State:
    """What the readers and the steps' thread share. Row i is the `width` bytes at ``start + i * stride``; `size`: rows kept at most."""

    def __init__(self, path: str, start: int, stride: int, width: int, rows: int, size: int):
        self.start, self.stride, self.width, self.rows = start, stride, width, rows
        self.file = DirectFile(path)
        self.begin = start - start % PAGE
        self.pieces = (start + (rows - 1) * stride - self.begin) // PIECE + 1
        self.store = memory(size * width).reshape(size, width)
        self.free, self.first, self.left = np.arange(size, dtype=np.int32), 0, size  # a ring: its first entry, and how many there are
        self.sweep = rows_a_sweep(size, self.pieces, rows)
        self.slots = np.empty(self.sweep + int(2 * LEAD * self.sweep) + 2, np.int32)  # of places, a ring
        self.change = threading.Condition()
        self.orders: deque[Order] = deque()  # the first is being used up
        self.end = 0  # of the last order that is known
        self.following: Following | None = None
        self.taken = self.ready = 0  # places: rows before them are used up, are in memory
        self.asked, self.reach = (np.zeros(self.pieces, np.int64) for _ in (0, 1))  # the same of each piece's rows: are being read, are in
        self.visits = self.flights = 0  # of pieces, one after another; how many are being read
        self.busy, self.readers = False, 0
        self.stopped = False
        self.error: BaseException | None = None

    # ------------------------------------------------------------------ readers
    def read(self) -> None:
        """A reader's life."""
        buffer = memory(PIECE + 2 * PAGE + -(-self.width // PAGE) * PAGE)
        try:
            while (visit := self._visit()) is not None:
                begin = self.begin + visit.piece * PIECE
                self.file.read(buffer, begin, self.start + (visit.hi - 1) * self.stride + self.width)
                for order, first, places, at in visit.parts:
                    shift = self.start - begin
                    sift(buffer, shift, self.stride, order, visit.lo, visit.hi, first, places, self.free, at, self.store, self.slots)
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
            low, most = int(self.asked[piece]), min(self.end, self.taken + len(self.slots))
            idle = self.taken == self.ready and not self.flights  # steps wait for this one
            if self.reach[piece] != low or (high > most and not idle) or self.ready == self.end:
                return None
            high = min(high, most)
            begin = self.begin + piece * PIECE
            lo, hi = (min(max(0, -(-(at - self.start) // self.stride)), self.rows) for at in (begin, begin + PIECE))
            parts, at = [], self.first
            for order in self.orders:
                first, places = max(low, order.base), min(high, order.end) - max(low, order.base)
                if places > 0 and (found := count(order, lo, hi, first, places)):
                    parts.append((order, first, places, at % len(self.free)))
                    at += found
            if at - self.first > self.left:
                if idle:  # an order that is not like a random one
                    self.stop()
                return None
            self.visits += 1
            self.asked[piece] = max(low, high)
            self.first, self.left = at % len(self.free), self.left - (at - self.first)
            if parts:
                self.flights += 1
                return _Visit(piece, lo, hi, max(low, high), parts)
            self._reached(piece, max(low, high))

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
                self.change.wait()
            if self.error is not None:
                raise self.error
            return 0 if self.stopped else self.ready - self.taken

    def release(self, slots: np.ndarray) -> None:
        """The next rows, which lie in these slots, are used up."""
        with self.change:
            n, at = len(slots), (self.first + self.left) % len(self.free)
            fit = min(n, len(self.free) - at)
            self.free[at : at + fit], self.free[: n - fit] = slots[:fit], slots[fit:]
            self.left += n
            self.taken += n
            if self.taken == self.orders[0].end:
                self.orders.popleft()
            self.change.notify_all()


class Sweep:
    """Reads rows of a file in the order given to `expect`. Stops when nobody holds it any more."""

    def __init__(self, path: str, start: int, stride: int, width: int, rows: int, room: int):
        self._made = path, start, stride, width, rows, min(rows, room // width)
        self._state: _State | None = None
        self._end: Any = None
        self._order: np.ndarray | None = None
        self._following: Following | None = None

    def expect(self, order: np.ndarray, following: Following | None) -> None:
        """The order of all reads until the next call, and what gives the one after it, perhaps from another thread."""
        state = self._state
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
        self.stop()
        self._order, self._following = order, following

    def take(self, numbers: np.ndarray, out: np.ndarray) -> bool:
        """These rows into `out`, if they are the next ones of the order. Raises OSError for what is not there."""
        state, done = self._state or self._start(numbers), 0
        if state is None:
            return False
        flat = out.reshape(len(out), -1).view(np.uint8)
        while done < len(numbers):
            if not (ready := state.wait()):
                self.stop()
                return False
            order, at = state.orders[0], state.taken % len(state.slots)
            n, behind = min(len(numbers) - done, ready, order.end - state.taken, len(state.slots) - at), state.taken - order.base
            if not np.array_equal(order.rows[behind : behind + n], numbers[done : done + n]):
                self.stop()
                return False
            slots = state.slots[at : at + n].copy()
            gather(state.store, slots, flat[done : done + n])
            state.release(slots)
            done += n
        return True

    def _start(self, numbers: np.ndarray) -> _State | None:
        """Readers begin where these rows stand in the order, if they do."""
        order = self._order
        if order is None or not len(numbers):
            return None
        at = int(np.argmax(order == numbers[0]))
        if not np.array_equal(order[at : at + len(numbers)], numbers):
            return None
        self._state = state = _State(*self._made)
        state.orders.append(Order(order, -at))
        state.end, state.following = len(order) - at, self._following
        state.readers = READERS
        self._end = weakref.finalize(self, state.stop)
        for _ in range(READERS):
            threading.Thread(target=state.read, daemon=True, name="gpunn read").start()
        return state

    def stop(self) -> None:
        if self._end is not None:
            self._end()
        self._state = self._end = self._order = self._following = None


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
