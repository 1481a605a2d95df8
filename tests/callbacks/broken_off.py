"""Trainings that are broken off and started again, and everything that they leave behind."""

import json

import numpy as np

from gpunn import callbacks
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
        self.model.layers[0].trainable = epoch != 1


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
