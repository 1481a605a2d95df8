"""Rows that stay where they are, in a mapped file, an HDF5 file or an array too large to convert, and are read a block at a time."""

import itertools
import mmap
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gpunn.backend.memory import available_memory
from gpunn.training.feeds.errors import DataError
from gpunn.training.feeds.files import file_rows
from gpunn.training.feeds.sifting import gather
from gpunn.training.feeds.sweep import Following
from gpunn.training.finite import first_not_finite, not_finite

SMALL = 0.25  # of the free memory: as much of a file may be mapped into this process
DENSE = 2  # rows in a span of at most so many times their number are read with it
SPAN = 64 << 20  # of a chunked file: bytes that are read at a time, at most
AHEAD = 1 << 20  # bytes worth reading to save another read


class Source(ABC):
    """Rows of a data set: ``shape``; ``dtype``, that in which they reach a step (uint8, or the model's); ``name`` and ``where`` for errors.

    Raises ValueError when it is read and a row holds NaN or infinity, naming the row; `DataError` for rows that cannot be read.
    """

    def __init__(self, shape: tuple[int, ...], raw: np.dtype, dtype: Any, name: str, where: str):
        self.shape = shape
        self.raw, self.dtype = raw, np.dtype(np.uint8 if raw == np.uint8 else dtype)
        self.name, self.where = name, where

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def row_bytes(self) -> int:
        return int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return len(self) * self.row_bytes

    @abstractmethod
    def copy_rows(self, rows: Any, out: np.ndarray) -> None:
        """Copy rows, a slice or an array of numbers, in that order, converted."""

    def read(self, rows: Any, out: np.ndarray) -> None:
        """The same, and look whether they are finite."""
        with self._named(rows), np.errstate(over="ignore"):  # too large for float32 becomes infinite, and is refused as such
            self._copy(rows, out)
        if (bad := first_not_finite(out)) is not None:
            raise not_finite(self.name, self.where, (rows.start or 0) + bad if isinstance(rows, slice) else int(rows[bad]))

    @contextmanager
    def _named(self, rows: Any) -> Iterator[None]:
        """What goes wrong names the rows."""
        try:
            yield
        except Exception as error:
            lo, hi = (rows.start or 0, rows.stop - 1) if isinstance(rows, slice) else (rows.min(), rows.max())
            count = rows.stop - lo if isinstance(rows, slice) else len(rows)
            which = f"row {lo}" if count == 1 else f"{count} rows from {lo} to {hi}"
            raise DataError(f"Argument {self.name} of {self.where}: {which} could not be read. {type(error).__name__}: {error}") from error

    def store(self, lent: int) -> np.ndarray | None:
        """An array in which rows are kept that are read ahead, if there is one, and so many of them may be lent to the steps at a time. Of
        bytes, which are always finite."""
        return None

    def place(self, rows: Any, out: np.ndarray, spare: int) -> None:
        """As `read`, into the store; `out` gets the places there. Those from `spare` on are free for it."""
        raise NotImplementedError

    def release(self, but: int) -> None:
        """What was placed is used up, but for the last `but` times."""
        raise NotImplementedError

    def _copy(self, rows: Any, out: np.ndarray) -> None:
        if not isinstance(rows, slice) and self.in_file:
            first, last = int(rows.min()), int(rows.max())
            if last - first < DENSE * len(rows):  # neighbours in another order: read in one go
                together = np.empty((last - first + 1, *self.shape[1:]), self.dtype)
                self.copy_rows(slice(first, last + 1), together)
                np.take(together, rows - first, axis=0, out=out, mode="clip")
                return
        self.copy_rows(rows, out)

    @property
    def in_file(self) -> bool:
        return True

    def expect(self, order: np.ndarray | None, following: Following | None, sources: int) -> None:  # noqa: B027  of use to some
        """Rows are going to be read in this order, from everywhere, or nearly one after another (None); after that in the order that
        `following` gives. ``sources``: so many are read side by side."""

    def block(self, rows: slice) -> np.ndarray:
        """These rows in memory."""
        out = np.empty((rows.stop - rows.start, *self.shape[1:]), self.dtype)
        self.read(rows, out)
        return out

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.block(slice(0, len(self))).astype(dtype or self.dtype, copy=False)


class ArraySource(Source):
    """An array of the host. A mapped one is read from its file, where that is possible: all but scattered rows of a file that is small
    beside what memory is free, which are faster through the map."""

    def __init__(self, array: np.ndarray, dtype: Any, name: str = "x", where: str = "fit"):
        super().__init__(array.shape, array.dtype, dtype, name, where)
        self._map = _map_of(array)
        self._file: Any = None if self._map is None else file_rows(array)
        self._array = np.asarray(array)
        free = available_memory() if self.in_file else None
        self._small = free is not None and self._array.nbytes < SMALL * free

    @property
    def in_file(self) -> bool:
        return self._map is not None

    def expect(self, order: np.ndarray | None, following: Following | None, sources: int) -> None:
        if self._file is not None:
            self._file.expect(order, following, sources)

    def store(self, lent: int) -> np.ndarray | None:
        store = self._file.store(lent) if self._file is not None and self.raw == np.uint8 else None
        return None if store is None else store.reshape(len(store), *self.shape[1:])

    def place(self, rows: Any, out: np.ndarray, spare: int) -> None:
        with self._named(rows):
            self._file.place(rows, out, spare)

    def release(self, but: int) -> None:
        self._file.release(but)

    def copy_rows(self, rows: Any, out: np.ndarray) -> None:
        if self._file is not None and (isinstance(rows, slice) or not self._small):
            raw = out if out.dtype == self.raw and out.flags.c_contiguous else np.empty(out.shape, self.raw)
            self._file.read(rows, raw)
            if raw is not out:
                out[...] = raw
            return
        if self._map is not None and self._map.size() < len(self._map):  # touching what is no longer there would kill the process
            raise OSError(f"the file has become shorter: {len(self._map)} bytes are needed, {self._map.size()} are there")
        take(self._array, rows, out)


class Part:
    """Rows `first` to `end` of a dataset of an HDF5 file, not read yet."""

    def __init__(self, dataset: Any, first: int, end: int):
        self.dataset, self.first = dataset, first
        self.shape, self.dtype, self.ndim = (end - first, *dataset.shape[1:]), dataset.dtype, dataset.ndim

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.dataset[self.first : self.first + len(self)].astype(dtype or self.dtype, copy=False)


class Hdf5Source(Source):
    """Rows of an HDF5 file that are chunked, perhaps compressed."""

    def __init__(self, part: Part, dtype: Any, name: str = "x", where: str = "fit"):
        super().__init__(part.shape if part.ndim > 1 else (len(part), 1), part.dtype, dtype, name, where)
        self._dataset, self._first = part.dataset, part.first
        wide = max(1, part.dtype.itemsize * int(np.prod(part.shape[1:], dtype=np.int64)))
        self._gap = max(part.dataset.chunks[0] if part.dataset.chunks else 1, AHEAD // wide)
        self._most = max(1, SPAN // wide)

    def copy_rows(self, rows: Any, out: np.ndarray) -> None:
        out = out.reshape(len(out), *self._dataset.shape[1:])  # a row of one number may have come without an axis of its own
        if isinstance(rows, slice):
            out[...] = self._dataset[self._first + (rows.start or 0) : self._first + rows.stop]
            return
        order = np.argsort(rows, kind="stable")
        ascending = rows[order].astype(np.int64) + self._first
        cuts = [0, *(np.flatnonzero(np.diff(ascending) > self._gap) + 1).tolist(), len(rows)]
        for begin, end in itertools.pairwise(cuts):
            while begin < end:  # neighbours are read together, chunk by chunk, but not without bound
                stop = begin + int(np.searchsorted(ascending[begin:end], ascending[begin] + self._most))
                span = ascending[begin:stop]
                out[order[begin:stop]] = self._dataset[span[0] : span[-1] + 1][span - span[0]]
                begin = stop


def take(array: np.ndarray, rows: Any, out: np.ndarray) -> None:
    """Rows of an array of the host, a slice or numbers, into another, converted."""
    if isinstance(rows, slice):
        out[...] = array[rows]
    elif array.dtype == out.dtype and array.flags.c_contiguous and out.flags.c_contiguous:
        gather(_as_bytes(array), np.ascontiguousarray(rows, np.int32), _as_bytes(out))
    else:
        out[...] = array[rows]


def _as_bytes(array: np.ndarray) -> np.ndarray:
    return array.reshape(len(array), -1).view(np.uint8)


def _map_of(array: Any) -> mmap.mmap | None:
    """The mapping that an array lies in."""
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None) if isinstance(array, np.ndarray) else getattr(array, "obj", None)
    return array


def mapped(value: Any) -> bool:
    """Whether an array lies in a mapped file."""
    return isinstance(value, np.ndarray) and _map_of(value) is not None


def is_hdf5(value: Any) -> bool:
    h5py = sys.modules.get("h5py")
    return isinstance(value, Part) or (h5py is not None and isinstance(value, h5py.Dataset))


def check_hdf5(value: Any, name: str) -> None:
    """Raises ValueError for a dataset whose file is closed, and for a group of datasets."""
    h5py = sys.modules.get("h5py")
    if h5py is None:
        return
    if isinstance(value, (h5py.Dataset, h5py.Group)) and not value:
        raise ValueError(f"Argument {name}: expected a dataset of an HDF5 file that is open. Received: one of a closed file.")
    if isinstance(value, h5py.Group):
        raise ValueError(f"Argument {name}: expected a dataset. Received: an HDF5 group, with {list(value)}.")


def in_file(value: Any) -> bool:
    """Whether a value is rows in a file: mapped, or a dataset of HDF5."""
    return mapped(value) or is_hdf5(value)


def part(value: Any, first: int, end: int) -> Any:
    """Some rows of a value that is `in_file`."""
    value = _in_place(value)
    if isinstance(value, Part):
        return Part(value.dataset, value.first + first, value.first + end)
    return value[first:end]


def source(value: Any, dtype: Any, name: str, where: str) -> Source:
    """The source of a value that is `in_file`, or of an array in memory. Rows that are single numbers get an axis of their own."""
    value = _in_place(value)
    if isinstance(value, Part):
        return Hdf5Source(value, dtype, name, where)
    return ArraySource(value.reshape(-1, 1) if value.ndim == 1 else value, dtype, name, where)


def _in_place(value: Any) -> Any:
    """A dataset of HDF5 that lies in one piece in a file nobody writes, as a map of that piece: rows in any order are then read without the
    library. Any other dataset as a `Part`, any other value as it is."""
    if isinstance(value, Part) or not is_hdf5(value):
        return value
    whole = Part(value, 0, len(value))
    if value.chunks is not None or value.external or getattr(value, "is_virtual", False) or not value.size:
        return whole
    offset = value.id.get_offset() if value.file.mode == "r" and value.file.driver == "sec2" else None
    return whole if offset is None else np.memmap(value.file.filename, value.dtype, "r", offset, value.shape)
