"""Fetch one part of a data set from the first mirror that delivers the published bytes, into the user cache."""

import contextlib
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from gpunn.datasets import idx
from gpunn.datasets.download import TransferError, transfer
from gpunn.datasets.errors import DatasetError
from gpunn.datasets.idx import RawIdx
from gpunn.datasets.sources import Part, Source, check
from gpunn.datasets.verified import Verified

try:
    import fcntl
except ImportError:  # Windows: two downloads at once would spoil each other's file, which the checksum notices
    fcntl = None  # type: ignore[assignment]


def fetch(source: Source, part: Part, verified: Verified) -> RawIdx:
    """Download, verify and keep ``part``; when the cache cannot be written the bytes are returned all the same.

    Raises:
        DatasetError: no mirror delivered it; the message says why each failed. What arrived of an interrupted transfer stays in
            the cache and is built upon next time; what arrived completely but is not the published file is removed.
    """
    failures = []
    for mirror in source.mirrors:
        url = f"{mirror}{part.name}.gz"
        try:
            raw = _fetch_from(url, source, part, verified.folder)
        except (TransferError, DatasetError) as error:
            failures.append(f"  - {url}: {error}")
            continue
        verified.store(part.name, raw, part.sha256)
        _tidy(verified.folder, part)
        return raw
    raise DatasetError("Mirrors tried:\n" + "\n".join(failures))


def _fetch_from(url: str, source: Source, part: Part, folder: Path) -> RawIdx:
    # Named after the mirror too: another mirror's compression may differ, and halves of two files make none.
    name = f"{part.name}.{zlib.crc32(url.encode()):08x}.part"
    with _part_file(folder, name) as (file, path):
        while True:
            # gzip adds next to nothing to what it cannot compress
            built_upon = transfer(url, file, limit=part.raw_bytes + part.raw_bytes // 1000 + 1024, label=f"{source.title} {part.name}")
            try:
                raw = idx.read_raw(path)
                check(source, part, path, raw, raw.sha256())
                break
            except DatasetError as error:
                file.truncate(0)
                if built_upon:
                    continue  # perhaps only what was left from an earlier day was bad: once more from the first byte
                raise DatasetError(f"what arrived is not the published file and was removed. {error}") from error
    return raw


@contextmanager
def _part_file(folder: Path, name: str) -> Iterator[tuple[BinaryIO, Path]]:
    """The file to download into, opened for appending: in the cache when that works, and kept there while it is incomplete."""
    file, path = _open_shared(folder, name), folder / name
    if file is None:  # the cache cannot be written, or another process is downloading the same file at this moment
        with tempfile.TemporaryDirectory(prefix="gpunn-") as private, (Path(private) / name).open("a+b") as own:
            yield cast(BinaryIO, own), Path(private) / name
        return
    keep = True
    try:
        with file:
            try:
                yield file, path
                keep = False
            finally:
                keep = keep and file.seek(0, os.SEEK_END) > 0
                if not keep and fcntl:
                    path.unlink(missing_ok=True)  # while the lock is held: nobody else can be writing into it
    finally:
        if not keep and not fcntl:
            _remove(path)  # Windows cannot remove an open file


def _tidy(folder: Path, part: Part) -> None:
    """Remove what other mirrors left half done, now that the part is there."""
    for leftover in folder.glob(f"{part.name}.*.part"):
        file = _open_shared(folder, leftover.name)
        if file is not None:  # nobody is writing into it
            with file:
                if fcntl:
                    _remove(leftover)
            if not fcntl:
                _remove(leftover)


def _remove(path: Path) -> None:
    """Where it can be: on Windows not while another process has it open."""
    with contextlib.suppress(OSError):
        path.unlink()


def _open_shared(folder: Path, name: str) -> BinaryIO | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = cast(BinaryIO, (folder / name).open("a+b"))
    except OSError:
        return None
    if fcntl is None:
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file.fileno()).st_ino == os.stat(folder / name).st_ino:
            return file
    except OSError:  # locked by another process, or removed by it just now
        pass
    file.close()
    return None
