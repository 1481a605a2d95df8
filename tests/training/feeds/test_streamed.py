"""Data brought to the device block by block gives the bits of data that is all there; the sim notices a copy that does not wait."""

import numpy as np
import pytest
from fed import ONE_HOT, WEIGHTS, X, Y, network, outcome, same

import gpunn
from gpunn import callbacks, config
from gpunn.backend.errors import DeviceMemoryError
from gpunn.training.feeds.resident import Resident
from gpunn.training.feeds.streamed import Streamed
from gpunn.training.loop import Training

FLOATS = X.astype(np.float32) / 255
FITS = {
    "shuffled": {},
    "in order": {"shuffle": False},
    "batches shuffled": {"shuffle": "batch"},
    "epochs of six batches": {"steps_per_epoch": 6},
    "weights": {"sample_weight": WEIGHTS},
    "validation": {"validation_split": 0.3},
}


def trained(name, how, block=None, x=X, y=Y, loss="sparse_categorical_crossentropy", **options):
    config.set_streaming(how)
    model = network(name, loss)
    if block is not None:
        model.backend.block = block
    return outcome(model, lambda m: m.fit(x, y, batch_size=16, epochs=2, verbose=0, **options), x, y)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("block", [1, 900, 1 << 20], ids=["a batch", "a few", "all"])
def test_the_bits_of_resident_data_on_the_cpu(cpu, monkeypatch, fit, block):
    monkeypatch.setattr(type(cpu), "block", 4 << 20)
    same(trained("cpu", "never", **FITS[fit]), trained("cpu", "always", block, **FITS[fit]))


@pytest.mark.parametrize(
    ("x", "y", "loss"),
    [(FLOATS, Y, "sparse_categorical_crossentropy"), (X, ONE_HOT, "categorical_crossentropy"), (FLOATS.astype(float), ONE_HOT, "mse")],
    ids=["floats", "one-hot", "float64"],
)
def test_other_types(either_cpu, x, y, loss):
    same(trained("cpu", "never", x=x, y=y, loss=loss), trained("cpu", "always", 700, x=x, y=y, loss=loss))


@pytest.mark.parametrize("order", ["forward", "reverse", "shuffled"])
@pytest.mark.parametrize("fit", ["shuffled", "epochs of six batches", "weights", "validation"])
def test_the_bits_of_resident_data_on_the_device(sim, order, fit):
    sim(order=order)
    expected = trained("sim", "never", **FITS[fit])
    sim(order=order)
    same(expected, trained("sim", "always", 900, **FITS[fit]))


def swapped(ops, name, monkeypatch):
    monkeypatch.setattr(ops, name, lambda *a: None)


@pytest.mark.parametrize(
    ("order", "forgotten"), [("forward", "steps wait for the copy"), ("reverse", "the copy waits for the steps"), ("forward", "staging")]
)
def test_the_sim_notices_what_does_not_wait(sim, monkeypatch, order, forgotten):
    """The check of the checker: with one of the three waits taken out, something else comes out than should."""
    ops = sim(order=order)
    expected = trained("sim", "never")
    honest = ops.follow
    if forgotten == "staging":
        monkeypatch.setattr(ops, "reached", lambda mark: None)
    else:
        lane = 0 if forgotten.startswith("steps") else 2
        monkeypatch.setattr(ops, "follow", lambda at, mark: None if at == lane else honest(at, mark))
    try:
        found = trained("sim", "always", 900)
    except (ValueError, IndexError):  # labels that are garbage
        return
    assert not np.array_equal(found[3], expected[3])


def test_reads_and_graphs_and_allocations(sim):
    """One read an epoch, three graphs, nothing allocated once they are made: as for resident data."""
    ops = sim()
    config.set_streaming("always")
    ops.block = 900
    seen = []

    class Watch(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((ops.reads, ops.allocations, ops.captures))

    network("sim").fit(X, Y, batch_size=4, epochs=4, verbose=0, callbacks=[Watch()])
    reads, allocations, captures = zip(*seen[1:], strict=True)
    assert np.diff(reads).tolist() == [1, 1] and len(set(allocations)) == 1 and set(captures) == {captures[0]} and captures[0] <= 3


def test_what_does_not_fit_is_streamed(sim):
    """By itself, when it would take more than half of the free memory; and it trains where it could not be resident."""
    rows, labels = np.repeat(X, 40, axis=0).astype(np.float32), np.repeat(Y, 40)  # 400 kB
    for memory, kind in ((100 << 20, Resident), (700_000, Streamed), (300_000, Streamed)):
        ops = sim(memory=memory)
        ops.block = 20_000
        model = network("sim")
        checked = model._check(rows, labels, None, None, "fit", lazy=True)
        assert type(Training(model, checked, 32, True).feed) is kind
        config.set_streaming("never")
        if memory == 300_000:
            with pytest.raises(DeviceMemoryError):
                model.fit(rows, labels, verbose=0)
        config.set_streaming("auto")
        model.fit(rows, labels, verbose=0)
    expected = network("cpu")
    expected.fit(rows, labels, verbose=0)
    np.testing.assert_allclose(model.evaluate(rows, labels)[0], expected.evaluate(rows, labels)[0], rtol=1e-3)


def test_data_on_the_device_stays_there(cpu):
    config.set_streaming("always")
    model = network("cpu")
    rows = model._check(X, Y, None, None, "train_on_batch")
    assert type(Training(model, rows, 32, False).feed) is Resident, "single batches need no stream"
    assert model.train_on_batch(X[:8], Y[:8]) != model.train_on_batch(X[:8], Y[:8])


@pytest.mark.parametrize("value", ["sometimes", "", None])
def test_unknown_settings(value, monkeypatch, cpu):
    with pytest.raises(ValueError, match=r"Unknown streaming. Expected one of \('auto', 'always', 'never'\)"):
        config.set_streaming(value)
    monkeypatch.setenv("GPUNN_STREAMING", "sometimes")
    with pytest.raises(ValueError, match=r"Unknown value of GPUNN_STREAMING.*Received: 'sometimes'"):
        network().fit(X, Y, verbose=0)


def test_the_environment_says_it_too(monkeypatch, cpu):
    monkeypatch.setenv("GPUNN_STREAMING", "always")
    model = network()
    assert config.streaming() == "always"
    assert type(Training(model, model._check(X, Y, None, None, "fit", lazy=True), 16, True).feed) is Streamed


@pytest.mark.parametrize("stop_at", [0, 1, 5])
def test_a_training_that_is_stopped_within_an_epoch(cpu, stop_at):
    """The thread ends, and the next fit begins where it should: as with resident data."""
    results = []
    for how in ("never", "always"):
        config.set_streaming(how)
        model = network()
        model.backend.block = 600

        class Stop(callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                self.model.stop_training = batch == stop_at

        model.fit(X, Y, batch_size=16, verbose=0, callbacks=[Stop()])
        assert model.optimizer.iterations == stop_at + 1
        results.append(outcome(model, lambda m: m.fit(X, Y, batch_size=16, verbose=0)))
    same(*results)


def test_a_callback_that_raises_leaves_the_model_usable(cpu):
    config.set_streaming("always")
    model = network()

    class Raise(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        model.fit(X, Y, batch_size=16, verbose=0, callbacks=[Raise()])
    assert model.optimizer.iterations == 1
    model.fit(X, Y, batch_size=16, verbose=0)


@pytest.mark.parametrize("kind", ["array", "sequence"])
@pytest.mark.parametrize("every", ["epoch", 5])
def test_going_on_from_a_backup(cpu, tmp_path, every, kind):
    """Broken off and started again gives the bits of one run: the feed goes on at the right batch, in that epoch's order."""
    config.set_streaming("always")

    class Batches(gpunn.utils.Sequence):
        def __len__(self):
            return 13

        def __getitem__(self, i):
            return X[i * 16 : i * 16 + 16], Y[i * 16 : i * 16 + 16]

    class Break(callbacks.Callback):
        def __init__(self, at):
            super().__init__()
            self.left = at

        def on_train_batch_end(self, batch, logs=None):
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt

    def fit(model, *more):
        data = {"x": X, "y": Y, "batch_size": 16} if kind == "array" else {"x": Batches()}
        return model.fit(**data, epochs=3, verbose=0, callbacks=list(more))

    expected = network()
    fit(expected)
    broken = network()
    with pytest.raises(KeyboardInterrupt):
        fit(broken, callbacks.BackupAndRestore(tmp_path, save_freq=every), Break(22))
    again = network()
    fit(again, callbacks.BackupAndRestore(tmp_path, save_freq=every))
    same(expected.get_weights(), again.get_weights())
