"""Rows of a file that memory cannot hold, in an order that is known ahead.

A disk gives whole pieces many times as fast as it gives single rows. So the file is read piece by piece, from its beginning to its end and
over again, while steps use up the order. A row that passes is kept if its turn comes before it passes again. Just after it passed, a piece
has rows in memory for a whole sweep, just before it passes again, none: memory for M rows serves sweeps of nearly 2 M rows of the order,
and a row of a file of N costs the reading of N / 2 M rows. The next epoch's order goes on where this one ends. Pieces go past the
system's cache, which could keep none of them until the next sweep.
"""

import threading
import weakref
from collections import deque
from typing import Any

import numpy as np

from gpunn.training.feeds.direct import memory
from gpunn.training.feeds.readers import READERS, Following, Readers, piece_bytes, rows_a_sweep
from gpunn.training.feeds.sifting import Order, gather

SHARE = 0.5  # of the free memory may hold rows to come
LENT = 1 / 16  # of the rows in memory may be with the steps
PART = 4096  # rows that are copied at a time
SEEK = 16 << 10  # bytes that a disk reads on in the time that another request takes


class Sweep:
    """Reads rows of a file in the order given to `expect`. Stops when nobody holds it any more."""

    def __init__(self, path: str, start: int, stride: int, width: int, rows: int, room: int):
        self._made = path, start, stride, width, rows
        self._width, self._size = width, min(rows, room // width)
        self._part = max(1, min(PART, int(LENT * self._size)))
        self._store: np.ndarray | None = None
        self._state: Readers | None = None
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
                while state.busy and state.error is None:
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

    def _start(self, numbers: np.ndarray) -> Readers | None:
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
        self._state = state = Readers(*self._made, store, self._size, max(self._part, len(store) - self._size))
        state.orders.append(Order(order, -at))
        state.end, state.following = len(order) - at, self._following
        self._end = weakref.finalize(self, state.stop)
        self._readers = [threading.Thread(target=state.read, args=(n,), daemon=True, name="gpunn read") for n in range(READERS)]
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


def pays(width: int, rows: int, room: int) -> bool:
    """Whether sweeping over a file for as many rows as `room` bytes serve is quicker than reading them one by one."""
    size = room // width
    return 0 < size and width * rows <= rows_a_sweep(size, -(-rows * width // piece_bytes(room)), rows) * (width + SEEK)
