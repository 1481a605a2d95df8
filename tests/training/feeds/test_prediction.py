"""Outputs are gathered on the device: read once, or in blocks where there are many; evaluation and prediction run as captured graphs."""

import numpy as np
import pytest
from fed import X, Y, network

from gpunn import callbacks, config
from gpunn.layers import Dense, Input, Reshape
from gpunn.models import Sequential
from gpunn.training import prediction


@pytest.mark.parametrize("name", ["cpu", "sim"])
@pytest.mark.parametrize("size", [1, 16, 207, 500])
def test_one_read_whatever_the_number_of_batches(cpu, sim, name, size):
    sim()
    model = network(name)
    expected = network("cpu")
    expected.set_weights(model.get_weights())
    for how in ("never", "always"):
        config.set_streaming(how)
        before = model.backend.reads
        out = model.predict(X, batch_size=size)
        assert model.backend.reads == before + 1
        np.testing.assert_allclose(out, expected.predict_on_batch(X), rtol=2e-4, atol=1e-6)
        before = model.backend.reads
        model.evaluate(X, Y, batch_size=size)
        assert model.backend.reads == before + 1


@pytest.mark.parametrize("name", ["cpu", "sim"])
@pytest.mark.parametrize("most", [1, 20, 50, 206])
def test_many_outputs_are_read_in_blocks(cpu, sim, monkeypatch, name, most):
    ops = sim() if name == "sim" else cpu
    model = network(name)
    expected = model.predict(X, batch_size=16)
    monkeypatch.setattr(prediction, "BLOCK", most * 5 * 4)
    before = ops.reads
    np.testing.assert_array_equal(model.predict(X, batch_size=16), expected)
    at_a_time = max(most, 16) // 16
    assert ops.reads - before <= -(-13 // at_a_time) + 1
    np.testing.assert_array_equal(model.predict(X, batch_size=16, steps=4), expected[:64])
    others = model.predict(iter([X[:16], X[16:32], X[32:]])), model.predict(X, batch_size=16)
    if getattr(ops, "compiled", True):
        np.testing.assert_array_equal(*others)
    else:  # NumPy's products of other batches are other sums
        np.testing.assert_allclose(*others, rtol=1e-4, atol=1e-6)


def test_a_callback_gets_the_outputs_of_each_batch(cpu):
    seen = []

    class Watch(callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            seen.append((batch, logs["outputs"]))

    model = network()
    out = model.predict(X, batch_size=50, callbacks=[Watch()])
    assert [n for n, _ in seen] == list(range(5))
    np.testing.assert_array_equal(np.concatenate([o for _, o in seen]), out)


def test_outputs_of_more_axes(cpu):
    model = Sequential([Input((12,)), Dense(6), Reshape((2, 3))])
    assert model.predict(X).shape == (207, 2, 3)
    np.testing.assert_array_equal(model.predict(X, batch_size=10), model.predict(X, batch_size=100))


def test_graphs(sim):
    """Two graphs for whole batches, one for the short one, whatever their number; evaluation likewise."""
    ops = sim()
    model = network("sim")
    for call in (lambda: model.predict(X, batch_size=4), lambda: model.evaluate(X, Y, batch_size=4)):
        before = ops.captures
        call()
        assert ops.captures - before <= 3


def test_predictions_do_not_change_the_model(cpu):
    model = network()
    model.fit(X, Y, verbose=0)
    before = [*model.get_weights(), int(model.rng.step[0]), model.epochs_seen]
    model.predict(X)
    model.evaluate(X, Y)
    np.testing.assert_equal([*model.get_weights(), int(model.rng.step[0]), model.epochs_seen], before)
