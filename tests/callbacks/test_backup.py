"""A training that is broken off anywhere and started again ends with the bits of one that was not."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from gpunn import backend, callbacks, optimizers
from gpunn.layers import BatchNormalization, Dense, Dropout, Input
from gpunn.models import Sequential
from gpunn.models.state import take
from gpunn.random import set_random_seed

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((90, 6)).astype("float32"), RNG.integers(0, 3, 90)
OPTIONS = {"batch_size": 16, "epochs": 5, "validation_split": 0.2, "verbose": 0}


class Broken(BaseException):
    """Stands for the end of the process."""


class BreakAt(callbacks.Callback):
    """Breaks off after so many train batches in all, before or after a backup of that batch."""

    def __init__(self, batches, after=False):
        super().__init__()
        self.left, self.last = batches, after

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise Broken


class Freeze(callbacks.Callback):
    """Changes the model as it trains."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.layers[1].trainable = epoch != 1


def model_of(seed, optimizer="adam"):
    set_random_seed(seed)
    model = Sequential([Input((6,)), Dense(8, activation="relu"), BatchNormalization(), Dropout(0.3), Dense(3, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model


def chain(folder, freq, *more, **options):
    return [
        callbacks.BackupAndRestore(folder / "backup", save_freq=freq, **options),
        callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        callbacks.ReduceLROnPlateau(patience=1, factor=0.5),
        callbacks.EarlyStopping(patience=2, restore_best_weights=True, min_delta=0.05),
        callbacks.CSVLogger(folder / "log.csv"),
        callbacks.ModelCheckpoint(str(folder / "best.keras"), save_best_only=True),
        Freeze(), *more,
    ]


def end_of(model, history, folder):
    """Everything a training leaves behind, as bytes."""
    moments = take(model)["optimizer"]["arrays"]  # after a layer was frozen the flat vectors may be laid out anew or not yet
    arrays = model.get_weights() + [moments[name] for name in sorted(moments)]
    return {
        "arrays": [a.tobytes() for a in arrays], "history": json.dumps(dict(history.history)), "epoch": history.epoch,
        "steps": model.optimizer.iterations, "rate": model.optimizer.learning_rate, "orders": model.epochs_seen,
        "random": int(model.backend.to_numpy(model.rng.step)[0]), "csv": (folder / "log.csv").read_bytes(),
    }


def undisturbed(folder, options=OPTIONS, seed=1, optimizer="adam"):
    folder.mkdir()
    model = model_of(seed, optimizer)
    return end_of(model, model.fit(X, Y, callbacks=chain(folder, "epoch")[1:], **options), folder)


def disturbed(folder, freq, breaks, options=OPTIONS, optimizer="adam", after=False, **given):
    """The same, broken off after so many batches each time; every start that finds a backup is a fresh model of another seed."""
    folder.mkdir()
    for i, batches in enumerate([*breaks, None]):
        model = model_of(100 + i if (folder / "backup" / "backup.npz").exists() else 1, optimizer)
        more = [] if batches is None else [BreakAt(batches, after)]
        try:
            history = model.fit(X, Y, callbacks=chain(folder, freq, *more, **given), **options)
        except Broken:
            continue
        return end_of(model, history, folder)
    raise AssertionError("never reached the end")


@pytest.mark.parametrize(("freq", "after"), [("epoch", False), (1, False), (1, True), (5, True)])
def test_every_batch_is_a_place_to_break_off(cpu, tmp_path, freq, after):
    expected = undisturbed(tmp_path / "whole")
    steps = len(expected["epoch"]) * 5  # 72 rows, 16 a batch
    assert 2 < len(expected["epoch"]) <= OPTIONS["epochs"] and len(set(json.loads(expected["history"])["learning_rate"])) > 2
    every = 1 if (freq, after) == (1, False) else 3  # with 5 batches an epoch, every third is each place of an epoch in some epoch
    for batches in range(1, steps + 1, every):
        assert disturbed(tmp_path / f"at {batches}", freq, [batches], after=after) == expected, batches


class StopAt(callbacks.Callback):
    """Ends the training in the midst of the third epoch."""

    def on_train_batch_end(self, batch, logs=None):
        if batch == 2 and len(self.model.history.epoch) == 2:
            self.model.stop_training = True


def test_stopped_within_an_epoch_and_broken_off_there(cpu, tmp_path):
    options = OPTIONS | {"epochs": 9}
    (tmp_path / "whole").mkdir()
    model = model_of(1)
    history = model.fit(X, Y, callbacks=chain(tmp_path / "whole", "epoch", StopAt())[1:], **options)
    expected = end_of(model, history, tmp_path / "whole")
    assert expected["epoch"] == [0, 1, 2] and expected["steps"] == 13
    folder = tmp_path / "broken"
    folder.mkdir()
    with pytest.raises(Broken):
        model_of(1).fit(X, Y, callbacks=chain(folder, 1, StopAt(), BreakAt(13, True)), **options)
    model = model_of(2)
    assert end_of(model, model.fit(X, Y, callbacks=chain(folder, 1, StopAt()), **options), folder) == expected


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize(
    "options",
    [
        {}, {"steps_per_epoch": 3, "batch_size": 12}, {"shuffle": False}, {"validation_freq": 2},
        {"sample_weight": np.linspace(0, 1, 90), "batch_size": 17},
    ],
)
@pytest.mark.filterwarnings("ignore:.* `val_loss` which is not available")  # with validation_freq=2, as in Keras
def test_broken_off_again_and_again(either_cpu, tmp_path, optimizer, options):
    options = OPTIONS | options
    expected = undisturbed(tmp_path / "whole", options, optimizer=optimizer)
    for n, breaks in enumerate([[2, 2, 2, 2, 2, 2], [4, 3, 5, 1, 6], [1, 9]]):
        assert disturbed(tmp_path / str(n), 2, breaks, options, optimizer) == expected


SCHEDULE = optimizers.schedules.CosineDecay(0.05, 12)
KINDS = {
    "accumulating": lambda: optimizers.Adam(0.01, gradient_accumulation_steps=3), "averaging": lambda: optimizers.SGD(0.1, use_ema=True),
    "averaging now and then": lambda: optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=4, gradient_accumulation_steps=2),
    "nadam": lambda: optimizers.Nadam(0.01), "decay": lambda: optimizers.SGD(0.1, momentum=0.9, decay=0.05),
    "schedule": lambda: optimizers.RMSprop(SCHEDULE, centered=True), "function": lambda: optimizers.SGD(lambda step: 0.1 / (1 + step)),
    "clipped": lambda: optimizers.AdamW(0.01, clipnorm=0.1), "muon": lambda: optimizers.Muon(0.01), "lamb": lambda: optimizers.Lamb(0.01),
}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_the_optimizer_keeps(cpu, tmp_path, kind):
    ends = []
    for breaks, freq in (([], 0), ([1, 2, 3, 4], 2), ([8], "epoch")):
        folder = tmp_path / str(len(ends))
        folder.mkdir()
        for batches in [*breaks, None]:
            model = model_of(100 if (folder / "backup" / "backup.npz").exists() else 1, KINDS[kind]())
            more = [] if batches is None else [BreakAt(batches)]
            keep = [callbacks.BackupAndRestore(folder / "backup", freq)] if breaks else []
            swap = [callbacks.SwapEMAWeights(swap_on_epoch=True)] if model.optimizer.use_ema else []
            try:
                history = model.fit(X, Y, callbacks=[*swap, callbacks.CSVLogger(folder / "log.csv"), *keep, *more], **OPTIONS)
            except Broken:
                continue
        ends.append(end_of(model, history, folder))
    assert ends[0] == ends[1] == ends[2]


def test_on_the_gpu_code(monkeypatch, tmp_path):
    sim = pytest.importorskip("gpunn.backend.sim")
    assert sim
    with backend.device("sim"):
        options = OPTIONS | {"epochs": 3}
        expected = undisturbed(tmp_path / "whole", options)
        for batches in (2, 7):
            assert disturbed(tmp_path / str(batches), 3, [batches], options) == expected


def test_the_end_of_an_early_stopped_training_is_kept(cpu, tmp_path):
    """Broken off after the last epoch, before the end: it does not train on."""

    class AtTheEnd(callbacks.Callback):
        def on_train_end(self, logs=None):
            raise Broken

    options = OPTIONS | {"epochs": 40}
    expected = undisturbed(tmp_path / "whole", options)
    assert len(expected["epoch"]) < 40
    folder = tmp_path / "broken"
    folder.mkdir()
    with pytest.raises(Broken):
        model_of(1).fit(X, Y, callbacks=chain(folder, "epoch", AtTheEnd()), **options)
    model = model_of(2)
    ends = []
    look = callbacks.LambdaCallback(on_train_end=lambda logs: ends.append(dict(logs)))
    assert end_of(model, model.fit(X, Y, callbacks=chain(folder, "epoch", look), **options), folder) == expected
    assert ends == [{k: v[-1] for k, v in json.loads(expected["history"]).items()}], "callbacks see the last epoch's logs"


@pytest.mark.parametrize("every", [(4, 3), (3, 2)], ids=str)
@pytest.mark.parametrize("moment", ["the file is written", "the file takes its place"])
def test_broken_off_while_the_backup_is_written(cpu, tmp_path, monkeypatch, moment, every):
    expected = undisturbed(tmp_path / "whole")
    folder = tmp_path / "broken"
    folder.mkdir()
    count, names = [0], {"the file is written": (np, "savez"), "the file takes its place": (os, "replace")}
    module, name = names[moment]
    honest = getattr(module, name)

    def breaking(target, *arguments, **named):
        count[0] += 1
        if count[0] % every[0] == every[1]:  # with (3, 2) backups follow a resumption before the next row of the CSV file
            if name == "savez":
                target.write(b"PK half a file")
                target.flush()
            raise Broken
        return honest(target, *arguments, **named)

    monkeypatch.setattr(module, name, breaking)
    for attempt in range(30):
        model = model_of(50 + attempt if (folder / "backup" / "backup.npz").exists() else 1)
        try:
            history = model.fit(X, Y, callbacks=chain(folder, 2), **OPTIONS)
            break
        except Broken:
            continue
    monkeypatch.undo()
    assert attempt >= 2 and end_of(model, history, folder) == expected


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


def test_reads_and_calls(cpu, tmp_path):
    """Backups of whole epochs do not make fit come back after every batch; every fifth batch is met exactly."""
    seen = []

    class Look(callbacks.BackupAndRestore):
        def _save(self, logs):
            seen.append((self._epoch, self._training.done))
            super()._save(logs)

    model_of(1).fit(X, Y, callbacks=[Look(tmp_path / "a", 7)], batch_size=4, epochs=2, verbose=0)  # 23 batches an epoch
    assert seen == [(0, 7), (0, 14), (0, 21), (1, 5), (1, 12), (1, 19)]
    plain = callbacks.CallbackList([callbacks.BackupAndRestore(tmp_path)], None, {})
    assert not plain.every_batch and not plain.every_chunk


SCRIPT = """
import hashlib, json, sys, time
import numpy as np
import gpunn
from gpunn import callbacks
folder, freq = sys.argv[1], sys.argv[2]
rng = np.random.default_rng(0)
x = rng.standard_normal((400, 10)).astype("float32"); y = rng.integers(0, 4, 400)
layers = gpunn.layers
model = gpunn.Sequential([
    gpunn.Input((10,)), layers.Dense(32, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.2),
    layers.Dense(4, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
if sys.argv[3] == "first":
    model.rng.seed = 11
    drawn = (np.random.default_rng(i).standard_normal(w.shape) * 0.3 if w.ndim == 2 else w for i, w in enumerate(model.get_weights()))
    model.set_weights(list(drawn))
class Slow(callbacks.Callback):
    def on_train_begin(self, logs=None):
        print("begun", flush=True)
    def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.004)
history = model.fit(x, y, batch_size=32, epochs=8, validation_split=0.1, verbose=0, callbacks=[
    callbacks.BackupAndRestore(folder + "/backup", save_freq=freq if freq == "epoch" else int(freq)), Slow(),
    callbacks.CSVLogger(folder + "/log.csv"), callbacks.ReduceLROnPlateau(patience=1),
    callbacks.EarlyStopping(patience=30, restore_best_weights=True)])
moments = [model.backend.to_numpy(v) for v in model.optimizer.state.values()]
digest = hashlib.sha256(b"".join(a.tobytes() for a in model.get_weights() + moments))
digest.update(json.dumps(history.history).encode() + open(folder + "/log.csv", "rb").read())
print("end", digest.hexdigest(), len(history.epoch), model.optimizer.iterations, flush=True)
"""


def start(folder, freq, which, out):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GPUNN_") or k == "GPUNN_CACHE"} | {"GPUNN_BACKEND": "cpu"}
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder), freq, which], stdout=out, stderr=subprocess.PIPE, env=environment)


@pytest.mark.parametrize(("freq", "times"), [("epoch", 2), ("1", 5)])
def test_killed_at_random_moments(tmp_path, freq, times):
    """SIGKILL, several times at moments drawn anew in every run, somewhere from the first batch to a backup being written."""
    (tmp_path / "whole").mkdir()
    with start(tmp_path / "whole", freq, "first", subprocess.PIPE) as child:
        out, errors = child.communicate(timeout=120)
    expected = out.split(b"end ")[-1]
    assert child.returncode == 0 and expected.split()[1:] == [b"8", b"96"], errors
    folder, kills, rng = tmp_path / "killed", 0, np.random.default_rng()
    folder.mkdir()
    which = "first"
    while True:
        with start(folder, freq, which, subprocess.PIPE) as child:
            line = child.stdout.readline()
            assert line.startswith(b"begun"), child.stderr.read()
            if kills < times:
                time.sleep(rng.uniform(0.0, 0.3))
                child.send_signal(signal.SIGKILL)
            out, errors = child.communicate(timeout=120)
        if child.returncode == 0:
            break
        assert child.returncode == -signal.SIGKILL, errors
        kills += 1
        which = "again" if (folder / "backup" / "backup.npz").exists() else "first"  # a start from nothing needs the first weights
    assert out.split(b"end ")[-1] == expected and kills >= 1  # on a slow moment it ends before the last
