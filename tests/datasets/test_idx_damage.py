"""The IDX reader on damaged files: refused by name and byte, always with DatasetError, never with wrong values."""

import gzip
import os
import random
import tracemalloc

import numpy as np
import pytest

from gpunn.datasets import DatasetError
from gpunn.datasets.idx import read_idx

GOOD = bytes.fromhex("00 00 08 02  00 00 00 02  00 00 00 03  01 02 03 04 05 06")


def refused(tmp_path, data, *texts, name="bad-idx"):
    file = tmp_path / name
    file.write_bytes(data)
    with pytest.raises(DatasetError) as error:
        read_idx(file)
    for text in (f"'{file}'", "Expected", "Received", *texts):
        assert text in str(error.value), str(error.value)


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"", ("byte 0", "cut short", "0 bytes")),
        (b"\0", ("byte 1", "cut short")),
        (b"\0\0\x08", ("byte 3", "cut short", "3 bytes")),
        (b"\x12\x34" + GOOD[2:], ("byte 0", "no IDX file", "00 00", "12 34")),
        (b"\0\x01" + GOOD[2:], ("byte 0", "00 01")),
        (b"\x01", ("byte 0", "01")),
        (GOOD[:2] + b"\x99" + GOOD[3:], ("byte 2", "type", "08, 09, 0b, 0c, 0d, 0e", "99")),
        (GOOD[:2] + b"\x0a" + GOOD[3:], ("byte 2", "0a")),
        (GOOD[:3] + b"\xff" + GOOD[4:], ("byte 3", "too many dimensions", "64", "255")),
        (GOOD[:3] + b"\x09" + GOOD[4:], ("byte 18", "36 bytes for 9 dimensions", "14 bytes")),
        (GOOD[:9], ("byte 9", "8 bytes for 2 dimensions", "5 bytes")),
        (GOOD[:12], ("byte 12", "6 bytes", "0 bytes", "2x3 uint8")),
        (GOOD[:-1], ("byte 17", "ends too early", "6 bytes", "5 bytes")),
        (GOOD + b"x", ("byte 18", "bytes follow", "1 more")),
        (GOOD[:4] + b"\xff" * 8 + GOOD[12:], ("byte 18", "ends too early", str((2**32 - 1) ** 2))),
        (bytes.fromhex("00 00 08 04") + bytes(4) + b"\xff" * 12, ("byte 4", "no array can have")),
    ],
)
def test_refused_by_byte(tmp_path, data, texts):
    refused(tmp_path, data, *texts)
    if data[:2] not in (b"", b"\0"):  # the same inside a sound gzip container
        texts = [text for text in texts if text != "1 more"]
        file = tmp_path / "packed.gz"
        file.write_bytes(gzip.compress(data))
        with pytest.raises(DatasetError) as error:
            read_idx(file)
        assert "more than this file can hold" in str(error.value) or all(text in str(error.value) for text in texts)


def test_plain_file_named_gz(tmp_path):
    refused(tmp_path, GOOD, "byte 0", "not a gzip file", "1f 8b", "00 00", name="x.gz")
    refused(tmp_path, b"", "not a gzip file", "an empty file", name="empty.gz")
    refused(tmp_path, b"<!DOCTYPE html>", "byte 0", "not a gzip file", "3c 21", name="page.gz")


def test_damaged_gzip(tmp_path):
    packed = gzip.compress(GOOD)
    refused(tmp_path, packed[:-1], "damaged gzip", "end-of-stream")
    refused(tmp_path, packed[:5], "damaged gzip", "after byte 0")
    refused(tmp_path, packed[:-8] + b"\0\0\0\0" + packed[-4:], "damaged gzip", "after byte 18", "CRC")
    refused(tmp_path, packed[:-4] + b"\0\0\0\0", "damaged gzip", "length")
    refused(tmp_path, packed + b"rest", "damaged gzip")
    refused(tmp_path, packed[:10] + b"\xff" * 20, "damaged gzip")


def test_gzip_bomb_is_not_inflated(tmp_path):
    """Peak memory follows the declared six bytes, not the 64 MB behind them."""
    file = tmp_path / "bomb.gz"
    file.write_bytes(gzip.compress(GOOD + bytes(64 << 20)))
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match=r"byte 18.*at least 1 more"):
            read_idx(file)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("packed", [False, True])
def test_huge_declared_shape_allocates_nothing(tmp_path, packed):
    data = bytes.fromhex("00 00 0e 02  00 01 00 00  00 00 20 00") + bytes(4 << 20)  # declares 4 GiB
    file = tmp_path / "huge"
    file.write_bytes(gzip.compress(data, 1) if packed else data)
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match=r"65536x8192 float64"):
            read_idx(file)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_unreadable_places(tmp_path):
    with pytest.raises(DatasetError, match="No such file"):
        read_idx(tmp_path / "absent")
    with pytest.raises(DatasetError, match="regular file"):
        read_idx(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(DatasetError, match="regular file"):
            read_idx(tmp_path / "pipe")


def test_impossible_shape_in_gzip_is_refused_before_reading(tmp_path):
    data = GOOD[:4] + bytes.fromhex("00 01 00 00  00 01 00 00") + GOOD[12:]
    packed = gzip.compress(data)
    room = f"at most {len(packed) * 1032} bytes from {len(packed)} bytes of gzip"
    refused(tmp_path, packed, "byte 4", "65536x65536 uint8", room, name="x.gz")


def oracle(data):
    """What the bytes say, read independently, or None when they contradict themselves."""
    kinds = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in kinds or len(data) < 4 + 4 * data[3]:
        return None
    shape = tuple(int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3]))
    count = 1
    for size in shape:
        count *= size
    dtype, body = np.dtype(kinds[data[2]]), data[4 + 4 * data[3] :]
    return np.frombuffer(body, dtype).reshape(shape) if len(body) == count * dtype.itemsize else None


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float64"])
def test_random_damage(tmp_path, idx_bytes, dtype, packed):
    """Random cuts, flips and insertions: the bytes' true meaning or a DatasetError, nothing else."""
    rng = random.Random(f"{dtype}{packed}")
    sound = idx_bytes(np.random.default_rng(1).integers(0, 100, (4, 3, 2)).astype(dtype))
    file = tmp_path / "fuzz"
    read = refused = 0
    for _ in range(700):
        data = bytearray(gzip.compress(sound, mtime=0) if packed else sound)
        for _ in range(rng.randint(1, 3)):
            where = rng.randrange(min(len(data), 24) if rng.random() < 0.7 else len(data))
            kind = rng.randrange(4)
            if kind == 0:
                del data[where + 1 :]
            elif kind == 1:
                data[where] ^= 1 << rng.randrange(8)
            elif kind == 2:
                data[where] = rng.randrange(256)
            else:
                data.insert(where, rng.randrange(256))
        file.write_bytes(data)
        try:
            got = read_idx(file)
        except DatasetError as error:
            assert str(file) in str(error)
            refused += 1
        else:
            expected = oracle(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else bytes(data))
            assert expected is not None
            np.testing.assert_array_equal(got, expected)
            read += 1
    assert read and refused > 350
