"""IDX, the file format of MNIST, read strictly: a damaged file is refused by name and byte, never half read.

The format (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits"): two zero bytes, one byte for the type
of the values, one byte for the number of dimensions, one big-endian uint32 for each dimension, then the values, big-endian, in C order.
"""

import gzip
import hashlib
import math
import os
import stat
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from gpunn.datasets.errors import DatasetError

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_MAX_RANK = 64  # NumPy's limit
_MAX_DEFLATE_RATIO = 1032  # a 258-byte match costs at least 2 bits
_CHUNK = 1 << 20


@dataclass(frozen=True)
class RawIdx:
    """One IDX file as its bytes: ``header`` and ``data`` (flat uint8 array), with what the header declares about them."""

    header: bytes
    data: np.ndarray
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def sha256(self) -> str:
        """Checksum of the whole decompressed file."""
        digest = hashlib.sha256(self.header)
        digest.update(self.data.data)
        return digest.hexdigest()

    def array(self) -> np.ndarray:
        """The values: C-contiguous, writable, in this machine's byte order; bytes are not copied, wider types are."""
        values = self.data.view(self.dtype).reshape(self.shape)
        return values if self.dtype.itemsize == 1 else values.astype(self.dtype.newbyteorder("="))


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """Read one IDX file, plain or gzip (told apart by content), of any type and any number of dimensions.

    Returns a writable C-contiguous array in native byte order: uint8, int8, int16, int32, float32 or float64, as the file declares.

    Raises:
        DatasetError (a ValueError): the file cannot be opened, is no IDX file, is shorter or longer than its header declares, or
            its gzip container is damaged. The message names the file, the byte, what was expected and what was found.
    """
    return read_raw(path).array()


def read_pair(images: str | os.PathLike[str], labels: str | os.PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    """Read images and their labels; the two must hold equally many rows (DatasetError names both files otherwise)."""
    x, y = read_idx(images), read_idx(labels)
    check_counts(images, x.shape, labels, y.shape)
    return x, y


def check_counts(images: str | os.PathLike[str], x: tuple[int, ...], labels: str | os.PathLike[str], y: tuple[int, ...]) -> None:
    """Refuse images of shape ``x`` and labels of shape ``y`` that do not belong together."""
    if not x or len(y) != 1 or x[0] != y[0]:
        raise DatasetError(
            f"Images and labels do not belong together. Expected: as many labels as images, one each. "
            f"Received: images of shape {x} in '{images}', labels of shape {y} in '{labels}'."
        )


def read_raw(path: str | os.PathLike[str]) -> RawIdx:
    """Read and check one IDX file without interpreting its values; errors as in :func:`read_idx`."""
    path = Path(path)
    try:
        # Asked before opening: opening a named pipe would wait for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise DatasetError(f"IDX file '{path}' cannot be read. Expected: a regular file. Received: a folder or a device.")
        with path.open("rb", buffering=0) as file:
            return _read_open(path, cast(BinaryIO, file))
    except OSError as error:
        raise DatasetError(f"IDX file '{path}' cannot be read: {error.strerror or error}.") from error


def _read_open(path: Path, file: BinaryIO) -> RawIdx:
    size = os.fstat(file.fileno()).st_size
    start = file.read(2)
    file.seek(0)
    if start == _GZIP_MAGIC:
        return _read_gzip(path, file, size)
    if path.suffix == ".gz":
        raise _damaged(path, 0, "not a gzip file", f"the gzip magic {_hex(_GZIP_MAGIC)}", _hex(start) or "an empty file")
    return _read_plain(path, file, size)


def _read_plain(path: Path, file: BinaryIO, size: int) -> RawIdx:
    header, dtype, shape, declared = _read_header(path, file)
    found = size - len(header)
    _check_size(path, len(header), dtype, shape, declared, found)
    data = np.empty(declared, np.uint8)
    filled = 0
    while filled < declared:
        n = cast(Any, file).readinto(data.data[filled:])
        if not n:  # the file was cut while it was being read
            _check_size(path, len(header), dtype, shape, declared, filled)
        filled += n
    return _raw(path, header, data, dtype, shape)


def _read_gzip(path: Path, file: BinaryIO, size: int) -> RawIdx:
    done = 0
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as stream:
            header, dtype, shape, declared = _read_header(path, cast(BinaryIO, stream))
            done = len(header)
            if declared > size * _MAX_DEFLATE_RATIO:
                raise _damaged(
                    path, 4, f"the header declares {_describe(dtype, shape)}, {declared} bytes, more than this file can hold",
                    f"at most {size * _MAX_DEFLATE_RATIO} bytes from {size} bytes of gzip", f"dimensions {shape}",
                )
            # Grown chunk by chunk: memory follows what is really there, not what a damaged header declares.
            data = bytearray()
            while len(data) < declared:
                chunk = stream.read(min(_CHUNK, declared - len(data)))
                if not chunk:
                    break
                data += chunk
                done = len(header) + len(data)
            # One byte more: finds what trails without inflating it all, and at the end makes gzip check its CRC.
            found = len(data) + len(stream.read(1))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DatasetError(
            f"IDX file '{path}' has a damaged gzip container, noticed after byte {done} of the decompressed data. "
            f"Expected: a complete gzip stream. Received: {str(error).rstrip('.')}."
        ) from error
    _check_size(path, len(header), dtype, shape, declared, found, more="at least ")
    return _raw(path, header, np.frombuffer(data, np.uint8), dtype, shape)


def _read_header(path: Path, file: BinaryIO) -> tuple[bytes, np.dtype[Any], tuple[int, ...], int]:
    """Header bytes, type, dimensions, and how many bytes of values they declare."""
    magic = file.read(4)
    if magic[:2] != b"\0\0"[: len(magic)]:
        raise _damaged(path, 0, "no IDX file", "00 00", _hex(magic[:2]))
    if len(magic) < 4:
        raise _damaged(path, len(magic), "the header is cut short", "4 bytes of magic number", f"{len(magic)} bytes")
    if magic[2] not in _DTYPES:
        known = ", ".join(f"{code:02x}" for code in _DTYPES)
        raise _damaged(path, 2, "unknown type of values", f"one of the codes {known}", f"{magic[2]:02x}")
    dtype, rank = np.dtype(_DTYPES[magic[2]]), magic[3]
    if rank > _MAX_RANK:
        raise _damaged(path, 3, "too many dimensions", f"at most {_MAX_RANK}", str(rank))
    sizes = file.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise _damaged(
            path, 4 + len(sizes), "the header is cut short", f"{4 * rank} bytes for {rank} dimensions", f"{len(sizes)} bytes",
        )
    shape = struct.unpack(f">{rank}I", sizes)
    return magic + sizes, dtype, shape, math.prod(shape) * dtype.itemsize


def _check_size(
    path: Path, header: int, dtype: np.dtype[Any], shape: tuple[int, ...], declared: int, found: int, more: str = "",
) -> None:
    if found < declared:
        raise _damaged(
            path, header + found, "the file ends too early", f"{declared} bytes of values after the {header}-byte header "
            f"({_describe(dtype, shape)})", f"{found} bytes",
        )
    if found > declared:
        raise _damaged(
            path, header + declared, "bytes follow the last value", f"the end of the file after {declared} bytes of values "
            f"({_describe(dtype, shape)})", f"{more}{found - declared} more",
        )


def _raw(path: Path, header: bytes, data: np.ndarray, dtype: np.dtype[Any], shape: tuple[int, ...]) -> RawIdx:
    try:
        data.view(dtype).reshape(shape)
    except ValueError as error:  # no values at all, and the other dimensions overflow NumPy's index type
        raise _damaged(path, 4, "dimensions that no array can have", "sizes whose product fits 63 bits", str(shape)) from error
    return RawIdx(header, data, dtype, shape)


def _damaged(path: Path, byte: int, what: str, expected: str, received: str) -> DatasetError:
    return DatasetError(f"IDX file '{path}' is damaged at byte {byte}: {what}. Expected: {expected}. Received: {received}.")


def _describe(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    return f"{'x'.join(map(str, shape)) or 'one'} {dtype.name}"


def _hex(data: bytes) -> str:
    return data.hex(" ")
