"""Groups and arrays of an HDF5 file, read so that nothing outside the file is touched and no more memory is taken than it has bytes."""

import itertools
import math
import pathlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

HEADER_LIMIT = 64512  # bytes that HDF5 takes for an attribute, as Keras counts them
EXPANSION = 1100  # what deflate can make of a byte, and a little more
FLOOR = 1 << 20  # bytes below which nobody minds


@contextmanager
def opened(source: Any) -> Iterator[Any]:
    """An HDF5 file (a path or a binary file object) to read. Raises ValueError where it is none."""
    import h5py

    try:
        file = h5py.File(source, "r")
    except OSError as error:
        raise ValueError(f"no whole HDF5 file: {error}") from error
    with file:
        yield file


def child(group: Any, path: str) -> Any:
    """What is at a path below a group, or None. Raises ValueError for links out of the tree."""
    import h5py

    for part in path.split("/") if path else ():
        if not isinstance(group, h5py.Group) or part not in group:
            return None
        link = group.get(part, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{group.name}/{part} is a link to somewhere else, which is not followed")
        group = group[part]
    return group


def shape_of(dataset: Any, where: str) -> tuple[int, ...]:
    """The shape of an array in the file. Raises ValueError for what is no array of numbers stored in it."""
    import h5py

    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{where}: expected an array. Received: {'nothing' if dataset is None else type(dataset).__name__}.")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{where}: the array's numbers lie in another file, which is not read")
    if dataset.dtype.kind not in "fiu" or dataset.shape is None:
        raise ValueError(f"{where}: expected an array of numbers. Received: dtype {dataset.dtype}.")
    size = math.prod(dataset.shape) * dataset.dtype.itemsize
    if size > FLOOR and size > EXPANSION * dataset.id.get_storage_size():
        raise ValueError(f"{where}: shape {dataset.shape} is declared, but only {dataset.id.get_storage_size()} bytes are stored")
    return tuple(dataset.shape)


def values(dataset: Any, where: str) -> np.ndarray:
    """The numbers of an array."""
    shape_of(dataset, where)
    return np.asarray(dataset[()])


def numbers(group: Any) -> int:
    """How many numbers the arrays below a group hold together."""
    import h5py

    names: list[str] = []
    group.visit(names.append)  # every object once; links are not followed
    return sum(math.prod(shape_of(group[name], name)) for name in names if isinstance(group[name], h5py.Dataset))


# ---------------------------------------------------------------------- attributes
def text(group: Any, name: str) -> str | None:
    """A text among a group's attributes, or None."""
    given = group.attrs.get(name)
    if isinstance(given, (bytes, np.bytes_)):
        return given.decode()
    return None if given is None else str(given)


def texts(group: Any, name: str) -> list[str]:
    """A list of texts, perhaps in pieces ``name0``, ``name1`` ... as Keras writes long ones."""
    pieces = [name] if name in group.attrs else []
    if not pieces:
        pieces = list(itertools.takewhile(group.attrs.__contains__, (f"{name}{i}" for i in itertools.count())))
    return [t.decode() if isinstance(t, bytes) else str(t) for piece in pieces for t in group.attrs[piece]]


def write_texts(group: Any, name: str, given: list[str]) -> None:
    """A list of texts, in pieces where HDF5 calls for it. Raises ValueError for one that is too long."""
    rows = [t.encode() for t in given]
    widest = max(map(len, rows), default=1)
    if widest > HEADER_LIMIT:
        raise ValueError(f"a name of {widest} bytes is too long for an HDF5 file: {given[0][:40]}...")
    step = max(HEADER_LIMIT // max(widest, 1), 1)
    if len(rows) <= step:
        group.attrs[name] = np.array(rows) if rows else np.zeros(0)
        return
    for number, start in enumerate(range(0, len(rows), step)):
        group.attrs[f"{name}{number}"] = np.array(rows[start : start + step])


def write(path: pathlib.Path, fill: Any) -> None:
    """A new HDF5 file at `path`, filled by ``fill(file)``."""
    import h5py

    with h5py.File(path, "w") as file:
        fill(file)
