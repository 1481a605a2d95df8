"""A file is the old one or the whole new one, whenever the process ends."""

import os
import pathlib
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A path to write to within the ``with`` block; its file then takes the name `path`, and is gone where the block raises."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
