"""Backups as files: when they go and when they stay, damaged ones, those of something else, wrong arguments."""

import numpy as np
import pytest
from broken_off import OPTIONS, BreakAt, Broken, X, Y, chain, disturbed, end_of, model_of, undisturbed

from gpunn import callbacks
from gpunn.layers import Dense, Input
from gpunn.models import Sequential


def test_the_backup_goes_when_training_has_ended(cpu, tmp_path):
    undisturbed(tmp_path / "whole")
    disturbed(tmp_path / "a", 3, [4])
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["best.keras", "log.csv"]
    disturbed(tmp_path / "b", 3, [4], delete_checkpoint=False, double_checkpoint=True)
    assert sorted(p.name for p in (tmp_path / "b" / "backup").iterdir()) == ["backup.npz", "backup.previous.npz"]
    (tmp_path / "c" / "backup").mkdir(parents=True)
    other = tmp_path / "c" / "backup" / "mine.txt"
    other.write_text("not a backup")
    model_of(1).fit(X, Y, callbacks=[callbacks.BackupAndRestore(tmp_path / "c" / "backup")], **OPTIONS)
    assert other.exists() and len(list(other.parent.iterdir())) == 1, "only its own files go"


def test_a_kept_backup_goes_on_with_more_epochs(cpu, tmp_path):
    def fit(seed, epochs, delete):
        model = model_of(seed)
        keep = callbacks.BackupAndRestore(tmp_path / "b", delete_checkpoint=delete)
        return model, model.fit(X, Y, batch_size=16, epochs=epochs, callbacks=[keep], verbose=0)

    whole = model_of(1)
    history = whole.fit(X, Y, batch_size=16, epochs=5, verbose=0)
    fit(1, 2, False)
    model, second = fit(2, 5, True)
    assert second.history == history.history and second.epoch == [0, 1, 2, 3, 4]
    for a, b in zip(whole.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_damaged_backup(cpu, tmp_path):
    def broken_off(double):
        folder = tmp_path / str(double)
        folder.mkdir()
        with pytest.raises(Broken):
            model_of(1).fit(X, Y, callbacks=chain(folder, 2, BreakAt(9), double_checkpoint=double), **OPTIONS)
        file = folder / "backup" / "backup.npz"
        file.write_bytes(file.read_bytes()[:-2000])
        return folder

    folder = broken_off(False)
    with pytest.raises(ValueError, match="is not a whole gpunn model file"):
        model_of(2).fit(X, Y, callbacks=chain(folder, 2), **OPTIONS)
    expected, folder = undisturbed(tmp_path / "whole"), broken_off(True)
    model = model_of(2)
    with pytest.warns(UserWarning, match="damaged or missing; the one before it is used"):
        history = model.fit(X, Y, callbacks=chain(folder, 2), **OPTIONS)
    assert end_of(model, history, folder) == expected


def other_width():
    model = Sequential([Input((6,)), Dense(9, activation="relu"), Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (other_width, {}, "is not the one this state was taken from: expected weights of the shapes"),
        (lambda: model_of(2, "sgd"), {}, "expected the optimizer SGD. Received: Adam"),
        (lambda: model_of(2), {"batch_size": 8}, r"expected a fit with rows, batch_size, steps an epoch and shuffle \[72, 16, 5, True\]"),
    ],
)
def test_a_backup_of_something_else(cpu, tmp_path, model, options, words):
    with pytest.raises(Broken):
        model_of(1).fit(X, Y, callbacks=[callbacks.BackupAndRestore(tmp_path, 2), BreakAt(3)], **OPTIONS)
    fresh = model()
    before = fresh.get_weights()
    with pytest.raises(ValueError, match=words):
        fresh.fit(X, Y, callbacks=[callbacks.BackupAndRestore(tmp_path, 2)], **(OPTIONS | options))
    for a, b in zip(before, fresh.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_other_callbacks_than_at_the_backup(cpu, tmp_path):
    with pytest.raises(Broken):
        model_of(1).fit(X, Y, callbacks=chain(tmp_path, 2, BreakAt(9)), **OPTIONS)
    words = "expected the callbacks ReduceLROnPlateau, EarlyStopping, CSVLogger, ModelCheckpoint, History. Received: EarlyStopping, History"
    with pytest.raises(ValueError, match=words):
        model_of(1).fit(X, Y, callbacks=[callbacks.BackupAndRestore(tmp_path / "backup", 2), callbacks.EarlyStopping()], **OPTIONS)


def test_logs_that_cannot_be_written(cpu, tmp_path):
    put = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(odd=object()))
    with pytest.raises(ValueError, match=r"BackupAndRestore\['logs'\]\['odd'\]: expected numbers, strings, arrays"):
        model_of(1).fit(X, Y, callbacks=[put, callbacks.BackupAndRestore(tmp_path)], **OPTIONS)


def test_arguments():
    for wrong in ({"backup_dir": ""}, {"backup_dir": "x", "save_freq": "batch"}, {"backup_dir": "x", "save_freq": 0}):
        with pytest.raises(ValueError, match=r"backup_dir must name a folder|Unrecognized save_freq of BackupAndRestore"):
            callbacks.BackupAndRestore(**wrong)
