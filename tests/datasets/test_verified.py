"""The verified cache: what is hashed, when it is hashed again, and that damage never gets through."""

import gzip
import os
import random
from dataclasses import replace

import numpy as np
import pytest

from gpunn.datasets import DatasetError, idx
from gpunn.datasets.idx import RawIdx
from gpunn.datasets.loader import load
from gpunn.datasets.sources import MNIST
from gpunn.datasets.verified import Verified, signature


@pytest.fixture
def hashed(monkeypatch):
    """Counts the checksums taken."""
    calls = []
    original = RawIdx.sha256
    monkeypatch.setattr(RawIdx, "sha256", lambda raw: calls.append(raw.shape) or original(raw))
    return calls


@pytest.fixture
def opened(monkeypatch):
    """Records the files read."""
    files = []
    original = idx.read_raw
    monkeypatch.setattr(idx, "read_raw", lambda path: files.append(path) or original(path))
    return files


@pytest.mark.parametrize("plain", [False, True])
def test_second_load_neither_hashes_nor_inflates(tiny, write, same, tmp_path, hashed, opened, plain):
    data = write(tmp_path / "data" / "tiny-set", plain).parent
    assert same(load(tiny, data)) and len(hashed) == 4
    hashed.clear()
    opened.clear()
    assert same(load(tiny, data)) and not hashed
    assert len(opened) == 4 and all(file.suffix == "" for file in opened)
    # What was plain already is not copied.
    kept = {file.name for file in (tmp_path / "cache" / "datasets" / "tiny-set").iterdir()}
    assert kept == {"verified.json"} | (set() if plain else {part.name for part in tiny.parts})


def test_changed_file_is_verified_again(tiny, write, same, tmp_path, hashed):
    data = write(tmp_path / "data" / "tiny-set")
    load(tiny, data.parent)
    file = data / "train-images-idx3-ubyte.gz"
    seen = file.stat()
    raw = bytearray(gzip.decompress(file.read_bytes()))
    raw[100] ^= 1
    file.write_bytes(gzip.compress(bytes(raw)))
    with pytest.raises(DatasetError) as error:
        load(tiny, data.parent)
    assert f"'{file}'" in str(error.value) and tiny.train_images.sha256 in str(error.value)

    # Even with its old time of writing put back, which the time of change gives away; on Windows there is none.
    if os.name == "posix":
        os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        with pytest.raises(DatasetError, match="SHA-256"):
            load(tiny, data.parent)

    raw[100] ^= 1
    file.write_bytes(gzip.compress(bytes(raw), 1))  # another compression of the right bytes
    hashed.clear()
    assert same(load(tiny, data.parent)) and len(hashed) == 1


def test_changed_plain_copy_is_replaced(tiny, write, same, tmp_path):
    data = write(tmp_path / "data" / "tiny-set")
    load(tiny, data)
    copy = tmp_path / "cache" / "datasets" / "tiny-set" / "train-images-idx3-ubyte"
    sound = copy.read_bytes()
    copy.write_bytes(sound[:-1] + b"\0")
    assert same(load(tiny, data)) and copy.read_bytes() == sound


def test_file_that_changes_while_it_is_read_is_not_remembered(tmp_path):
    file = tmp_path / "x"
    file.write_bytes(b"one")
    before = signature(file)
    file.write_bytes(b"other")
    verified = Verified(tmp_path / "cache")
    verified.remember(file, before, "a" * 64)
    assert not verified.knows(file, "a" * 64)
    verified.remember(file, signature(file), "a" * 64)
    assert verified.knows(file, "a" * 64) and not verified.knows(file, "b" * 64)
    verified.remember(tmp_path / "absent", None, "a" * 64)
    assert not verified.knows(tmp_path / "absent", "a" * 64)


def test_stamps_of_removed_files_are_dropped(tmp_path):
    verified = Verified(tmp_path / "cache")
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"x")
        verified.remember(tmp_path / name, signature(tmp_path / name), "a" * 64)
    (tmp_path / "one").unlink()
    verified.remember(tmp_path / "two", signature(tmp_path / "two"), "b" * 64)
    text = (tmp_path / "cache" / "verified.json").read_text()
    assert str(tmp_path / "one") not in text and verified.knows(tmp_path / "two", "b" * 64)


@pytest.mark.parametrize("stamps", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"x": 1}'])
def test_damaged_stamps_cost_time_only(tiny, write, same, tmp_path, hashed, stamps):
    data = write(tmp_path / "data" / "tiny-set")
    load(tiny, data.parent)
    (tmp_path / "cache" / "datasets" / "tiny-set" / "verified.json").write_bytes(stamps)
    hashed.clear()
    assert same(load(tiny, data.parent)) and len(hashed) == 4


@pytest.mark.parametrize("kind", ["file in the way", "read-only"])
def test_cache_that_cannot_be_written(tiny, write, same, tmp_path, monkeypatch, kind):
    data = write(tmp_path / "data" / "tiny-set")
    if kind == "file in the way":
        (tmp_path / "cache").write_text("")
    else:  # chmod does not stop root, so refusal itself is played
        monkeypatch.setattr("gpunn.datasets.verified.os.replace", lambda *a: (_ for _ in ()).throw(PermissionError("read-only")))
    assert same(load(tiny, data)) and same(load(tiny, data))
    folder = tmp_path / "cache" / "datasets" / "tiny-set"
    assert not folder.exists() or not list(folder.iterdir()), "nothing half-written stays behind"


def test_swapped_and_foreign_files_are_named(tiny, write, tmp_path, arrays, idx_bytes):
    data = write(tmp_path / "data" / "tiny-set", plain=True)
    (data / "train-labels-idx1-ubyte").write_bytes(idx_bytes(arrays["t10k-labels-idx1-ubyte"]))
    with pytest.raises(DatasetError) as error:
        load(tiny, data.parent)
    for text in ("do not belong together", str(data / "train-images-idx3-ubyte"), str(data / "train-labels-idx1-ubyte"), "(60,", "(20,"):
        assert text in str(error.value)

    part = replace(tiny.test_images, sha256=tiny.test_labels.sha256)  # same shape, bytes of another known file
    write(data, plain=True)
    with pytest.raises(DatasetError, match=r"Received: [0-9a-f]{64}, which is Tiny's t10k-images-idx3-ubyte"):
        load(replace(tiny, test_images=part), data.parent)


def test_wrong_shape_or_type(tiny, write, tmp_path, arrays, idx_bytes):
    data = write(tmp_path / "data", plain=True)
    file = data / "t10k-images-idx3-ubyte"
    file.write_bytes(idx_bytes(arrays[file.name].astype(np.int16)))
    with pytest.raises(DatasetError, match=r"Expected: shape \(20, 9, 9\) of uint8. Received: shape \(20, 9, 9\) of int16"):
        load(tiny, data)
    file.write_bytes(idx_bytes(arrays[file.name].reshape(20, 3, 27)))
    with pytest.raises(DatasetError, match=r"Received: shape \(20, 3, 27\) of uint8"):
        load(tiny, data)


@pytest.mark.parametrize("plain", [False, True])
def test_random_damage_never_gets_through(tiny, write, same, tmp_path, plain):
    rng = random.Random(11)
    data = write(tmp_path / "data", plain)
    files = sorted(data.iterdir())
    sound = {file: file.read_bytes() for file in files}
    refused = 0
    for _ in range(120):
        file = rng.choice(files)
        damaged = bytearray(sound[file])
        where = rng.randrange(rng.choice((20, len(damaged))))
        if rng.random() < 0.3:
            del damaged[where:]
        else:
            damaged[where] ^= 1 << rng.randrange(8)
        file.write_bytes(damaged)
        try:
            assert same(load(tiny, data))  # such as a flip in gzip's own time stamp
        except DatasetError as error:
            assert str(file) in str(error)
            refused += 1
        file.write_bytes(sound[file])
    assert refused > 80 and same(load(tiny, data))


def test_checksums_are_of_the_well_known_bytes(real_data):
    """The MD5 sums are those the publishers' files are known by; the SHA-256 sums of the catalogue are ours."""
    import hashlib

    root = real_data("mnist")
    with gzip.open(root / "mnist" / "train-images-idx3-ubyte.gz") as file:
        raw = file.read()
    assert hashlib.md5(raw, usedforsecurity=False).hexdigest() == "6bbc9ace898e44ae57da46a324031adb"
    assert hashlib.sha256(raw).hexdigest() == MNIST.train_images.sha256
    assert len(raw) == MNIST.train_images.raw_bytes
