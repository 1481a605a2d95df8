"""BatchSizeSchedule: the same updates as `fit` after `fit`, each with its batch size."""

import numpy as np
import pytest

from gpunn import callbacks, config, optimizers
from gpunn.layers import Dense, Dropout, Input
from gpunn.models import Sequential
from gpunn.random import set_random_seed

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((100, 6)).astype("float32"), RNG.integers(0, 3, 100)


def made(loss="sparse_categorical_crossentropy", optimizer=None):
    set_random_seed(3)
    model = Sequential([Input((6,)), Dense(8, "relu"), Dropout(0.2), Dense(3, activation="softmax")])
    model.compile(optimizer or optimizers.SGD(0.1, momentum=0.9), loss, ["accuracy"])
    return model


@pytest.mark.parametrize("streaming", ["never", "always"])
@pytest.mark.parametrize("as_function", [False, True])
def test_as_one_fit_after_another(either_cpu, monkeypatch, streaming, as_function):
    monkeypatch.setattr(config, "_streaming", streaming)
    sizes = [16, 16, 40, 100, 7]
    schedule = (lambda epoch: sizes[epoch]) if as_function else {0: 16, 2: 40, 3: 100, 4: 7}
    together, apart = made(), made()
    history = together.fit(X, Y, batch_size=16, epochs=5, callbacks=[callbacks.BatchSizeSchedule(schedule)], verbose=0).history
    losses = [apart.fit(X, Y, batch_size=size, verbose=0).history["loss"][0] for size in sizes]
    assert history["batch_size"] == sizes and history["loss"] == losses
    for a, b in zip(together.get_weights(), apart.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_epochs_before_the_first_change_and_sizes_above_the_rows(cpu, capsys):
    model = made()
    schedule = callbacks.BatchSizeSchedule({1: 50, 2: 10**6}, verbose=1)
    model.fit(X, Y, batch_size=20, epochs=3, callbacks=[schedule], verbose=0)
    assert model.optimizer.steps == 5 + 2 + 1
    assert "Epoch 2: BatchSizeSchedule setting batch size to 50." in capsys.readouterr().out


def test_a_loss_that_is_summed_batch_by_batch(cpu):
    """Such losses add whole and short batches up apart, each by its size."""
    from gpunn.losses import SparseCategoricalCrossentropy

    models = [made(SparseCategoricalCrossentropy(reduction="sum"), optimizers.SGD(0.001)) for _ in range(2)]
    found = models[0].fit(X, Y, batch_size=30, epochs=2, callbacks=[callbacks.BatchSizeSchedule({1: 10})], verbose=0).history["loss"]
    assert found == [models[1].fit(X, Y, batch_size=size, verbose=0).history["loss"][0] for size in (30, 10)]


def test_going_on_from_a_backup_within_an_epoch(cpu, tmp_path):
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.steps == 6:
                raise KeyboardInterrupt

    def chain(*more):
        backup = callbacks.BackupAndRestore(tmp_path / "backup", save_freq=1)
        return [callbacks.BatchSizeSchedule({0: 25, 1: 20}), backup, *more]

    with pytest.raises(KeyboardInterrupt):
        made().fit(X, Y, batch_size=25, epochs=3, callbacks=chain(Stop()), verbose=0)
    resumed, whole = made(), made()
    resumed.fit(X, Y, batch_size=25, epochs=3, callbacks=chain(), verbose=0)
    whole.fit(X, Y, batch_size=25, epochs=3, callbacks=[callbacks.BatchSizeSchedule({0: 25, 1: 20})], verbose=0)
    for a, b in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("schedule", "text"), [
    (3, "a function of the epoch, or a mapping. Received: schedule=3"), ({0: 0}, "size must be a number of at least 1"),
    ({0: 2.5}, "size must be a whole number"), (lambda epoch: "x", "the size for epoch 0 must be a number"),
])
def test_refused(cpu, schedule, text):
    with pytest.raises(ValueError, match=text):
        made().fit(X, Y, callbacks=[callbacks.BatchSizeSchedule(schedule)], verbose=0)


def test_refused_where_epochs_are_no_passes(cpu):
    change = callbacks.BatchSizeSchedule({0: 20, 1: 50})
    with pytest.raises(ValueError, match="With steps_per_epoch=3 epochs do not begin with the data"):
        made().fit(X, Y, batch_size=20, epochs=2, steps_per_epoch=3, callbacks=[change], verbose=0)
    with pytest.raises(ValueError, match="ready made keep their size"):
        made().fit(iter([(X, Y)] * 2), epochs=2, callbacks=[change], verbose=0)
