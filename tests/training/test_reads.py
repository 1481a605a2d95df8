"""Nothing in a step comes back to the host; nothing is compiled twice; memory does not grow."""

import gc

import numpy as np
import pytest

from gpunn import callbacks
from gpunn.backend.cpu import has_numba
from gpunn.layers import BatchNormalization, Dense, Dropout, Input
from gpunn.models import Sequential

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((640, 20)), RNG.integers(0, 4, 640)


def model_of():
    model = Sequential([Input((20,)), Dense(16, activation="relu"), BatchNormalization(), Dropout(0.2), Dense(4, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def reads(model, **options):
    before = model.backend.reads
    model.fit(X, Y, verbose=0, **options)
    return model.backend.reads - before


@pytest.mark.parametrize("batch_size", [640, 64, 7, 2])
def test_one_read_an_epoch_whatever_the_number_of_steps(batch_size):
    assert reads(model_of(), batch_size=batch_size) == 1
    assert reads(model_of(), batch_size=batch_size, epochs=3) == 3


def test_validation_reads_once_more():
    assert reads(model_of(), epochs=2, validation_split=0.25) == 4


def test_only_a_look_at_batch_logs_reads():
    steps = []

    class Blind(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            steps.append(batch)

    class Curious(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch % 4 == 0:
                self.last = logs["loss"], logs["accuracy"]

    assert reads(model_of(), batch_size=64, callbacks=[Blind()]) == 1 and steps == list(range(10))
    assert reads(model_of(), batch_size=64, callbacks=[Curious()]) == 1 + 3


def test_a_callback_content_with_some_batches_does_not_slow_the_others():
    seen = []

    class NowAndThen(callbacks.Callback):
        every_batch = False

        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

    assert reads(model_of(), batch_size=2, callbacks=[NowAndThen()]) == 1
    assert seen[-1] == 319 and seen == sorted(set(seen)) and len(seen) < 320


@pytest.mark.skipif(not has_numba(), reason="nothing is compiled without Numba")
def test_a_second_fit_compiles_nothing(monkeypatch):
    from gpunn.kernels import native

    model = model_of()
    model.fit(X, Y, batch_size=48, validation_split=0.1, verbose=0)
    model.predict(X)
    loads = []
    honest = native.load
    monkeypatch.setattr(native, "load", lambda *a: loads.append(a) or honest(*a))
    model.fit(X, Y, batch_size=48, validation_split=0.1, verbose=0)
    model.fit(X[:100], Y[:100], batch_size=30, verbose=0)
    model_of().fit(X, Y, verbose=0)
    model.predict(X)
    assert loads == []


def test_train_on_batch_records_once_for_each_shape(monkeypatch):
    from gpunn.training import loop

    recorded = []
    honest = loop.record_step
    monkeypatch.setattr(loop, "record_step", lambda *a: recorded.append(a[2]) or honest(*a))
    model = model_of()
    for _ in range(5):
        model.train_on_batch(X[:32], Y[:32])
    model.train_on_batch(X[:16], Y[:16])
    model.test_on_batch(X[:32], Y[:32])
    model.test_on_batch(X[32:64], Y[32:64])
    assert recorded == [32, 16, 32]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["one fit of fifty epochs", "fifty fits"])
def test_memory_does_not_grow_over_fifty_epochs(way):
    """Resident memory grows by less than 256 KiB in the calmest of four times fifty epochs: 5 KiB an epoch, where its arrays take 100.

    A leak shows every time; what the allocator takes once for good, as other tests' leavings make it, does not.
    """
    psutil = pytest.importorskip("psutil")
    process, model, sizes = psutil.Process(), model_of(), []
    options = {"batch_size": 64, "validation_split": 0.1, "verbose": 0}
    for _ in range(5):
        if way == "fifty fits":
            for _ in range(50):
                model.fit(X, Y, **options)
        else:
            model.fit(X, Y, epochs=50, **options)
        gc.collect()
        sizes.append(process.memory_info().rss)
    assert min(np.diff(sizes)) < 256 * 1024, [s / 2**20 for s in sizes]
