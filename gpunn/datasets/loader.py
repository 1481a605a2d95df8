"""``load``: find a published data set, or fetch it, verify it and return Keras's tuples."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gpunn.datasets import idx, places
from gpunn.datasets.errors import DatasetError
from gpunn.datasets.idx import RawIdx
from gpunn.datasets.places import Place
from gpunn.datasets.sources import Part, Source, check
from gpunn.datasets.verified import Signature, Verified, signature

Arrays = tuple[np.ndarray, np.ndarray]
Data = tuple[Arrays, Arrays]

_OFFLINE = (
    "Without a network: put the files ({names}) into a folder and name it by the `path` argument or by the environment variable "
    "GPUNN_DATA, or use `gpunn.datasets.digits` (on the command line: `digits`), which needs no download."
)


@dataclass(frozen=True)
class _Read:
    """One part as it was read: ``signature`` is the file's before reading, ``sha256`` None when a stamp vouches for it."""

    part: Part
    file: Path
    raw: RawIdx
    signature: Signature | None
    sha256: str | None


def load(source: Source, path: str | os.PathLike[str] | None = None) -> Data:
    """Load ``source`` from ``path``, or from ``GPUNN_DATA``, the user cache or the network, in this order.

    Returns ``(x_train, y_train), (x_test, y_test)``, all uint8, writable and verified.

    Raises:
        DatasetError: nothing usable was found (the message lists every place and mirror tried), or a file outside the cache is damaged.
    """
    verified = Verified(places.cache_folder(source))
    found = list(places.search(source, path))
    # The cache comes last and is treated apart: what it lacks is fetched, and what is damaged there is replaced.
    cache = None if path is not None else found.pop()
    for place in found:
        if not place.lack:
            return _tuples([raw.array() for raw in _from_folder(source, place, verified)])
    tried = [str(place) for place in found]
    if cache is None:
        raise DatasetError(f"{source.title} was not found. Looked in:\n{_lines(tried)}\n{_offline(source)}")
    if not os.environ.get(places.DATA_VARIABLE):
        tried.append(f"{places.DATA_VARIABLE}: not set")
    return _tuples([raw.array() for raw in _from_cache(source, cache, verified, tried)])


def _from_folder(source: Source, place: Place, verified: Verified) -> list[RawIdx]:
    """Read all parts from a folder of the user's, and verify them together."""
    reads = [_read(part, place.files[part.name], verified) for part in source.parts]
    for images, labels in (reads[:2], reads[2:]):
        idx.check_counts(images.file, images.raw.shape, labels.file, labels.raw.shape)
    return [_accept(source, read, verified) for read in reads]


def _from_cache(source: Source, cache: Place, verified: Verified, tried: list[str]) -> list[RawIdx]:
    """Read what the cache holds and fetch the rest."""
    raws, damage = [], []
    for part in source.parts:
        file = cache.files.get(part.name)
        if file is not None:
            try:
                raws.append(_accept(source, _read(part, file, verified), verified))
                continue
            except DatasetError as error:
                damage.append(f"user cache: {error}")
        from gpunn.datasets import mirrors  # only now: urllib and ssl are slow to import

        try:
            raws.append(mirrors.fetch(source, part, verified))
        except DatasetError as error:
            places_tried = _lines([*tried, str(cache), *damage])
            raise DatasetError(
                f"{source.title} was not found and could not be downloaded. Looked in:\n{places_tried}\n{error}\n{_offline(source)}"
            ) from error
    return raws


def _read(part: Part, file: Path, verified: Verified) -> _Read:
    """Read one file; through its plain copy in the cache when both are known to hold the very same bytes."""
    before = signature(file)
    if verified.knows(file, part.sha256):
        plain = verified.folder / part.name
        if verified.knows(plain, part.sha256):
            try:
                return _Read(part, file, idx.read_raw(plain), before, None)
            except DatasetError:
                pass  # removed in this very moment; the original is still there
        return _Read(part, file, idx.read_raw(file), before, None)
    raw = idx.read_raw(file)
    return _Read(part, file, raw, before, raw.sha256())


def _accept(source: Source, read: _Read, verified: Verified) -> RawIdx:
    """Refuse a part that is not what was published; remember one that is."""
    check(source, read.part, read.file, read.raw, read.sha256)
    if read.sha256 is not None:
        verified.remember(read.file, read.signature, read.sha256)
    plain = verified.folder / read.part.name
    # Judged by name: a plain file needs no plain copy.
    if read.file.suffix == ".gz" and not verified.knows(plain, read.part.sha256):
        verified.store(read.part.name, read.raw, read.part.sha256)
    return read.raw


def _tuples(arrays: list[np.ndarray]) -> Data:
    x_train, y_train, x_test, y_test = arrays
    return (x_train, y_train), (x_test, y_test)


def _lines(places_tried: list[str]) -> str:
    return "\n".join(f"  - {place}" for place in places_tried)


def _offline(source: Source) -> str:
    return _OFFLINE.format(names=", ".join(f"{part.name}.gz" for part in source.parts))
