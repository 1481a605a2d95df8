"""One clear error for a file that cannot be read, naming it."""

import pathlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

DAMAGE = (
    zipfile.BadZipFile, zlib.error, KeyError, TypeError, EOFError, OSError, NotImplementedError, SyntaxError, RecursionError, OverflowError,
    AttributeError, IndexError, MemoryError,
)


@contextmanager
def told(path: pathlib.Path | str, what: str = "a whole gpunn model file") -> Iterator[None]:
    """Within the ``with`` block what damage raises becomes a ValueError that names the file (or argument), and what it should be."""
    try:
        yield
    except ImportError:
        raise
    except DAMAGE as error:
        words = str(error) if isinstance(error, (zipfile.BadZipFile, OSError, SyntaxError)) else f"{type(error).__name__} {error}"
        raise ValueError(f"{path} is not {what}: {words}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
