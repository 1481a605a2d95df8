"""Passes over few rows are kept from call to call: whatever happens between the calls, all is as if each call had made its own."""

import numpy as np
import pytest

from gpunn import callbacks
from gpunn import random as seeds
from gpunn.layers import BatchNormalization, Dense, Dropout, Input
from gpunn.models import Sequential
from gpunn.optimizers import SGD
from gpunn.training import again

RNG = np.random.default_rng(5)
X, OTHER = RNG.standard_normal((2, 50, 6)).astype("float32")
Y, Y_OTHER = RNG.integers(0, 3, (2, 50))
LOSS = "sparse_categorical_crossentropy"


def network():
    seeds.set_random_seed(3)
    model = Sequential([Input((6,)), Dense(8, activation="relu"), BatchNormalization(), Dropout(0.3), Dense(3, activation="softmax")])
    model.compile(SGD(0.1, momentum=0.9), LOSS, ["accuracy"])
    return model


class Within(callbacks.Callback):
    """Asks the model for the same while it answers."""

    def on_predict_batch_end(self, batch, logs=None):
        if batch == 0:
            self.model.predict(OTHER, batch_size=20, verbose=0)

    def on_epoch_end(self, epoch, logs=None):
        self.model.fit(OTHER, Y_OTHER, batch_size=16, verbose=0)


class Breaks(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 1:
            raise KeyError("broken off")


def broken(model):
    with pytest.raises(KeyError, match="broken off"):
        fit(model, callbacks=[Breaks()])


def fit(model, x=X, y=Y, **options):
    return model.fit(x, y, batch_size=16, verbose=0, **options).history


def frozen(model):
    model.layers[0].trainable = False


def other_activation(model):
    model.layers[-1].activation = "sigmoid"


def less_dropout(model):
    model.layers[2].rate = 0.1


def clipped(model):
    model.optimizer.clipnorm = 0.01


def slower(model):
    model.optimizer.learning_rate = 0.01


def other_weights(model):
    model.set_weights([w + 0.5 for w in model.get_weights()])


def compiled_again(model):
    model.compile("adam", LOSS, ["accuracy"])


def longer(model):
    model.add(Dense(3, activation="softmax"))


def weighed(model):
    fit(model, sample_weight=np.arange(50.0) / 25)


def larger_batches(model):
    fit(model, epochs=3, callbacks=[callbacks.BatchSizeSchedule({1: 32})])


def asked_within(model):
    fit(model, callbacks=[Within()])
    return model.predict(X, batch_size=20, verbose=0, callbacks=[Within()])


def all_calls(model, x, y):
    """What every call says, twice over; and the weights they come to."""
    said = []
    for shuffle in (True, True, False, "batch"):
        said += [fit(model, x, y, shuffle=shuffle, validation_data=(x[:20], y[:20])), model.predict(x, verbose=0)]
        said += [model.evaluate(x, y, verbose=0), model.evaluate(x[:20], y[:20], verbose=0), np.asarray(model(x[:1]))]
        said += [model.train_on_batch(x[:30], y[:30]), model.test_on_batch(x[:30], y[:30]), model.predict_on_batch(x[:20])]
    return [*said, *model.get_weights()]


def equal(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    return np.array_equal(one, other)


STORIES = [
    frozen, other_activation, less_dropout, clipped, slower, other_weights, compiled_again, longer, weighed, larger_batches, asked_within,
    broken,
]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("device", ["cpu", "sim"])
@pytest.mark.parametrize("between", STORIES, ids=lambda f: f.__name__)
def test_all_is_as_if_nothing_were_kept(between, device, monkeypatch):
    def tell():
        model = network()
        if device != model.backend.name:
            model.to(device)
        said = all_calls(model, X, Y)
        return [*said, between(model), *all_calls(model, OTHER, Y_OTHER), *all_calls(model, X, Y_OTHER)]

    kept = tell()
    monkeypatch.setattr(again, "_few", lambda *arguments: False)
    assert equal(kept, tell())


def recordings(monkeypatch, model, call):
    count, record = [], type(model.backend).record

    def counted(self):
        count.append(1)
        return record(self)

    with monkeypatch.context() as patch:
        patch.setattr(type(model.backend), "record", counted)
        call()
    return len(count)


CALLS = {
    "fit": lambda model, x, y: fit(model, x, y, validation_split=0.2),
    "evaluate": lambda model, x, y: model.evaluate(x, y, verbose=0),
    "predict": lambda model, x, y: model.predict(x, verbose=0),
    "call": lambda model, x, y: model(x),
    "train_on_batch": lambda model, x, y: model.train_on_batch(x, y),
    "test_on_batch": lambda model, x, y: model.test_on_batch(x, y),
}


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("name", CALLS)
def test_a_second_call_records_nothing(name, monkeypatch):
    model = network()
    assert recordings(monkeypatch, model, lambda: CALLS[name](model, X, Y))
    CALLS["train_on_batch"](model, X, Y)  # the others' recordings leave it alone
    slower(model)
    assert not recordings(monkeypatch, model, lambda: CALLS[name](model, OTHER, Y_OTHER))


@pytest.mark.usefixtures("cpu")
def test_what_was_given_and_what_came_out_stay_the_callers():
    model, x = network(), X.copy()
    first = model.predict(x, verbose=0)
    kept = first.copy()
    x[:] = 7
    model.predict(OTHER, verbose=0)
    assert np.array_equal(first, kept) and np.array_equal(x, np.full_like(x, 7))
    first[:] = 0
    assert np.array_equal(model.predict(X, verbose=0), kept)


@pytest.mark.usefixtures("cpu")
def test_passes_take_little_room(monkeypatch):
    model = network()
    for rows in range(1, 20):
        model.predict(X[:rows], verbose=0)
    assert len(model._programs) == again.MOST
    assert recordings(monkeypatch, model, lambda: model.predict(X[:18], verbose=0)) == 0
    assert recordings(monkeypatch, model, lambda: model.predict(X[:2], verbose=0)) == 1
    monkeypatch.setattr(again, "ROOM", 0)
    model.predict(X, verbose=0)
    assert len(model._programs) == 1


@pytest.mark.usefixtures("cpu")
def test_many_rows_are_not_kept(monkeypatch):
    monkeypatch.setattr(again, "FEW", X.nbytes)
    model = network()
    model.predict(X[:40], verbose=0)
    assert len(model._programs) == 1
    model.predict(X, verbose=0)
    model.evaluate(X, Y, batch_size=10, verbose=0)
    assert len(model._programs) == 1
    model.train_on_batch(X, Y)
    assert len(model._programs) == 2


@pytest.mark.usefixtures("cpu")
def test_a_model_in_two_threads():
    """Each has a pass of its own."""
    from concurrent.futures import ThreadPoolExecutor

    model = network()
    expected = [model.predict(x, verbose=0) for x in (X, OTHER)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: model.predict((X, OTHER)[i % 2], verbose=0), range(40)))
    assert all(np.array_equal(out, expected[i % 2]) for i, out in enumerate(found))
