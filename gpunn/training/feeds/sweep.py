"""Rows of a file that memory cannot hold, in an order that is known ahead.

A disk gives whole pieces many times as fast as it gives single rows. So the file is read from its beginning to its end, once for every
*window*, the next so many rows of the order: what of a piece belongs to the window is kept, the rest is passed over. Steps use up one
window while the next one comes into the places that they leave, so that nearly all memory holds rows still to come, and the next epoch's
order goes on where this one ends. Pieces go past the system's cache, which could keep none of them until the next sweep.

With a window of the share f of the file, a row costs the reading of 1 / f rows.
"""

import errno
import mmap
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from gpunn.training.feeds.sifting import Window, count, gather, sift

PIECE = 4 << 20  # bytes that are read at a time: the system makes many requests of one, and a disk has them all at once
READERS = 2  # one reads while the other sorts; more would be in the way of the steps
SHARE = 0.5  # of the free memory may hold rows to come
SEEK = 16 << 10  # bytes that a disk reads on in the time that another request takes
PAGE = 4096  # what reads past the cache are aligned to
Following = Callable[[], np.ndarray]


class _State:
    """What the readers and the steps' thread share. Row i is the `width` bytes at ``start + i * stride``; `size`: rows kept at most."""

    def __init__(self, path: str, start: int, stride: int, width: int, size: int):
        self.start, self.stride, self.width = start, stride, width
        self.file, self.direct = _open(path)
        self.length = os.fstat(self.file).st_size
        self.store = np.frombuffer(_memory(size * width), np.uint8, size * width).reshape(size, width)
        self.free, self.first, self.left = np.arange(size, dtype=np.int32), 0, size  # a ring: its first entry, and how many there are
        self.change = threading.Condition()
        self.windows: deque[Window] = deque()
        self.order, self.cut = np.empty(0, np.int32), 0  # how many rows of the order have a window
        self.inverse: np.ndarray | None = None
        self.window = size  # rows of a window
        self.following: Following | None = None
        self.busy, self.readers = False, 0
        self.stopped = False
        self.error: BaseException | None = None

    # ------------------------------------------------------------------ readers
    def read(self) -> None:
        """A reader's life."""
        buffer = np.frombuffer(_memory(PIECE + 2 * PAGE + -(-self.width // PAGE) * PAGE), np.uint8)
        try:
            while (task := self._task()) is not None:
                window, begin, lo, hi, at = task
                self._fill(buffer, begin, self.start + (hi - 1) * self.stride + self.width)
                sift(buffer, self.start - begin, self.stride, window, lo, hi, self.free, at, self.store)
                with self.change:
                    window.waits -= 1
                    self.change.notify_all()
        except BaseException as error:
            with self.change:
                self.error = error
                self.change.notify_all()
        finally:
            with self.change:
                self.readers -= 1
                if not self.readers:
                    os.close(self.file)

    def _task(self) -> tuple[Window, int, int, int, int] | None:
        """(window, where its piece begins, the rows that begin in it: from, to; where free slots for those of the window begin); None at
        the end."""
        with self.change:
            while True:
                if self.stopped or self.error is not None:
                    return None
                window = self.windows[-1] if self.windows else None
                if window is None or window.whole:
                    if not self._cut():
                        self.change.wait()
                    continue
                begin = self.start - self.start % PAGE + window.piece * PIECE
                lo, hi = (min(max(0, -(-(at - self.start) // self.stride)), len(window.inverse)) for at in (begin, begin + PIECE))
                found = count(window, lo, hi)
                while self.left < found and not self.stopped:
                    self.change.wait()
                    if window.piece * PIECE + self.start - self.start % PAGE != begin:
                        break  # another reader took it
                else:
                    window.piece += 1
                    window.whole = hi == len(window.inverse)
                    at, self.first, self.left = self.first, (self.first + found) % len(self.free), self.left - found
                    if found and not self.stopped:
                        window.waits += 1
                        return window, begin, lo, hi, at
                    self.change.notify_all()

    def _cut(self) -> bool:
        """Make the next window of the order, without the lock, unless somebody does. -> whether there is a new state of things."""
        if self.busy:
            return False
        order, inverse, cut, following = self.order, self.inverse, self.cut, self.following
        if cut == len(order) and following is None:
            return False
        self.busy = True
        self.change.release()
        try:
            if cut == len(order) and following is not None:
                order, inverse, cut, following = following(), None, 0, None
            if inverse is None:
                inverse = np.empty(len(order), np.int32)
                inverse[order] = np.arange(len(order), dtype=np.int32)
            window = Window(order, inverse, cut, min(cut + self.window, len(order)))
        finally:
            self.change.acquire()
            self.busy = False
        self.order, self.inverse, self.cut, self.following = order, inverse, cut + len(window.rows), following
        self.windows.append(window)
        self.change.notify_all()
        return True

    def _fill(self, buffer: np.ndarray, begin: int, end: int) -> None:
        view, at = memoryview(cast(Any, buffer)), begin
        want = -(-(end - begin) // PAGE) * PAGE
        while at < end:
            try:
                n = os.preadv(self.file, [view[at - begin : want]], at)
            except OSError as error:
                if error.errno != errno.EINVAL or not self.direct:
                    raise
                self._through_cache()
                continue
            if n == 0:
                raise OSError(f"the file ends at byte {os.fstat(self.file).st_size}, byte {at} is needed")
            at += n
            if at < end and at % PAGE:
                raise OSError(f"the file ends at byte {at}, byte {end} is needed")
        if not self.direct and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self.file, begin, end - begin, os.POSIX_FADV_DONTNEED)

    def _through_cache(self) -> None:
        """This file system opens files for reading past the cache, but does not read them so."""
        import fcntl

        fcntl.fcntl(self.file, fcntl.F_SETFL, fcntl.fcntl(self.file, fcntl.F_GETFL) & ~os.O_DIRECT)
        self.direct = False

    def stop(self) -> None:
        with self.change:
            self.stopped = True
            self.change.notify_all()


class Sweep:
    """Reads rows of a file in the order given to `expect`. Stops when nobody holds it any more."""

    def __init__(self, path: str, start: int, stride: int, width: int, rows: int, memory: int):
        self._made = path, start, stride, width
        self._size = min(rows, memory // width)
        self._rows = rows
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
                first = state.windows[0] if state.windows else None
                if first is None and state.cut == len(state.order):
                    state.order, state.inverse, state.cut = order, None, 0
                if (first is None or not first.used) and (state.order is order or np.array_equal(state.order, order)):
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
            with state.change:
                while state.error is None and not (state.windows and state.windows[0].whole and not state.windows[0].waits):
                    state.change.wait()
                if state.error is not None:
                    raise state.error
                window = state.windows[0]
            n = min(len(numbers) - done, len(window.rows) - window.used)
            part = slice(window.used, window.used + n)
            if not np.array_equal(window.rows[part], numbers[done : done + n]):
                self.stop()
                return False
            gather(state.store, window.slots[part], flat[done : done + n])
            with state.change:
                at, cut = (state.first + state.left) % len(state.free), window.slots[part]
                fit = min(n, len(state.free) - at)
                state.free[at : at + fit], state.free[: n - fit] = cut[:fit], cut[fit:]
                state.left += n
                window.used += n
                if window.used == len(window.rows):
                    state.windows.popleft()
                state.change.notify_all()
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
        self._state = state = _State(*self._made, self._size)
        state.window = -(-self._rows // -(-self._rows // self._size))  # windows of an epoch are alike
        state.order, state.cut, state.following = order, at, self._following
        state.readers = READERS
        self._end = weakref.finalize(self, state.stop)
        for _ in range(READERS):
            threading.Thread(target=state.read, daemon=True, name="gpunn read").start()
        return state

    def stop(self) -> None:
        if self._end is not None:
            self._end()
        self._state = self._end = self._order = self._following = None


def pays(width: int, rows: int, memory: int) -> bool:
    """Whether sweeping over a file for as many rows as `memory` holds is quicker than reading them one by one."""
    window = memory // width
    return 0 < window and width * rows <= window * (width + SEEK)


def _open(path: str) -> tuple[int, bool]:
    """A file open for reading past the system's cache, where its file system can; and whether it is."""
    how = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)
    try:
        return os.open(path, how | os.O_DIRECT), True
    except (OSError, AttributeError):
        return os.open(path, how), False


def _memory(size: int) -> mmap.mmap:
    """Memory of our own on a page's border, in large pages where the system has them: each page costs a read past the cache some time."""
    own = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}
    memory = mmap.mmap(-1, size, **own)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory
