"""What is wrong with mapped and HDF5 files is said, and the model stays usable."""

import os

import numpy as np
import pytest
from fed import X, Y, network
from mapped_files import hdf5, mapped

from gpunn.training.feeds import sources
from gpunn.training.feeds.errors import DataError

pytestmark = pytest.mark.usefixtures("cpu")


def state(model):
    return [*model.get_weights(), model.optimizer.iterations]


def test_a_row_that_is_not_finite_is_named(tmp_path, monkeypatch):
    bad = X.astype(np.float32)
    bad[150, 3] = np.nan
    for x in (mapped(tmp_path, bad), bad):
        model = network()
        model.backend.block = 700
        with pytest.raises(ValueError, match=r"x of fit of model 'net': expected finite numbers. Received: NaN or infinity in row 150"):
            model.fit(x, Y, batch_size=16, verbose=0)
        with pytest.raises(ValueError, match="row 150"):
            model.evaluate(x, Y)
        with pytest.raises(ValueError, match="row 150"):
            model.predict(x)
        assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])
    huge = mapped(tmp_path, np.where(np.arange(207)[:, None] == 33, 1e300, X.astype(float)))
    with pytest.raises(ValueError, match="NaN or infinity in row 33"):
        network().fit(huge, Y, verbose=0)


def test_labels_in_a_file_are_checked_before_training(tmp_path):
    model = network()
    before = state(model)
    wrong = np.where(np.arange(207) == 200, 9, Y)
    with pytest.raises(ValueError, match=r"labels must be from 0 to 4.*Received: 9 in row 200"):
        model.fit(mapped(tmp_path), mapped(tmp_path, wrong, name="y.npy"), verbose=0)
    np.testing.assert_equal(state(model), before)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X[:, :3], r"Argument x of fit of model 'net': expected shape \(None, 12\). Received: \(207, 3\)"),
        (X[:20], r"Argument y of fit: expected as many rows as x, 20. Received: 207"),
        (X.astype(complex), "expected an array of numbers. Received: dtype complex128"),
    ],
    ids=["shape", "rows", "type"],
)
@pytest.mark.parametrize("h5", [False, True])
def test_the_door_refuses_files_as_it_refuses_arrays(tmp_path, x, message, h5):
    model = network()
    before = state(model)
    if h5:
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "x.h5", "w") as file:
            file["x"] = x
        given = h5py.File(tmp_path / "x.h5", "r")["x"]
    else:
        given = mapped(tmp_path, x)
    with pytest.raises(ValueError, match=message):
        model.fit(given, Y, verbose=0)
    np.testing.assert_equal(state(model), before)


@pytest.mark.parametrize("small", [True, False], ids=["small", "large"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_file_that_becomes_shorter_in_the_middle_of_an_epoch(tmp_path, monkeypatch, small, shuffle):
    from gpunn import callbacks

    monkeypatch.setattr(sources, "SMALL", 0.25 if small else 0)
    x = mapped(tmp_path)

    class Cut(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                os.truncate(tmp_path / "x.npy", 1000)

    model = network()
    model.backend.block = 1
    with pytest.raises(DataError, match=r"Argument x of fit of model 'net': 16 rows from \d+ to \d+ could not be read. OSError: the file"):
        model.fit(x, Y, batch_size=16, shuffle=shuffle, verbose=0, callbacks=[Cut()])
    assert 3 <= model.optimizer.iterations < 13
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])


def test_a_file_that_is_closed_in_the_middle_of_an_epoch(tmp_path):
    from gpunn import callbacks

    x = hdf5(tmp_path, chunks=(10, 12))

    class Close(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                x.file.close()

    model = network()
    model.backend.block = 1
    with pytest.raises(DataError, match=r"Argument x of fit of model 'net': 16 rows from \d+ to \d+ could not be read"):
        model.fit(x, Y, batch_size=16, verbose=0, callbacks=[Close()])
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])


def test_hdf5_that_is_no_open_dataset(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["rows"], file["labels"] = X, Y
        for x, y, name in ((file, Y, "x"), (X, file, "y")):
            with pytest.raises(ValueError, match=rf"{name}: expected a dataset. Received: an HDF5 group, with \['labels', 'rows'\]"):
                network().fit(x, y, verbose=0)
        rows, labels = file["rows"], file["labels"]
    for call, name in (
        (lambda m: m.fit(rows, Y, verbose=0), "x"), (lambda m: m.fit(X, labels, verbose=0), "y"),
        (lambda m: m.predict(rows, verbose=0), "x"), (lambda m: m.evaluate(rows, Y, verbose=0), "x"),
        (lambda m: m.fit(X, Y, validation_data=(rows, Y), verbose=0), "x"),
    ):
        with pytest.raises(ValueError, match=f"{name}: expected a dataset of an HDF5 file that is open. Received: one of a closed"):
            call(network())
