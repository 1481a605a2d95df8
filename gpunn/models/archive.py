"""One .npz file of arrays beside a JSON text: written whole or not at all, read without running code from it."""

import json
import math
import pathlib
import zipfile
import zlib
from typing import Any

import numpy as np

from gpunn.models.files.atomic import replacing

MODEST = 1 << 20  # bytes that a member may have however it is compressed


def write(path: pathlib.Path, config: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write atomically: a file of that name is either the old one or the whole new one, whenever the process ends."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        text = np.frombuffer(json.dumps(config).encode(), np.uint8)
        np.savez(file, **(arrays | {"config": text}))  # type: ignore[arg-type]


def read(path: pathlib.Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The configuration and the arrays of a file. Raises ValueError when it is damaged or something else."""
    try:
        with open(path, "rb") as opened:  # NumPy leaves a damaged file open
            if zipfile.is_zipfile(opened):
                check(opened)
            opened.seek(0)
            file = np.load(opened, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("a single array, not an archive")
            with file:
                arrays = {name: file[name] for name in file.files}
        config = json.loads(arrays.pop("config").tobytes().decode())
        if not isinstance(config, dict):
            raise ValueError("the configuration is not an object")
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, OSError, NotImplementedError, SyntaxError) as error:
        raise ValueError(f"{path} is not a whole gpunn model file: {error}") from error
    return config, arrays


def check(file: Any) -> None:
    """Raises ValueError for a zip whose members are much larger than they are stored, or are arrays of another size than they say."""
    with zipfile.ZipFile(file) as members:
        for info in members.infolist():
            modest(info)
            if not info.filename.endswith(".npy"):
                continue
            with members.open(info) as member:
                version = np.lib.format.read_magic(member)
                header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = header(member)
                if not dtype.hasobject and member.tell() + math.prod(shape) * dtype.itemsize != info.file_size:
                    raise ValueError(f"{info.filename} says it has the shape {shape}, but is {info.file_size:,} bytes long")


def modest(info: zipfile.ZipInfo) -> None:
    """Raises ValueError for a member that would be much larger than it is stored."""
    if info.file_size > MODEST and info.file_size > 100 * info.compress_size:
        raise ValueError(f"{info.filename} would be {info.file_size:,} bytes, of which {info.compress_size:,} are stored")


def flatten(value: Any, arrays: dict[str, np.ndarray], where: str) -> Any:
    """A tree of dicts, lists, numbers, strings and arrays as JSON; its arrays (and NumPy's numbers) go into `arrays`.

    Raises ValueError naming the place of anything else.
    """
    if value is None or isinstance(value, (bool, str)) or type(value) in (int, float):
        return value
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufSU":
        name = f"array/{len(arrays)}"
        arrays[name] = np.asarray(value)
        return {"array": name, "scalar": isinstance(value, np.generic)}
    if isinstance(value, (list, tuple)):
        return [flatten(v, arrays, f"{where}[{i}]") for i, v in enumerate(value)]
    if isinstance(value, dict) and all(isinstance(k, str) for k in value):
        return {"dict": {k: flatten(v, arrays, f"{where}[{k!r}]") for k, v in value.items()}}
    raise ValueError(f"{where}: expected numbers, strings, arrays, or lists and dicts of them. Received: {value!r}.")


def unflatten(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The tree that `flatten` took apart; tuples come back as lists."""
    if isinstance(value, list):
        return [unflatten(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    if "dict" in value:
        return {k: unflatten(v, arrays) for k, v in value["dict"].items()}
    return arrays[value["array"]][()] if value["scalar"] else arrays[value["array"]]
