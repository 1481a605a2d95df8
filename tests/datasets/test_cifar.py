"""CIFAR's files: small ones in the form that Python 2 wrote, read as Keras reads them; nothing is downloaded."""

import os
import pickle
import struct
from typing import ClassVar

import numpy as np
import pytest

from gpunn.datasets import DatasetError, cifar10, cifar100, stored_images


class Python2(pickle._Pickler):
    """Strings as Python 2 wrote them, which the published files hold."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_bytes(self, text):
        self.write(b"U" + bytes([len(text)]) + text if len(text) < 256 else b"T" + struct.pack("<i", len(text)) + text)
        self.memoize(text)

    def save_str(self, text):
        self.save_bytes(text.encode("ascii"))

    dispatch[bytes], dispatch[str] = save_bytes, save_str


def write(file, entries):
    with file.open("wb") as opened:
        Python2(opened, protocol=2).dump(entries)


def rows(rng, n, **labels):
    return {
        "data": rng.integers(0, 256, (n, 3072), np.uint8), **{k: rng.integers(0, m, n).tolist() for k, m in labels.items()},
        "filenames": [f"{i}.png" for i in range(n)],
    }


@pytest.fixture
def folder(tmp_path):
    """Both sets, of 20 images a file (of CIFAR-10, 10,000 a file are expected by Keras, which is not asked for it then)."""
    rng = np.random.default_rng(0)
    ten, hundred = tmp_path / cifar10.FOLDER, tmp_path / cifar100.FOLDER
    ten.mkdir()
    hundred.mkdir()
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        write(ten / name, rows(rng, 20, labels=10))
    for name, n in (("train", 30), ("test", 20)):
        write(hundred / name, rows(rng, n, fine_labels=100, coarse_labels=20))
    return tmp_path


def same(mine, theirs):
    for a, b in zip(mine, theirs, strict=True):
        for u, v in zip(a, b, strict=True):
            assert u.dtype == np.uint8, "as Keras's documentation says; its labels of CIFAR-100 come as int64"
            np.testing.assert_array_equal(u, v)


def test_cifar10_as_keras_reads_a_batch(folder):
    load_batch = pytest.importorskip("keras.src.datasets.cifar").load_batch
    (x, y), (x_test, y_test) = cifar10.load_data(folder)
    assert x.shape == (100, 32, 32, 3) and y.shape == (100, 1) and x_test.shape == (20, 32, 32, 3) and y_test.shape == (20, 1)
    for name, mine in (("data_batch_2", (x[20:40], y[20:40])), ("test_batch", (x_test, y_test))):
        images, labels = load_batch(folder / cifar10.FOLDER / name)
        same([mine], [(images.transpose(0, 2, 3, 1), np.asarray(labels, np.uint8)[:, None])])
    assert len(cifar10.class_names) == 10


@pytest.mark.parametrize("mode", ["fine", "coarse"])
def test_cifar100_as_keras_reads_it(folder, monkeypatch, mode):
    theirs = pytest.importorskip("keras.src.datasets.cifar100")
    asked = []
    monkeypatch.setattr(theirs, "get_file", lambda fname, **k: asked.append((fname, k)) or str(folder))
    monkeypatch.setattr(stored_images, "get_file", lambda fname, origin, **k: asked.append((fname, {"origin": origin, **k})) or str(folder))
    same(cifar100.load_data(mode), theirs.load_data(mode))
    assert asked[0] == asked[1], "address and checksum are Keras's"


def test_cifar10_is_fetched_as_keras_fetches_it(folder, monkeypatch):
    theirs = pytest.importorskip("keras.src.datasets.cifar10")
    asked = []

    def keras_get_file(fname, **options):
        asked.append((fname, options))
        raise InterruptedError

    monkeypatch.setattr(theirs, "get_file", keras_get_file)
    with pytest.raises(InterruptedError):
        theirs.load_data()
    monkeypatch.setattr(stored_images, "get_file", lambda fname, origin, **k: asked.append((fname, {"origin": origin, **k})) or str(folder))
    (x, _), _ = cifar10.load_data()
    assert len(x) == 100 and asked[0] == asked[1]


def test_the_folder(folder, monkeypatch, tmp_path):
    monkeypatch.setattr(stored_images, "get_file", None)
    monkeypatch.setenv("GPUNN_DATA", str(folder))
    same(cifar10.load_data(), cifar10.load_data(folder / cifar10.FOLDER))
    same(cifar100.load_data(), cifar100.load_data(path=folder))
    with pytest.raises(DatasetError, match=r"Expected: a folder that holds data_batch_1, or cifar-10-batches-py/data_batch_1"):
        cifar10.load_data(tmp_path / "elsewhere")
    (folder / cifar10.FOLDER / "data_batch_3").unlink()
    with pytest.raises(DatasetError, match=r"no file .*data_batch_3"):
        cifar10.load_data()
    with pytest.raises(ValueError, match="'fine' or 'coarse'"):
        cifar100.load_data("medium")


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_file_that_was_written_anew(folder, protocol):
    """Protocol 5, which Python 3.14 writes unless told otherwise, has arrays in another form."""
    entries = rows(np.random.default_rng(1), 20, labels=10)
    (folder / cifar10.FOLDER / "test_batch").write_bytes(pickle.dumps(entries, protocol))
    x, y = cifar10.load_data(folder)[1]
    np.testing.assert_array_equal(x.transpose(0, 3, 1, 2).reshape(20, 3072), entries["data"])
    np.testing.assert_array_equal(y.ravel(), entries["labels"])


class Evil:
    def __reduce__(self):
        return os.getcwd, ()


def test_damage(folder):
    file = folder / cifar10.FOLDER / "test_batch"
    whole = file.read_bytes()
    file.write_bytes(pickle.dumps({"data": Evil(), "labels": []}))
    with pytest.raises(DatasetError, match="arrays, lists and numbers alone"):
        cifar10.load_data(folder)
    broken = [whole[: len(whole) // 2], b"", b"no pickle", pickle.dumps([1]), pickle.dumps({"labels": [1, 2]})]
    broken.append(pickle.dumps({"data": np.zeros((3, 3072), np.uint8), "labels": [1, 2]}))
    broken.append(pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [1, 700]}))
    for content in broken:
        file.write_bytes(content)
        with pytest.raises(DatasetError, match=r"test_batch' is damaged"):
            cifar10.load_data(folder)
