"""Pickled arrays and lists of numbers, read so that nothing in a file can run."""

import pickle
from typing import Any, BinaryIO

from gpunn.datasets.errors import DatasetError

DAMAGE = (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, AttributeError, TypeError)  # what a broken pickle ends in
ALLOWED = {
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),  # of pickle's protocol 5
    ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode"),
}


class _Numbers(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise DatasetError(f"A file of a data set holds arrays, lists and numbers alone. Received: {module}.{name}.")
        return super().find_class(module, name)


def unpickled(file: BinaryIO, encoding: str) -> Any:
    """What is written in `file`. encoding: of Python 2's strings, as `pickle.load` takes it. Raises DatasetError for anything that could
    run code, and one of `DAMAGE` for what is no pickle."""
    return _Numbers(file, encoding=encoding).load()
