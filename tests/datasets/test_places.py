"""The search order and what ``gpunn doctor`` is told."""

import re
from pathlib import Path

import numpy as np
import pytest

from gpunn.datasets import DatasetError, digits, loader, mnist, places, sources
from gpunn.datasets.loader import load


@pytest.mark.parametrize("folder", ["tiny-set", "tiny_set", "."])
@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("by", ["path", "environment"])
def test_found_below_a_root(tiny, write, same, tmp_path, monkeypatch, folder, plain, by):
    write(tmp_path / "data" / folder, plain)
    if by == "environment":
        monkeypatch.setenv("GPUNN_DATA", str(tmp_path / "data"))
    assert same(load(tiny, tmp_path / "data" if by == "path" else None))


def test_dotted_names_of_republished_copies(tiny, write, same, tmp_path):
    for file in write(tmp_path / "data", plain=True).iterdir():
        file.rename(file.with_name(file.name.replace("-idx", ".idx")))
    assert same(load(tiny, str(tmp_path / "data")))


def test_order(tiny, write, tmp_path, monkeypatch):
    """path before GPUNN_DATA before the cache; seen by the folder in the report of a damaged file, since good ones are equal."""
    for name in ("path", "data", "cache/datasets"):
        folder = write(tmp_path / name / "tiny-set")
        (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"damaged " + name.encode())
    monkeypatch.setenv("GPUNN_DATA", str(tmp_path / "data"))
    with pytest.raises(DatasetError, match=re.escape(str(tmp_path / "path"))):
        load(tiny, tmp_path / "path")
    with pytest.raises(DatasetError, match=re.escape(str(tmp_path / "data"))):
        load(tiny)
    monkeypatch.delenv("GPUNN_DATA")
    with pytest.raises(DatasetError, match=re.escape(str(tmp_path / "cache"))):
        load(tiny)


def test_falls_through_an_incomplete_folder(tiny, write, same, tmp_path, monkeypatch):
    write(tmp_path / "data" / "tiny-set", skip=("t10k-images-idx3-ubyte",))
    write(tmp_path / "cache" / "datasets" / "tiny-set")
    monkeypatch.setenv("GPUNN_DATA", str(tmp_path / "data"))
    assert same(load(tiny))


def test_path_is_final(tiny, write, tmp_path, monkeypatch):
    """A wrong explicit folder is an error, even when another place has the data."""
    write(tmp_path / "data")
    monkeypatch.setenv("GPUNN_DATA", str(tmp_path / "data"))
    with pytest.raises(DatasetError) as error:
        load(tiny, tmp_path / "elsewhere")
    for text in (f"path '{tmp_path / 'elsewhere'}': no such folder", "digits", "t10k-images-idx3-ubyte.gz", "Tiny was not found"):
        assert text in str(error.value)
    (tmp_path / "file").write_text("x")
    with pytest.raises(DatasetError, match="a folder was expected, this is a file"):
        load(tiny, tmp_path / "file")
    write(tmp_path / "part", skip=("t10k-images-idx3-ubyte", "train-labels-idx1-ubyte"))
    with pytest.raises(DatasetError, match="train-labels-idx1-ubyte, t10k-images-idx3-ubyte missing"):
        load(tiny, tmp_path / "part")


@pytest.mark.parametrize("path", [3, "", ["x"], b"x"])
def test_path_of_a_wrong_type(path):
    with pytest.raises(TypeError, match=r"`path` must be the folder.*Received: path="):
        mnist.load_data(path)


def test_another_sets_folder_is_not_taken_for_this_one(tiny, write, same, tmp_path, monkeypatch):
    """All sets in MNIST's form share their file names, so a root that is MNIST's own folder must not serve Fashion-MNIST."""
    write(tmp_path / "data")
    monkeypatch.setenv("GPUNN_DATA", str(tmp_path / "data"))
    with pytest.raises(DatasetError, match=r"holds Tiny, not MNIST"):
        load(sources.Source("other", "MNIST", ("other",), (), *sources.MNIST.parts))
    assert same(load(tiny))


def test_keras_default_path_means_none(monkeypatch):
    asked = []
    monkeypatch.setattr(loader, "load", lambda source, path: asked.append(path) or [(np.zeros(1), np.zeros(1))] * 2)
    mnist.load_data("mnist.npz")
    mnist.load_data(path="mnist.npz")
    mnist.load_data("here")
    assert asked == [None, None, "here"]


def test_home_is_expanded(tiny, write, same, tmp_path, monkeypatch):
    write(tmp_path / "mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert same(load(tiny, "~/mine"))
    monkeypatch.setenv("GPUNN_DATA", "~/mine")
    assert same(load(tiny))


def test_cache_folder(tiny, tmp_path, monkeypatch):
    assert places.cache_folder(tiny) == tmp_path / "cache" / "datasets" / "tiny-set"
    monkeypatch.delenv("GPUNN_CACHE")
    assert "gpunn" in places.cache_folder(tiny).parts


def test_report(tiny, write, tmp_path, monkeypatch):
    monkeypatch.setattr(places, "SOURCES", (tiny,))
    (missing, _) = places.report()
    assert (missing.name, missing.folder, missing.verified) == ("tiny-set", None, False)
    assert missing.tried[0] == "GPUNN_DATA: not set" and "cache" in missing.tried[1] and "no such folder" in missing.tried[1]
    assert "GPUNN_DATA" in missing.mend
    assert not (tmp_path / "cache").exists(), "a report creates nothing"

    write(tmp_path / "data" / "tiny-set")
    monkeypatch.setenv("GPUNN_DATA", str(tmp_path / "data"))
    (found, _) = places.report()
    assert (found.folder, found.origin, found.verified, found.mend) == (tmp_path / "data" / "tiny-set", "GPUNN_DATA", False, "")
    load(tiny)
    assert places.report()[0].verified


def test_report_on_digits(monkeypatch):
    monkeypatch.setattr(digits, "find_file", lambda: Path("/somewhere/digits.csv.gz"))
    assert places.report()[-1].folder == Path("/somewhere")
    monkeypatch.setattr(digits, "find_file", lambda: None)
    last = places.report()[-1]
    assert last.name == "digits" and last.folder is None and last.mend == 'pip install "gpunn[digits]"' and "scikit-learn" in last.tried[0]


@pytest.mark.parametrize(("name", "mean"), [("mnist", 33.318), ("fashion-mnist", 72.940)])
def test_real_data(real_data, name, mean):
    """The mean training pixel is the well-known 0.1307 x 255 and 0.2860 x 255."""
    from gpunn.datasets import fashion_mnist

    module = mnist if name == "mnist" else fashion_mnist
    (x_train, y_train), (x_test, y_test) = module.load_data(real_data(name))
    assert (x_train.shape, y_train.shape, x_test.shape, y_test.shape) == ((60000, 28, 28), (60000,), (10000, 28, 28), (10000,))
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert abs(x_train.mean() - mean) < 1e-3 and x_train.max() == module.pixel_max
    counts = np.bincount(y_train, minlength=10)
    assert counts.sum() == 60000 and (name == "mnist" or set(counts) == {6000})
    if name == "fashion-mnist":
        assert len(fashion_mnist.class_names) == 10 and fashion_mnist.class_names[y_train[0]] == "Ankle boot"
