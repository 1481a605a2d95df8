"""What is monitored: names and their other spellings, directions, refusals; EX-23 and the snippets."""

import inspect

import numpy as np
import pytest

from gpunn import callbacks, optimizers
from gpunn.callbacks.monitor import Monitor, better
from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.optimizers import schedules

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((60, 6)), RNG.integers(0, 3, 60)


def model_of(metrics=("accuracy",), rate=0.1):

    model = Sequential([Input((6,)), Dense(3, activation="softmax")])
    model.compile(optimizers.SGD(rate), "sparse_categorical_crossentropy", list(metrics))
    return model


class Tell(callbacks.Callback):
    """Puts a series of values into the logs, as if the validation had given them."""

    def __init__(self, values, name="val_loss"):
        super().__init__()
        self.values, self.name = values, name

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.values[min(epoch, len(self.values) - 1)]


def rates(model, values, *chain, epochs=12):
    history = model.fit(X, Y, epochs=epochs, validation_split=0.2, callbacks=[Tell(values), *chain], verbose=0)
    return history.history["lr"], history.epoch


def test_ex_23_plateau_and_stop_sn_23(capsys):
    """factor 0.2, patience 3, min_lr 1e-4, and a stop after 5: cut at the end of epoch 6, stopped at the end of epoch 8."""
    values = [1.0, 0.9, 0.8]
    early_stopping = callbacks.EarlyStopping(monitor="val_loss", patience=5, verbose=1)
    reduce_lr = callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.2, patience=3, min_lr=0.0001, verbose=1)
    seen, epochs = rates(model_of(rate=0.001), values, early_stopping, reduce_lr, epochs=50)
    assert epochs == list(range(8)) and early_stopping.stopped_epoch == 7
    assert seen == pytest.approx([0.001] * 6 + [0.0002] * 2, rel=1e-12)
    out = capsys.readouterr().out
    assert "Epoch 6: ReduceLROnPlateau reducing learning rate to 0.0002" in out and "Epoch 8: early stopping" in out
    model = model_of(rate=0.001)
    seen, epochs = rates(model, values, callbacks.ReduceLROnPlateau(factor=0.2, patience=3, min_lr=0.0001), epochs=14)
    assert seen == pytest.approx([0.001] * 6 + [0.0002] * 3 + [0.0001] * 5, rel=1e-12), "0.0001, not 0.00004, from the end of epoch 9"


def test_ex_23_the_other_values():
    seen, _ = rates(model_of(rate=0.001), [1.0], callbacks.ReduceLROnPlateau(min_lr=1e-6), epochs=45)
    assert seen == pytest.approx([1e-3] * 11 + [1e-4] * 10 + [1e-5] * 10 + [1e-6] * 14, rel=1e-12)
    stop = callbacks.EarlyStopping(patience=2)
    history = model_of().fit(X, Y, validation_split=0.3, epochs=20, callbacks=[Tell([1.0, 0.9, 0.95, 0.96]), stop], verbose=0)
    assert history.epoch == [0, 1, 2, 3] and stop.best == 0.9 and stop.best_epoch == 1


@pytest.mark.parametrize("monitor", ["accuracy", "acc", "val_acc", "val_accuracy"])
@pytest.mark.parametrize("asked", ["accuracy", "acc"])
def test_spellings_and_direction(monitor, asked):
    rising = callbacks.EarlyStopping(monitor=monitor, patience=3)
    name = f"val_{asked}" if monitor.startswith("val") else asked
    chain = [Tell([0.5, 0.6, 0.7, 0.6, 0.65, 0.5], name), rising]
    history = model_of([asked]).fit(X, Y, epochs=9, validation_split=0.2, callbacks=chain, verbose=0)
    assert history.epoch == list(range(6)) and rising.best_epoch == 2
    assert list(history.history) == ["loss", asked, "val_loss", f"val_{asked}"]


def test_lr_is_learning_rate():
    stop = callbacks.EarlyStopping(monitor="lr", mode="min", patience=2)
    halve = callbacks.LearningRateScheduler(lambda epoch: 0.1 * 0.5 ** min(epoch, 3))
    history = model_of().fit(X, Y, epochs=20, callbacks=[halve, stop], verbose=0)
    assert history.epoch == [0, 1, 2, 3, 4, 5] and stop.best == 0.0125 and "learning_rate" in history.history and "lr" in history.history


def test_a_monitor_that_is_not_there_warns_once_and_lists_what_is():
    chain = [callbacks.EarlyStopping(), callbacks.ReduceLROnPlateau()]
    with pytest.warns(UserWarning) as warned:
        history = model_of().fit(X, Y, epochs=3, callbacks=chain, verbose=0)
    assert [str(w.message) for w in warned] == [
        "Early stopping conditioned on metric `val_loss` which is not available. Available metrics are: loss,accuracy",
        "Learning rate reduction is conditioned on metric `val_loss` which is not available. "
        "Available metrics are: loss,accuracy,learning_rate",
    ]
    assert len(history.epoch) == 3 and {w.filename for w in warned} == {__file__}
    with pytest.warns(UserWarning, match="Early stopping conditioned on metric `f1`"):
        model_of().fit(X, Y, epochs=2, callbacks=[callbacks.EarlyStopping("f1", mode="max")], verbose=0)


@pytest.mark.parametrize("make", [callbacks.EarlyStopping, callbacks.ReduceLROnPlateau])
@pytest.mark.parametrize("monitor", ["val_acuracy", "val loss", "lr"])
def test_a_direction_that_is_not_known_is_refused_before_training(make, monitor):
    model = model_of()
    before = model.get_weights()
    words = rf"monitor='{monitor}' and mode='auto' it is not known .* Pass mode='min' or mode='max', or monitor one of: loss, accuracy, "
    with pytest.raises(ValueError, match=words + "val_loss, val_accuracy."):
        model.fit(X, Y, validation_split=0.2, callbacks=[make(monitor=monitor)], verbose=0)
    assert model.optimizer.iterations == 0
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_directions_of_metrics():
    from gpunn import metrics

    model = model_of(["accuracy", "mse"])
    for stop, rising in ((callbacks.EarlyStopping("mse"), False), (callbacks.EarlyStopping("val_accuracy"), True)):
        stop.check(model)
        assert stop._rising is rising
    rates = ("specificity", "sensitivity", "precision", "recall")
    needed = {"num_classes": 3, "target_class_ids": [1]} | dict.fromkeys(rates, 0.5)
    neither = {"Mean", "Sum", "ConfusionMatrix", "TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives"}
    for cls in metrics.CLASSES:
        names = {n for n, p in inspect.signature(cls).parameters.items() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD}
        said = better(cls(**{n: needed[n] for n in names}))
        assert (said is None) == (cls.__name__ in neither) and said in ("up", "down", None), cls


@pytest.mark.parametrize(
    "make", [callbacks.ReduceLROnPlateau, lambda: callbacks.LearningRateScheduler(lambda epoch: 0.1)], ids=["plateau", "scheduler"]
)
@pytest.mark.parametrize("rate", [schedules.ExponentialDecay(0.1, 10, 0.9), lambda step: 0.1])
def test_a_schedule_and_a_callback_that_sets_the_rate(make, rate):
    model = model_of(rate=rate)
    with pytest.raises(ValueError, match=r"sets the learning rate, but the optimizer 'sgd' follows a schedule \((Exp|FromF)"):
        model.fit(X, Y, callbacks=[make()], verbose=0)
    assert model.optimizer.iterations == 0 and model.history is None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: callbacks.EarlyStopping(mode="lowest"), "EarlyStopping: mode must be one of auto, min, max. Received: mode='lowest'"),
        (lambda: callbacks.EarlyStopping(patience=-1), "EarlyStopping: patience must be a number of at least 0"),
        (lambda: callbacks.EarlyStopping(patience=1.5), "EarlyStopping: patience must be a whole number"),
        (lambda: callbacks.EarlyStopping(monitor=None), "monitor must be the name of an entry of the logs"),
        (lambda: callbacks.EarlyStopping(min_delta="a"), "EarlyStopping: min_delta must be a number"),
        (lambda: callbacks.EarlyStopping(baseline=float("nan")), "EarlyStopping: baseline must be a number"),
        (lambda: callbacks.ReduceLROnPlateau(factor=1.0), r"does not support a factor outside \(0, 1\). Received: factor=1.0"),
        (lambda: callbacks.ReduceLROnPlateau(factor=0), r"does not support a factor outside \(0, 1\). Received: factor=0"),
        (lambda: callbacks.ReduceLROnPlateau(min_lr=-1), "ReduceLROnPlateau: min_lr must be a number of at least 0"),
        (lambda: callbacks.LearningRateScheduler(0.1), "schedule must be a function of the epoch. Received: schedule=0.1"),
        (lambda: callbacks.ModelCheckpoint("x", save_freq="batch"), "Unrecognized save_freq of ModelCheckpoint: 'batch'. Expected 'epoch'"),
        (lambda: callbacks.CSVLogger("x", separator=";;"), "CSVLogger: separator must be one character"),
        (lambda: callbacks.TensorBoard(embeddings_freq=5), "TensorBoard: embeddings_freq is not available"),
        (lambda: callbacks.TensorBoard(update_freq=0), "Unrecognized update_freq of TensorBoard: 0"),
        (lambda: callbacks.LambdaCallback(on_epoch_end=3), "on_epoch_end must be a function"),
        (lambda: callbacks.GradientNormMonitor(data=X), r"data must be \(x, y\)"),
    ],
)
def test_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("given", ["fast", None, True, [0.1]])
def test_a_schedule_that_gives_no_number(given):
    with pytest.raises(ValueError, match=r"the schedule must give a number. Received: .* for epoch 0"):
        model_of().fit(X, Y, callbacks=[callbacks.LearningRateScheduler(lambda epoch: given)], verbose=0)


def test_schedules_of_one_or_two_arguments():
    """What takes a rate gets it; an error of the schedule's own is not hidden."""
    seen = []
    model = model_of(rate=0.4)
    model.fit(X, Y, epochs=3, callbacks=[callbacks.LearningRateScheduler(lambda epoch, lr: seen.append((epoch, lr)) or lr / 2)], verbose=0)
    assert seen == [(0, 0.4), (1, 0.2), (2, 0.1)] and model.optimizer.learning_rate == 0.05
    model.fit(X, Y, epochs=1, callbacks=[callbacks.LearningRateScheduler(lambda epoch: np.float32(0.25))], verbose=0)
    assert model.optimizer.learning_rate == 0.25

    def broken(epoch, lr):
        return lr + "a"

    with pytest.raises(TypeError, match="unsupported operand"):
        model.fit(X, Y, callbacks=[callbacks.LearningRateScheduler(broken)], verbose=0)


def test_restored_weights_are_those_of_the_best_epoch():
    kept = []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()))
    model = model_of()
    stop = callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    model.fit(X, Y, epochs=9, validation_split=0.2, callbacks=[Tell([1.0, 0.5, 0.6, 0.7]), keep, stop], verbose=0)
    assert len(kept) == 4 and stop.stopped_epoch == 3
    for a, b, c in zip(model.get_weights(), kept[1], kept[3], strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(b, c)


def test_nothing_reads_every_batch_without_being_asked(tmp_path):
    def reads(*chain):
        model = model_of()
        model.fit(X, Y, batch_size=60, callbacks=list(chain), verbose=0)
        before = model.backend.reads
        model.fit(X, Y, batch_size=60, callbacks=list(chain), verbose=0)
        once = model.backend.reads - before
        model.fit(X, Y, batch_size=2, callbacks=list(chain), verbose=0)
        return once, model.backend.reads - before - once

    one, thirty = reads(
        callbacks.EarlyStopping("loss", restore_best_weights=True), callbacks.ReduceLROnPlateau("loss"),
        callbacks.CSVLogger(tmp_path / "a.csv"), callbacks.LearningRateScheduler(lambda epoch, rate: rate),
        callbacks.ModelCheckpoint(tmp_path / "{epoch}-{loss:.2f}.keras"), callbacks.BackupAndRestore(tmp_path / "b"),
        callbacks.TensorBoard(tmp_path / "c", histogram_freq=1), callbacks.GradientNormMonitor(), callbacks.DeadNeuronMonitor(X),
        callbacks.ProgbarLogger(), callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
    )
    assert one == thirty
    one, thirty = reads(callbacks.TensorBoard(tmp_path / "d", update_freq=10))
    assert thirty - one == 3
    every_tenth = callbacks.ModelCheckpoint(str(tmp_path / "e" / "{epoch}-{batch}"), save_freq=10, save_weights_only=True)
    model_of().fit(X, Y, batch_size=4, epochs=3, callbacks=[every_tenth], verbose=0)  # 15 batches an epoch
    assert {p.name for p in (tmp_path / "e").iterdir()} == {"1-10", "2-5", "2-15", "3-10"}


@pytest.mark.parametrize(("mode", "small", "large"), [("max", 1.125, 1.25), ("min", 0.875, 0.75)])
def test_less_than_min_delta_is_no_improvement(mode, small, large):
    monitor = Monitor("loss", mode, min_delta=0.2)
    assert monitor.improved(large, 1.0) and not monitor.improved(small, 1.0) and not monitor.improved(1.0, 1.0)
    assert not monitor.improved(2.0 - large, 1.0) and monitor.improved(small, None)


def test_tensorboard_without_profiles(tmp_path):
    with pytest.warns(UserWarning, match="writes no profiles"):
        callbacks.TensorBoard(tmp_path, profile_batch=(100, 200))
