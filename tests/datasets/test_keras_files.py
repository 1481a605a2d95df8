"""Keras's files of sequences and of houses: small ones of their form, read as Keras reads them; nothing is downloaded."""

import os
import pickle

import numpy as np
import pytest

from gpunn.datasets import DatasetError, boston_housing, california_housing, imdb, reuters, stored_sequences


def lists(rng, n):
    out = np.empty(n, object)
    out[:] = [rng.integers(1, 40, rng.integers(2, 12)).tolist() for _ in range(n)]
    return out


@pytest.fixture
def files(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "imdb.npz", x_train=lists(rng, 20), y_train=rng.integers(0, 2, 20), x_test=lists(rng, 15), y_test=rng.integers(0, 2, 15)
    )
    np.savez(tmp_path / "reuters.npz", x=lists(rng, 30), y=rng.integers(0, 46, 30))
    for name in ("boston_housing", "california_housing"):
        np.savez(tmp_path / f"{name}.npz", x=rng.random((700, 4)), y=rng.random(700))
    (tmp_path / "imdb_word_index.json").write_text('{"the": 1, "a": 2}')
    asked = []

    def get_file(fname, origin=None, file_hash=None, **unused):
        asked.append((fname, origin, file_hash))
        return str(tmp_path / fname)

    for module in (imdb, reuters, boston_housing, california_housing):
        monkeypatch.setattr(module, "get_file", get_file)
    return asked, get_file, tmp_path


def same(mine, theirs):
    for a, b in zip(mine, theirs, strict=True):
        for u, v in zip(a, b, strict=True):
            assert [list(np.atleast_1d(w)) for w in u] == [list(np.atleast_1d(w)) for w in v]


OPTIONS = [
    {}, {"num_words": 20}, {"num_words": 25, "skip_top": 5, "oov_char": None}, {"maxlen": 9, "seed": 4},
    {"start_char": None, "index_from": 0},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_as_keras_reads_them(files, options, monkeypatch):
    keras = pytest.importorskip("keras_twin").keras
    asked, get_file, _ = files
    for name, mine in (("imdb", imdb), ("reuters", reuters)):
        theirs = getattr(keras.src.datasets, name)
        monkeypatch.setattr(theirs, "get_file", get_file)
        same(mine.load_data(**options), theirs.load_data(**options))
    for name, mine in (("boston_housing", boston_housing), ("california_housing", california_housing)):
        theirs = getattr(keras.src.datasets, name)
        monkeypatch.setattr(theirs, "get_file", get_file)
        same(mine.load_data(test_split=0.3), theirs.load_data(test_split=0.3))
    assert len(set(asked)) * 2 == len(asked), "addresses and checksums are Keras's"


def test_the_rest(files):
    assert imdb.get_word_index() == {"the": 1, "a": 2}
    assert len(reuters.get_label_names()) == 46
    (x, _), (more, _) = california_housing.load_data("small")
    assert len(x) + len(more) == 600
    for wrong, options in ((california_housing, {"version": "wide"}), (boston_housing, {"test_split": 1.0}), (reuters, {"test_split": -1})):
        with pytest.raises(ValueError, match="Received"):
            wrong.load_data(**options)
    with pytest.raises(ValueError, match="no sequence is shorter"):
        imdb.load_data(maxlen=1)


class Evil:
    def __reduce__(self):
        return os.getcwd, ()


def test_nothing_in_a_file_is_run(files):
    _, _, folder = files
    bad = np.empty(1, object)
    bad[0] = Evil()
    np.savez(folder / "reuters.npz", x=bad, y=np.zeros(1))
    with pytest.raises(DatasetError, match="arrays, lists and numbers alone"):
        reuters.load_data()
    (folder / "reuters.npz").write_bytes(pickle.dumps([1]))
    with pytest.raises(DatasetError, match="is damaged"):
        reuters.load_data()
    np.savez(folder / "plain.npz", x=np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    np.testing.assert_array_equal(stored_sequences.read(folder / "plain.npz")["x"], np.arange(6.0).reshape(2, 3))
