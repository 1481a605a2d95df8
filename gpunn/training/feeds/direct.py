"""A file read past the system's cache, where its file system can, into memory made for it."""

import errno
import mmap
import os
from typing import Any, cast

import numpy as np

PAGE = 4096  # what such reads are aligned to


class DirectFile:
    """Open until `close`; ``direct``: whether reads go past the cache. Where they do not, what was read is put out of it again."""

    def __init__(self, path: str):
        how = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)
        try:
            self.file, self.direct = os.open(path, how | os.O_DIRECT), True
        except (OSError, AttributeError):
            self.file, self.direct = os.open(path, how), False

    def read(self, buffer: np.ndarray, begin: int, end: int) -> None:
        """Bytes from `begin`, a multiple of `PAGE`, to `end` into a buffer from `memory`, which may get up to the end of the page. Raises
        OSError for what is not there."""
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

    def close(self) -> None:
        os.close(self.file)


def memory(size: int) -> np.ndarray:
    """Bytes of our own from a page's border on, in large pages where the system has them: each page costs a read past the cache time."""
    own = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}
    mapped = mmap.mmap(-1, size, **own)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        mapped.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(mapped, np.uint8, size)
