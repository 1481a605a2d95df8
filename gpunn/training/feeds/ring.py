"""Two halves of a buffer on the device: while steps gather from one, the other is filled and uploaded beside them.

A thread fills a half's *staging* memory (pinned memory of the host for a GPU; on a CPU the half itself), and starts its upload on a
stream of its own, behind a mark of the last step that read the half. The steps wait for a mark of the upload. Steps gather rows in order,
by the same counter as ever, so that one recorded program serves both halves.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunn.backend.lanes import COPY, MAIN
from gpunn.training.feeds.base import Handout, Pieces

PATIENCE = 5.0  # seconds that the end waits for a thread which is busy in somebody else's code


@dataclass
class Half:
    """Memory of the host to fill: arrays of so many rows, in the order of `Rows.arrays`; 0 or 1."""

    number: int
    arrays: list[np.ndarray]

    @property
    def rows(self) -> int:
        return len(self.arrays[0])


Fill = Callable[[Half], Pieces]


class Ring:
    """``arrays`` on the device of twice `rows` rows, shaped and typed like those given; ``order``, ``position``."""

    def __init__(self, ops: Any, rows: int, like: list[Any]):
        self.ops, self.rows = ops, rows
        self.arrays = [ops.empty((2 * rows, *a.shape[1:]), a.dtype) for a in like]
        self.order = ops.asarray(np.arange(2 * rows, dtype=np.int32))
        self.position = ops.zeros((1,), "int64")
        self._device = [[a[h * rows : (h + 1) * rows] for a in self.arrays] for h in (0, 1)]
        self._staged = [[ops.staging(a) for a in arrays] for arrays in self._device]
        self.uploaded: list[Any] = [None, None]  # marks: until they are reached the staging memory is read
        self._last: threading.Thread | None = None
        self.direct = all(s is a for s, a in zip(self._staged[0], self._device[0], strict=True))

    def half(self, number: int) -> Half:
        return Half(number, self._staged[number])

    def upload(self, number: int, rows: int, after: Any) -> Any:
        """Bring the first `rows` of a half to the device, behind the mark `after`; -> a mark of its own."""
        if self.direct:
            return None
        if after is not None:
            self.ops.follow(COPY, after)
        for target, staged in zip(self._device[number], self._staged[number], strict=True):
            self.ops.upload(target[:rows], staged[:rows])
        return self.ops.mark(COPY)

    def stream(self, fill: Fill, beside: bool = True) -> Handout:
        """What `fill` makes, half by half, until it makes nothing; as `Feed.pieces`. Not `beside`: filled here, when steps ask for it."""
        if self._last is not None:
            self._last.join()  # of a pass that was left in the middle of somebody else's code
        source: Any = _Thread(self, fill) if beside else _Inline(self, fill)
        self._last = source.thread
        place = -1
        try:
            for number, pieces, mark in source:
                if mark is not None:
                    self.ops.follow(MAIN, mark)
                if place != number * self.rows:
                    self.ops.write(self.position, number * self.rows)
                yield from pieces
                place = (number * self.rows + rows_in(pieces)) % (2 * self.rows)
                if place == 0:
                    place = -1  # the counter stands behind the last half
                source.release(self.ops.mark(MAIN))
        finally:
            source.close()


def rows_in(pieces: Pieces) -> int:
    return sum(rows * steps for rows, steps in pieces)


class _Inline:
    """Fills a half when it is asked for."""

    thread = None

    def __init__(self, ring: Ring, fill: Fill):
        self._ring, self._fill, self._after = ring, fill, ring.ops.mark(MAIN)

    def __iter__(self) -> Iterator[tuple[int, Pieces, Any]]:
        ring = self._ring
        while True:
            if ring.uploaded[0] is not None:
                ring.ops.reached(ring.uploaded[0])
            if not (pieces := self._fill(ring.half(0))):
                return
            ring.uploaded[0] = ring.upload(0, rows_in(pieces), self._after)
            yield 0, pieces, ring.uploaded[0]

    def release(self, mark: Any) -> None:
        self._after = mark

    def close(self) -> None:
        """Nothing to end."""


class _Stop(BaseException):
    """Ends the thread."""


class _Thread:
    """Fills halves ahead of the steps. What `fill` raises is raised where the steps ask for the next half."""

    def __init__(self, ring: Ring, fill: Fill):
        self._ring, self._fill = ring, fill
        self._ready: queue.SimpleQueue = queue.SimpleQueue()
        self._free: queue.SimpleQueue = queue.SimpleQueue()
        for _ in (0, 1):
            self._free.put(ring.ops.mark(MAIN))  # behind whatever still reads the halves
        self._stopped = False
        self.thread = threading.Thread(target=self._work, daemon=True, name="gpunn feed")
        self.thread.start()

    def _work(self) -> None:
        ring, number = self._ring, 0
        try:
            while True:
                after = self._take() if ring.direct else None
                if ring.uploaded[number] is not None:
                    ring.ops.reached(ring.uploaded[number])
                if not (pieces := self._fill(ring.half(number))):
                    break
                if not ring.direct:
                    after = self._take()
                ring.uploaded[number] = ring.upload(number, rows_in(pieces), after)
                self._ready.put((number, pieces, ring.uploaded[number]))
                number = 1 - number
            self._ready.put(None)
        except _Stop:
            pass
        except BaseException as error:
            self._ready.put(error)

    def _take(self) -> Any:
        """A half that steps are done with (its last mark)."""
        after = self._free.get()
        if self._stopped:
            raise _Stop
        return after

    def __iter__(self) -> Iterator[tuple[int, Pieces, Any]]:
        while (item := self._ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def release(self, mark: Any) -> None:
        self._free.put(mark)

    def close(self) -> None:
        self._stopped = True
        self._free.put(None)
        self.thread.join(PATIENCE)
