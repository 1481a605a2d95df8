"""Which format a file has: by its suffix where it is written, by its first bytes where it is read."""

import json
import pathlib
import zipfile
from importlib.util import find_spec
from typing import Any

WRITTEN_FOR = "3.15.1"  # the Keras whose files ours are like
ARCHIVE, KERAS, H5, WEIGHTS_H5, SAFETENSORS = "archive", "keras", "h5", "weights_h5", "safetensors"
_SUFFIXES = {".weights.h5": WEIGHTS_H5, ".keras": KERAS, ".h5": H5, ".hdf5": H5, ".safetensors": SAFETENSORS}
_NEEDS = {KERAS: ("h5py", "hdf5"), H5: ("h5py", "hdf5"), WEIGHTS_H5: ("h5py", "hdf5"), SAFETENSORS: ("safetensors", "safetensors")}
_HDF5 = b"\x89HDF\r\n\x1a\n"
_FOREIGN = (
    (b"\x89PNG\r\n", "a PNG image"), (b"\xff\xd8\xff", "a JPEG image"), (b"GIF8", "a GIF image"), (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip file"), (b"\x80\x02", "a pickle, which is never read"), (b"\x80\x03", "a pickle, which is never read"),
    (b"\x80\x04", "a pickle, which is never read"), (b"\x80\x05", "a pickle, which is never read"), (b"\x93NUMPY", "a single NumPy array"),
)


def to_write(path: pathlib.Path) -> str:
    """The format that a name asks for: gpunn's own where the suffix is no other's. Raises ImportError naming the extra that it needs."""
    kind = next((kind for suffix, kind in _SUFFIXES.items() if path.name.lower().endswith(suffix)), ARCHIVE)
    need(kind, path)
    return kind


def need(kind: str, path: Any) -> None:
    """Raises ImportError, with the command that installs it, where a package is missing."""
    package, extra = _NEEDS.get(kind, (None, None))
    if package is not None and find_spec(package) is None:
        raise ImportError(f'{path} needs {package}, which is not installed. Install it with: pip install "gpunn[{extra}]"')


def of_file(path: pathlib.Path, what: str) -> str:
    """The format of a file that is there. `what`: "model" or "weights", for errors.

    Raises FileNotFoundError for no file, ValueError for one of another kind, saying which, ImportError where its package is missing.
    """
    if path.is_dir():
        saved = (path / "saved_model.pb").exists()
        raise ValueError(f"{path}: expected a {what} file. Received: a directory{' (a TensorFlow SavedModel)' if saved else ''}.")
    if not path.exists():
        raise FileNotFoundError(f"No {what} file at {path}.")
    with open(path, "rb") as file:
        head = file.read(16)
    if head.startswith(_HDF5):
        kind = H5
    elif head.startswith(b"PK\x03\x04"):
        kind = _of_zip(path)
    elif _is_safetensors(path, head):
        kind = SAFETENSORS
    else:
        found = next((name for magic, name in _FOREIGN if head.startswith(magic)), "no format known here" if head else "an empty file")
        raise ValueError(
            f"{path} is not a whole gpunn model file: expected .keras, .h5, .weights.h5, .safetensors or gpunn's own .npz. "
            f"Received: {found}."
        )
    need(kind, path)
    return kind


def _of_zip(path: pathlib.Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise ValueError(f"{path} is not a whole gpunn model file: {error}") from error
    if "config.npy" in names:
        return ARCHIVE
    if "config.json" in names:
        return KERAS
    if any(name.endswith("data.pkl") for name in names):
        raise ValueError(f"{path} is not a whole gpunn model file. Received: a PyTorch file, which holds a pickle.")
    raise ValueError(f"{path} is not a whole gpunn model file. Received: another archive, of {', '.join(names[:5]) or 'nothing'}.")


def _is_safetensors(path: pathlib.Path, head: bytes) -> bool:
    """Eight bytes of a length, then JSON that long."""
    size = int.from_bytes(head[:8], "little")
    return path.suffix == ".safetensors" or (head[8:9] == b"{" and size <= path.stat().st_size - 8)


def text_of(config: bytes | str) -> dict[str, Any]:
    """A JSON object. Raises ValueError for anything else."""
    try:
        given = json.loads(config)
    except RecursionError as error:
        raise ValueError("its JSON is nested too deeply") from error
    if not isinstance(given, dict):
        raise ValueError("its configuration is not a JSON object")
    return given
