"""The callbacks act at the same epochs, with the same words and files, as Keras's own on the same logs."""

import warnings

import numpy as np
import pytest
from keras_twin import keras, twins

from gpunn import callbacks

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((50, 6)), RNG.integers(0, 3, 50)


class Optimizer:
    """As much of an optimizer as a callback sees."""

    name = "stand-in"

    def __init__(self, rate=0.001):
        self.learning_rate = rate


class Model:
    """As much of a model as a callback sees; its one weight is the number of the epoch."""

    def __init__(self, rate=0.001):
        self.optimizer, self.stop_training, self.now, self.saved = Optimizer(rate), False, -1, []

    def get_weights(self):
        return [np.array(self.now)]

    def set_weights(self, weights):
        self.now = int(weights[0])

    def save(self, path, overwrite=True):
        self.saved.append((self.now, path))

    save_weights = save


def run(callback, series, rate=0.001, batches=0):
    """Epochs over a series of logs, as `fit` calls a callback -> what can be seen afterwards."""
    model, rates, logged = Model(rate), [], []
    callback.set_model(model)
    callback.set_params({"epochs": len(series), "steps": batches, "verbose": 0})
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        callback.on_train_begin({})
        for epoch, entry in enumerate(series):
            model.now, logs = epoch, dict(entry)
            callback.on_epoch_begin(epoch, {})
            for batch in range(batches):
                callback.on_train_batch_end(batch, {"loss": 1.0 / (batch + 1)})
            callback.on_epoch_end(epoch, logs)
            rates.append(float(model.optimizer.learning_rate))
            logged.append(logs)
            if model.stop_training:
                break
        callback.on_train_end(logs)
    return {"epochs": len(rates), "rates": rates, "logs": logged, "weights": model.now, "saved": model.saved, "warned": bool(warned)}


def series_of(rng, length=12):
    """Values with ties, near-ties, plateaus, and now and then NaN, infinity or an epoch without the value."""
    values = np.round(rng.normal(1.0, 0.3, length) + rng.choice([0, -0.05], length).cumsum(), int(rng.integers(1, 4)))
    out = []
    for v in values:
        odd = rng.random()
        v = np.nan if odd < 0.03 else np.inf if odd < 0.06 else float(v)
        out.append({"loss": 0.5} if 0.06 <= odd < 0.1 else {"loss": 0.5, "val_loss": v})
    return out


def same(ours, theirs, capsys, series, **options):
    capsys.readouterr()
    mine = run(ours, series, **options)
    said = capsys.readouterr().out
    other = run(theirs, series, **options)
    words = capsys.readouterr().out
    np.testing.assert_equal(mine, other)
    assert _numbers_rounded(said) == _numbers_rounded(words)


def _numbers_rounded(text):
    import re

    return re.sub(r"\d+\.\d+(e-\d+)?", lambda m: f"{float(m[0]):.6g}", text)


@pytest.mark.parametrize("seed", range(60))
def test_early_stopping(seed, capsys):
    rng = np.random.default_rng(seed)
    options = {
        "patience": int(rng.integers(0, 4)), "min_delta": float(rng.choice([0, 0.01, 0.1, -0.1])), "mode": str(rng.choice(["min", "max"])),
        "baseline": [None, 0.9, 1.2][rng.integers(3)], "restore_best_weights": bool(rng.integers(2)), "verbose": 1,
        "start_from_epoch": int(rng.choice([0, 0, 3])),
    }
    ours, theirs = callbacks.EarlyStopping(**options), keras.callbacks.EarlyStopping(**options)
    for _ in range(2):  # a callback may be used again
        same(ours, theirs, capsys, series_of(rng))
        assert (ours.stopped_epoch, ours.wait, ours.best_epoch) == (theirs.stopped_epoch, theirs.wait, theirs.best_epoch)
        np.testing.assert_equal(ours.best, theirs.best)


@pytest.mark.parametrize("seed", range(60))
def test_reduce_lr_on_plateau(seed, capsys):
    rng = np.random.default_rng(seed)
    options = {
        "factor": float(rng.choice([0.1, 0.2, 0.5])), "patience": int(rng.integers(0, 4)), "cooldown": int(rng.integers(0, 3)),
        "min_delta": float(rng.choice([1e-4, 0, 0.1])), "mode": str(rng.choice(["min", "max"])), "min_lr": float(rng.choice([0, 1e-5])),
        "verbose": 1,
    }
    same(callbacks.ReduceLROnPlateau(**options), keras.callbacks.ReduceLROnPlateau(**options), capsys, series_of(rng))


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("freq", ["epoch", 1, 3, 7])
def test_model_checkpoint(seed, freq, capsys, tmp_path):
    rng = np.random.default_rng(seed)
    weights = bool(rng.integers(2))
    ending = ".weights.h5" if weights else ".keras"
    path = str(tmp_path / ("at-{epoch:02d}" + ("-{batch}-{loss:.3f}" if freq != "epoch" else "") + ending))
    options = {
        "save_best_only": bool(rng.integers(2)) and freq == "epoch", "mode": str(rng.choice(["min", "max"])), "save_freq": freq,
        "save_weights_only": weights, "verbose": 1, "initial_value_threshold": [None, 0.9][rng.integers(2)],
    }
    ours, theirs = callbacks.ModelCheckpoint(path, **options), keras.callbacks.ModelCheckpoint(path, **options)
    same(ours, theirs, capsys, series_of(rng, 5), batches=5)


@pytest.mark.parametrize("schedule", [lambda epoch: 0.1 / (1 + epoch), lambda epoch, rate: rate * 0.5 if epoch > 2 else rate])
def test_learning_rate_scheduler(schedule, capsys):
    same(callbacks.LearningRateScheduler(schedule, 1), keras.callbacks.LearningRateScheduler(schedule, 1), capsys, series_of(RNG, 6))


@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize("first", [["loss", "accuracy"], ["loss", "val_loss", "accuracy", "val_accuracy"]])
def test_csv_logger(append, first, tmp_path):
    series = [dict.fromkeys(first, 0.5), {"loss": 0.25, "more": 1.0}, {"loss": [1, 2], "accuracy": np.float32(0.1), "val_loss": np.nan}]
    files = []
    for module in (callbacks, keras.callbacks):
        file = tmp_path / f"{module.__name__}.csv"
        for _ in range(2):
            run(module.CSVLogger(file, separator=";", append=append), series)
        files.append(file.read_bytes())
    assert files[0] == files[1] and len(files[0].splitlines()) == (7 if append else 4)


def test_a_whole_fit_with_all_of_them(tmp_path):
    """Early end, rates and history of a real training are Keras's, and so is what a callback behind the others sees."""
    ours, theirs = twins(
        [("Dense", {"units": 8, "activation": "relu"}), ("Dense", {"units": 3, "activation": "softmax"})],
        ("SGD", {"learning_rate": 0.5}), "sparse_categorical_crossentropy", ["accuracy"],
    )
    seen = []
    for model, module in ((ours, callbacks), (theirs, keras.callbacks)):
        names = []

        class Last(module.Callback):
            def on_epoch_end(self, epoch, logs=None):
                self.names.append((epoch, tuple(sorted(logs))))

        last = Last()
        last.names = names
        chain = [
            module.LearningRateScheduler(lambda epoch, rate: rate if epoch != 2 else rate / 2),
            module.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=1, min_lr=0.01),
            module.EarlyStopping(patience=4, restore_best_weights=True, min_delta=1e-3),
            module.ModelCheckpoint(tmp_path / f"{module.__name__}.keras", save_best_only=True),
            module.CSVLogger(tmp_path / f"{module.__name__}.csv"),
            module.TerminateOnNaN(), module.LambdaCallback(on_epoch_end=lambda epoch, logs: None), last,
        ]
        history = model.fit(X, Y, batch_size=50, epochs=40, validation_data=(X[:20], 2 - Y[:20]), callbacks=chain, verbose=0, shuffle=False)
        seen.append((history.history, history.epoch, names, chain[2].stopped_epoch, model.get_weights()))
    mine, other = seen
    assert mine[1:4] == other[1:4] and 4 < len(mine[1]) < 40 and set(mine[0]) == set(other[0])
    for name, values in other[0].items():
        np.testing.assert_allclose(mine[0][name], values, rtol=1e-5, err_msg=name)
    assert len(set(np.round(mine[0]["lr"], 6))) >= 4 and mine[0]["lr"] == mine[0]["learning_rate"]
    for a, b in zip(mine[4], other[4], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-9)
    rows = [np.genfromtxt(tmp_path / f"{m.__name__}.csv", delimiter=",", names=True) for m in (callbacks, keras.callbacks)]
    assert rows[0].dtype.names == rows[1].dtype.names
    np.testing.assert_allclose(rows[0].tolist(), rows[1].tolist(), rtol=1e-5)


def test_names_and_signatures_are_keras():
    import inspect

    for name in (
        "BackupAndRestore", "CSVLogger", "EarlyStopping", "LearningRateScheduler", "ModelCheckpoint", "ReduceLROnPlateau", "TensorBoard",
        "TerminateOnNaN", "SwapEMAWeights",
    ):
        mine = inspect.signature(getattr(callbacks, name)).parameters
        other = {k: p for k, p in inspect.signature(getattr(keras.callbacks, name)).parameters.items() if p.kind is not p.VAR_KEYWORD}
        assert [(k, p.default) for k, p in mine.items()] == [(k, p.default) for k, p in other.items()], name


@pytest.mark.parametrize("name", ["batch_size", "last", "check", "close", "resume", "batches_left", "every_batch"])
def test_a_script_keeps_what_it_likes_in_its_callback(name):
    """Beyond Keras's hooks a class may have methods of these names; an object's own number or list is its own."""

    class Keeps(callbacks.Callback):
        def __init__(self):
            super().__init__()
            setattr(self, name, [32])
            self.batches = 0

        def on_train_batch_end(self, batch, logs=None):
            self.batches += 1

    keeps = Keeps()
    model = twins([("Dense", {"units": 3, "activation": "softmax"})], ("SGD", {}), "sparse_categorical_crossentropy", [])[0]
    model.fit(X[:64], Y[:64], batch_size=32, epochs=2, callbacks=[keeps, callbacks.TerminateOnNaN()], verbose=0)
    assert keeps.batches == 4 and getattr(keeps, name) == [32]
