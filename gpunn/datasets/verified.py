"""The memory of the user cache: which files were verified, and plain copies of the compressed ones.

Inflating and hashing Fashion-MNIST takes half a second, reading 55 MB of plain verified bytes a tenth of that. A file counts as verified
while its size and times are those it had when its checksum was compared. Everything here works on best effort: a cache
that cannot be written costs time, never the data.
"""

import contextlib
import json
import os
from pathlib import Path

from gpunn.datasets.idx import RawIdx

_STAMPS = "verified.json"

Signature = tuple[int, int, int]


def signature(file: Path) -> Signature | None:
    """Size, time of last writing and time of last change of any kind (ns); None when there is no such file."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


class Verified:
    """Stamps and plain copies of one data set, kept in ``folder``, which is made when first written to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def knows(self, file: Path, sha256: str) -> bool:
        """Was ``file`` found to have this checksum (of its decompressed bytes), and is it unchanged since?"""
        now = signature(file)
        return now is not None and self._stamps().get(os.path.abspath(file)) == [*now, sha256]

    def remember(self, file: Path, seen: Signature | None, sha256: str) -> None:
        """Note the checksum of ``file``, whose signature was ``seen`` before it was read."""
        if seen is None or signature(file) != seen:
            return  # it changed while it was being read: what was read says nothing about what is there now
        # Two processes may do this at once; the later one wins and the other's file is verified once more, which is harmless.
        stamps = {name: stamp for name, stamp in self._stamps().items() if os.path.exists(name)}
        stamps[os.path.abspath(file)] = [*seen, sha256]
        self._write(_STAMPS, json.dumps(stamps, indent=1).encode())

    def store(self, name: str, raw: RawIdx, sha256: str) -> Path | None:
        """Keep the plain bytes of a verified file as ``folder/name``; None when the cache cannot be written."""
        if not self._write(name, raw.header, raw.data.data):
            return None
        file = self.folder / name
        self.remember(file, signature(file), sha256)
        return file

    def _stamps(self) -> dict[str, list[int | str]]:
        try:
            stamps = json.loads((self.folder / _STAMPS).read_bytes())
        except (OSError, ValueError):
            return {}
        return stamps if isinstance(stamps, dict) else {}

    def _write(self, name: str, *chunks: bytes | memoryview) -> bool:
        """Write ``folder/name`` so that it is there completely or not at all, also after a power cut."""
        temporary = self.folder / f".{name}.{os.urandom(6).hex()}.tmp"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with temporary.open("xb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.folder / name)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            return False
        return True
