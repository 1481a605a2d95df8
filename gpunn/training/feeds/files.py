"""Rows of a mapped file, read by their place in it rather than through the map.

A page of a map that was touched counts as memory of this process, and touching what a file no longer has kills it. Small rows from
everywhere in a file that memory cannot hold are kept from sweeps over the file (see `sweep`); large ones, and those of a file that is very
much larger than memory, are asked for by several threads at once, so that a disk has more than one request to work on.
"""

import functools
import os
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np

from gpunn.backend.cpu import has_numba
from gpunn.backend.memory import available_memory
from gpunn.training.feeds.sweep import SHARE, Following, Sweep, pays

AT_ONCE = 32  # requests that a disk is given at a time
ASKED = 128 << 10  # bytes that Linux fetches at one request to do so, at least


class FileRows:
    """Row i is the `width` bytes at ``start + i * stride`` of the file `path`."""

    def __init__(self, path: str, start: int, stride: int, width: int):
        self.file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        weakref.finalize(self, os.close, self.file)
        self._path, self._start, self._stride, self._width = path, start, stride, width
        self._pool: ThreadPoolExecutor | None = None
        self._sweep: Sweep | None = None
        self._fetched = False

    def expect(self, order: np.ndarray | None, following: Following | None, sources: int) -> None:
        """Rows will be read in this order, or nearly one after another (None), and then in the order that `following` gives; of so many
        files at once."""
        if self._sweep is not None and order is not None:
            self._sweep.expect(order, following)
            return
        free = available_memory()
        cold = order is not None and free is not None and os.fstat(self.file).st_size > free // 2
        self._pool = self._sweep = None
        if order is not None and not cold and not self._fetched:
            self._fetch()
        if order is not None and free is not None and cold:
            memory = int(SHARE * free) // sources
            if self._stride >= self._width and pays(self._stride, len(order), memory):
                self._sweep = Sweep(self._path, self._start, self._stride, self._width, len(order), memory)
                self._sweep.expect(order, following)
            else:
                self._pool = ThreadPoolExecutor(AT_ONCE, "gpunn read")
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self.file, 0, 0, os.POSIX_FADV_RANDOM if cold else os.POSIX_FADV_NORMAL)

    def _fetch(self) -> None:
        """Ask the system to have the file in its cache: it is read from one end to the other, not page by page where rows happen to be."""
        self._fetched = True
        if hasattr(os, "posix_fadvise"):
            for at in range(0, os.fstat(self.file).st_size, ASKED):
                os.posix_fadvise(self.file, at, ASKED, os.POSIX_FADV_WILLNEED)

    def read(self, rows: Any, out: np.ndarray) -> None:
        """Rows, a slice or int32 numbers, into an array of so many times `width` bytes. Raises OSError for what is not there."""
        if isinstance(rows, slice) and self._stride == self._width:
            self._piece(_bytes(out), self._start + (rows.start or 0) * self._width)
            return
        numbers = _numbers(rows)
        if self._sweep is not None and self._sweep.take(numbers, out):
            return
        if self._pool is None:
            self._rows(numbers, out)
            return
        step = -(-len(numbers) // (4 * AT_ONCE))
        parts = [self._pool.submit(self._rows, numbers[i : i + step], out[i : i + step]) for i in range(0, len(numbers), step)]
        for part in parts:
            part.result()

    def store(self, lent: int) -> np.ndarray | None:
        """Where `place` has rows, if it may lend so many at a time to the steps; rows of bytes."""
        return self._sweep.store(lent) if self._sweep is not None and self._sweep.lends(lent) else None

    def place(self, rows: Any, out: np.ndarray, spare: int) -> None:
        """As `read`, but into the store: `out` gets the places there. What is not swept for goes to those from `spare` on."""
        sweep, numbers = self._sweep, _numbers(rows)
        if sweep is not None and not sweep.lend(numbers, out):
            out[...] = np.arange(spare, spare + len(out), dtype=np.int32)
            self._rows(numbers, sweep.store(0)[spare : spare + len(out)])

    def release(self, but: int) -> None:
        """What was placed is used up, but for the last `but` times."""
        if self._sweep is not None:
            self._sweep.release(but)

    def _rows(self, numbers: np.ndarray, out: np.ndarray) -> None:
        if has_numba():
            read_rows, function = _compiled()
            bad = read_rows(function, self.file, numbers, self._start, self._stride, self._width, out.ctypes.data)
            if bad < 0:
                return
            numbers, out = numbers[bad:], out[bad:]  # said by what follows
        view = _bytes(out)
        for i, row in enumerate(numbers.tolist()):
            self._piece(view[i * self._width : (i + 1) * self._width], self._start + row * self._stride)

    def _piece(self, view: memoryview, offset: int) -> None:
        while view:
            n = os.preadv(self.file, [view], offset)
            if n == 0:
                raise OSError(f"the file ends at byte {os.fstat(self.file).st_size}, byte {offset} is needed")
            view, offset = view[n:], offset + n


def _numbers(rows: Any) -> np.ndarray:
    return np.arange(rows.start or 0, rows.stop, dtype=np.int32) if isinstance(rows, slice) else np.ascontiguousarray(rows, np.int32)


def _bytes(array: np.ndarray) -> memoryview:
    return memoryview(cast(Any, array.reshape(-1).view(np.uint8)))


@functools.cache
def _compiled() -> tuple[Any, int]:
    from gpunn.kernels import pread

    return pread.read_rows, pread.address()


def file_rows(array: np.ndarray) -> FileRows | None:
    """How to read the rows of a mapped array from its file; None where that is not the same: changes that stay in memory, a file that has
    gone, rows that do not lie in one piece each."""
    root: Any = array
    while isinstance(root, np.ndarray) and isinstance(root.base, np.ndarray):
        root = root.base
    path = getattr(root, "filename", None)
    if not isinstance(root, np.memmap) or root.mode not in ("r", "r+") or path is None or not hasattr(os, "preadv"):
        return None
    if len(array) == 0 or not array[0].flags.c_contiguous or not os.path.isfile(path):
        return None
    start = root.offset + array.ctypes.data - root.ctypes.data
    found = FileRows(os.fspath(path), start, array.strides[0], array[0].nbytes)
    first = np.empty(array[:1].shape, array.dtype)
    found.read(slice(0, 1), first)
    return found if first.tobytes() == array[:1].tobytes() else None
