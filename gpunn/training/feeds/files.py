"""Rows of a mapped file, read by their place in it rather than through the map.

A page of a map that was touched counts as memory of this process, and touching what a file no longer has kills it. Rows from everywhere in
a file that memory cannot hold are asked for by several threads at once, so that a disk has more than one request to work on.
"""

import functools
import os
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np

from gpunn.backend.cpu import has_numba
from gpunn.backend.memory import available_memory

AT_ONCE = 32  # requests that a disk is given at a time


class FileRows:
    """Row i is the `width` bytes at ``start + i * stride`` of the file `path`."""

    def __init__(self, path: str, start: int, stride: int, width: int):
        self.file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        weakref.finalize(self, os.close, self.file)
        self._start, self._stride, self._width = start, stride, width
        self._pool: ThreadPoolExecutor | None = None

    def expect(self, scattered: bool) -> None:
        """Rows will be read from everywhere, or nearly one after another."""
        free = available_memory()
        cold = scattered and free is not None and os.fstat(self.file).st_size > free // 2
        self._pool = None if not cold else self._pool or ThreadPoolExecutor(AT_ONCE, "gpunn read")
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self.file, 0, 0, os.POSIX_FADV_RANDOM if cold else os.POSIX_FADV_NORMAL)

    def read(self, rows: Any, out: np.ndarray) -> None:
        """Rows, a slice or int32 numbers, into an array of so many times `width` bytes. Raises OSError for what is not there."""
        if isinstance(rows, slice) and self._stride == self._width:
            self._piece(_bytes(out), self._start + (rows.start or 0) * self._width)
            return
        numbers = np.arange(rows.start or 0, rows.stop, dtype=np.int32) if isinstance(rows, slice) else np.ascontiguousarray(rows, np.int32)
        if self._pool is None:
            self._rows(numbers, out)
            return
        step = -(-len(numbers) // (4 * AT_ONCE))
        parts = [self._pool.submit(self._rows, numbers[i : i + step], out[i : i + step]) for i in range(0, len(numbers), step)]
        for part in parts:
            part.result()

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
