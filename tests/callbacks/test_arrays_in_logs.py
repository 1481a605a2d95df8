"""Metrics that are arrays (a confusion matrix, an F score a class) go through every callback, and one that needs a number says so."""

import csv

import numpy as np
import pytest

import gpunn
from gpunn import callbacks, metrics
from gpunn.layers import Dense, Input
from gpunn.models import Sequential

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((60, 4)), RNG.integers(0, 3, 60)


def model_of():
    gpunn.utils.set_random_seed(1)
    model = Sequential([Input((4,)), Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy", metrics.ConfusionMatrix(3)])
    return model


def test_through_every_callback(tmp_path, capsys):
    parts = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    model = model_of()
    watchers = [
        callbacks.TensorBoard(tmp_path / "logs", update_freq=1), callbacks.CSVLogger(tmp_path / "rows.csv"), callbacks.ProgbarLogger(),
        callbacks.ModelCheckpoint(tmp_path / "best", monitor="val_loss", save_best_only=True), callbacks.EarlyStopping(patience=5),
        callbacks.ReduceLROnPlateau(), callbacks.TerminateOnNaN(), callbacks.GradientNormMonitor(), callbacks.DeadNeuronMonitor(X),
        callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False),
    ]  # fmt: skip
    history = model.fit(X, Y, epochs=2, validation_split=0.2, callbacks=watchers, verbose=2).history
    assert [m.sum() for m in history["confusion_matrix"]] == [48, 48] and history["val_confusion_matrix"][1].shape == (3, 3)
    assert np.trace(history["confusion_matrix"][1]) / 48 == pytest.approx(history["accuracy"][1])
    events = parts.EventAccumulator(str(tmp_path / "logs" / "train"))
    events.Reload()
    assert "epoch_accuracy" in events.Tags()["tensors"] and not any("confusion" in tag for tag in events.Tags()["tensors"])
    with open(tmp_path / "rows.csv", encoding="utf-8") as file:
        assert [row["confusion_matrix"][:2] for row in csv.DictReader(file)] == ['"['] * 2
    assert capsys.readouterr().out.count("val_confusion_matrix: ") >= 2
    values = model.evaluate(X, Y, verbose=0)
    assert values[2].shape == (3, 3) and values[2].sum() == 60


def test_a_run_that_is_taken_up_again_has_them_too(tmp_path):
    class Stop(Exception):
        pass

    def stop(epoch, logs):
        if epoch == 1:
            raise Stop

    whole = model_of().fit(X, Y, epochs=3, verbose=0).history
    with pytest.raises(Stop):
        keep = callbacks.BackupAndRestore(tmp_path)
        model_of().fit(X, Y, epochs=3, verbose=0, callbacks=[keep, callbacks.LambdaCallback(on_epoch_end=stop)])
    again = model_of().fit(X, Y, epochs=3, verbose=0, callbacks=[callbacks.BackupAndRestore(tmp_path)]).history
    np.testing.assert_array_equal(np.array(again["confusion_matrix"]), np.array(whole["confusion_matrix"]))


@pytest.mark.parametrize("make", [callbacks.EarlyStopping, callbacks.ReduceLROnPlateau, callbacks.ModelCheckpoint])
def test_what_watches_a_number_refuses_an_array(make, tmp_path):
    more = {"filepath": tmp_path / "best", "save_best_only": True} if make is callbacks.ModelCheckpoint else {}
    watcher = make(monitor="confusion_matrix", mode="max", **more)
    with pytest.raises(ValueError, match=rf"{make.__name__}: monitor must be a number. Received: 'confusion_matrix', of shape \(3, 3\)"):
        model_of().fit(X, Y, epochs=2, verbose=0, callbacks=[watcher])
