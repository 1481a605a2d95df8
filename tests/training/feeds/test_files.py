"""Mapped and HDF5 files: read block by block, never whole, in whatever form."""

import os

import numpy as np
import pytest
from fed import ONE_HOT, X, Y, network, outcome, same
from mapped_files import hdf5, mapped

from gpunn.backend.cpu import has_numba
from gpunn.training.feeds import files, sources
from gpunn.training.feeds.errors import DataError

pytestmark = pytest.mark.usefixtures("cpu")


def raw(tmp_path):
    """A file with something before the rows, as a binary format has."""
    with open(tmp_path / "x.bin", "wb") as file:
        file.write(b"head!" + X.tobytes())
    return np.memmap(tmp_path / "x.bin", np.uint8, "r", 5, X.shape)


def gone(tmp_path):
    x = mapped(tmp_path)
    os.unlink(tmp_path / "x.npy")
    return x


def replaced(tmp_path):
    x = mapped(tmp_path)
    os.rename(tmp_path / "x.npy", tmp_path / "old.npy")
    np.save(tmp_path / "x.npy", X[::-1].copy())
    return x


def written_after(tmp_path):
    x = mapped(tmp_path, np.zeros_like(X), "r+")
    x[...] = X
    return x


def private(tmp_path):
    x = mapped(tmp_path, np.zeros_like(X), "c")
    x[...] = X
    return x


KINDS = {
    "mapped": mapped,
    "raw, with an offset": raw,
    "every second row": lambda p: mapped(p, np.repeat(X, 2, axis=0))[::2],
    "backwards": lambda p: mapped(p, X[::-1].copy())[::-1],
    "columns of more": lambda p: mapped(p, np.concatenate([X, X], axis=1))[:, :12],
    "Fortran order": lambda p: mapped(p, np.asfortranarray(X)),
    "a plain view of a map": lambda p: np.asarray(mapped(p)),
    "float64": lambda p: mapped(p, X.astype(float)),
    "big endian": lambda p: mapped(p, X.astype(">f4")),
    "int16": lambda p: mapped(p, X.astype(np.int16)),
    "writeable": written_after,
    "changed in memory only": private,
    "a file that has gone": gone,
    "a file that is another now": replaced,
    "HDF5": hdf5,
    "HDF5 with a user block": lambda p: hdf5(p, 512),
    "HDF5 in chunks": lambda p: hdf5(p, chunks=(50, 12)),
    "HDF5, compressed": lambda p: hdf5(p, chunks=(7, 5), compression="gzip"),
}


@pytest.mark.parametrize("small", [True, False], ids=["small", "large"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_bits_of_memory(tmp_path, monkeypatch, kind, small):
    monkeypatch.setattr(sources, "SMALL", 0.25 if small else 0)
    x = KINDS[kind](tmp_path)
    for options in ({}, {"shuffle": "batch", "validation_split": 0.3}):
        results = []
        for given in (X, x):
            model = network()
            model.backend.block = 700
            fit = {"x": given, "y": Y, "batch_size": 16, "epochs": 2, "verbose": 0, **options}
            results.append(outcome(model, lambda m, fit=fit: m.fit(**fit), given))
        same(*results)


@pytest.mark.skipif(not hasattr(os, "preadv"), reason="rows are read through the map on this system")
def test_with_and_without_numba(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "SMALL", 0)
    source = sources.source(mapped(tmp_path), "float32", "x", "fit")
    rows = np.array([3, 200, 0, 7], np.int32)
    for compiled in {False, has_numba()}:
        monkeypatch.setattr(files, "has_numba", lambda compiled=compiled: compiled)
        out = np.empty((4, 12), np.uint8)
        source.read(rows, out)
        np.testing.assert_array_equal(out, X[rows])
        with pytest.raises(DataError, match=r"Argument x of fit: 2 rows from 1 to 900 could not be read. OSError: the file ends at byte"):
            source.read(np.array([1, 900], np.int32), out[:2])


def test_many_requests_at_once(tmp_path, monkeypatch):
    """Scattered rows of a file much larger than memory are asked for by threads: the same rows."""
    monkeypatch.setattr(sources, "SMALL", 0)
    monkeypatch.setattr(files, "pays", lambda *a: False)
    monkeypatch.setattr(files, "available_memory", lambda: 1000)
    results = [outcome(network(), lambda m, x=x: m.fit(x, Y, batch_size=16, epochs=2, verbose=0), x) for x in (X, mapped(tmp_path))]
    same(*results)


def test_never_more_than_a_block_in_memory(tmp_path, monkeypatch):
    """Not by fit, evaluate, predict or a split: every row is read once, and no read is larger than a block."""
    x, sizes = mapped(tmp_path, X.astype(float)), []
    for kind in (sources.ArraySource, sources.Hdf5Source):
        honest = kind.copy_rows

        def watched(self, rows, out, honest=honest):
            sizes.append((out.nbytes, len(out)))
            honest(self, rows, out)

        monkeypatch.setattr(kind, "copy_rows", watched)
    for given in (x, hdf5(tmp_path, chunks=(10, 12))):
        model = network()
        model.backend.block = 16 * 12 * 4 * 2
        model.fit(given, Y, batch_size=16, validation_split=0.3, validation_batch_size=16, verbose=0)
        model.evaluate(given, Y, batch_size=16)
        model.predict(given, batch_size=16)
    assert max(size for size, _ in sizes) <= 16 * 12 * 4 * 2 and sum(rows for _, rows in sizes) == 2 * 3 * len(X)


@pytest.mark.parametrize("kind", ["labels", "one-hot"])
def test_targets_in_files(tmp_path, monkeypatch, kind):
    from gpunn.training import data

    monkeypatch.setattr(data, "SMALL", 100)
    y = {"labels": Y.astype(np.uint8), "one-hot": ONE_HOT.astype(np.float32)}[kind]
    loss = "sparse_categorical_crossentropy" if kind == "labels" else "categorical_crossentropy"
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "y.h5", "w") as file:
        file.create_dataset("y", data=y, chunks=True)
    with h5py.File(tmp_path / "y.h5", "r") as file:
        results = []
        for target in (y, mapped(tmp_path, y, name="y.npy"), file["y"]):
            model = network(loss=loss)
            model.backend.block = 700
            results.append(outcome(model, lambda m, t=target: m.fit(mapped(tmp_path), t, batch_size=16, epochs=2, verbose=0), X, target))
    same(results[0], results[1])
    same(results[0], results[2])


def test_an_autoencoder_from_one_file(tmp_path, monkeypatch):
    from gpunn.layers import Dense
    from gpunn.models import Sequential
    from gpunn.random import set_random_seed
    from gpunn.training import data

    monkeypatch.setattr(data, "SMALL", 100)
    weights = []
    x = mapped(tmp_path, X.astype(np.float32) / 255)
    for given in (np.array(x), x):
        set_random_seed(1)
        model = Sequential([Dense(4, activation="relu", input_dim=12), Dense(12)])
        model.compile("adam", "mse", ["mae"])
        model.fit(given, given, batch_size=16, epochs=2, verbose=0)
        weights.append(model.get_weights())
    same(*weights)


def test_files_on_the_device(sim, tmp_path, monkeypatch):
    """Small enough they become resident, a block in host memory at a time; else they are streamed."""
    from gpunn import config
    from gpunn.training.feeds import resident

    sim()
    expected = outcome(network("sim"), lambda m: m.fit(X, Y, batch_size=16, epochs=2, verbose=0))
    in_chunks = hdf5(tmp_path, chunks=(20, 12))
    for how, block in (("auto", 100), ("always", 900)):
        config.set_streaming(how)
        monkeypatch.setattr(resident, "BLOCK", block)
        for x in (mapped(tmp_path), in_chunks):
            model = network("sim")
            model.backend.block = block
            same(expected, outcome(model, lambda m, x=x: m.fit(x, Y, batch_size=16, epochs=2, verbose=0), x))
    bad = X.astype(np.float32)
    bad[77, 1] = np.inf
    config.set_streaming("auto")
    with pytest.raises(ValueError, match="row 77"):
        network("sim").fit(mapped(tmp_path, bad), Y, verbose=0)


def test_a_single_column(tmp_path):
    h5py = pytest.importorskip("h5py")
    from gpunn.layers import Dense
    from gpunn.models import Sequential
    from gpunn.random import set_random_seed

    values = np.linspace(-1, 1, 50)
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_dataset("v", data=values, chunks=(8,))
    weights = []
    with h5py.File(tmp_path / "v.h5", "r") as file:
        for x in (values, mapped(tmp_path, values, name="v.npy"), file["v"]):
            set_random_seed(1)
            model = Sequential([Dense(1)])
            model.compile("adam", "mse")
            model.fit(x, values * 2, batch_size=8, verbose=0)
            weights.append(model.get_weights())
    same(weights[0], weights[1])
    same(weights[0], weights[2])


def test_single_batches_from_files(tmp_path):
    one, other = network(), network()
    x = mapped(tmp_path)
    assert one.train_on_batch(x[:16], Y[:16]) == other.train_on_batch(X[:16], Y[:16])
    np.testing.assert_array_equal(one.predict_on_batch(x[:5]), other.predict_on_batch(X[:5]))
    np.testing.assert_array_equal(one(x[:5]), other(X[:5]))


def test_a_conversion_that_memory_cannot_hold_is_done_block_by_block(monkeypatch):
    from gpunn.training import data

    x = X.astype(float)
    expected = outcome(network(), lambda m: m.fit(x, Y, batch_size=16, verbose=0), x)
    monkeypatch.setattr(data, "available_memory", lambda: 15_000)
    assert isinstance(network()._inputs(x, "fit", lazy=True), sources.Source)
    same(expected, outcome(network(), lambda m: m.fit(x, Y, batch_size=16, verbose=0), x))
    monkeypatch.setattr(data, "available_memory", lambda: None)
    assert isinstance(network()._inputs(x, "fit", lazy=True), np.ndarray)


@pytest.mark.parametrize("h5", [False, True])
def test_neighbours_are_read_in_one_go(tmp_path, monkeypatch, h5):
    """Whole batches shuffled, their rows in order of label: one read a batch all the same."""
    kind, asked = (sources.Hdf5Source if h5 else sources.ArraySource), []
    honest = kind.copy_rows

    def watched(self, rows, out):
        asked.append(rows)
        honest(self, rows, out)

    monkeypatch.setattr(kind, "copy_rows", watched)
    given = hdf5(tmp_path, chunks=(10, 12)) if h5 else mapped(tmp_path)
    network().fit(given, Y, batch_size=16, shuffle="batch", verbose=0)
    assert all(isinstance(rows, slice) for rows in asked) and sum(s.stop - s.start for s in asked) == len(X)
