"""Sequence layers in whole recorded steps: the same on CPU and simulated device, dropout and masks included; files, moving, errors."""

import numpy as np
import pytest
from kernel_targets import needs_gxx

import gpunn
from gpunn.layers import GRU, LSTM, Bidirectional, Dense, Embedding, Input, Masking, MultiHeadAttention, SimpleRNN, TimeDistributed
from gpunn.models import Model, Sequential, load_model

ROWS, STEPS = 16, 6


def tokens():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 9, (ROWS, STEPS))
    x[:, 0] = 1 + x[:, 0] % 8
    return x, rng.integers(0, 3, ROWS)


def stacked():
    return Sequential([
        Input((STEPS,)), Embedding(9, 5, mask_zero=True), LSTM(7, return_sequences=True, dropout=0.3, recurrent_dropout=0.3),
        Bidirectional(GRU(4, return_sequences=True, recurrent_dropout=0.2)), TimeDistributed(Dense(6, "tanh")), GRU(5, reset_after=False),
        Dense(3, "softmax"),
    ])


def attending():
    x = Input((STEPS,))
    embedded = Embedding(9, 6, mask_zero=True)(x)
    attended = MultiHeadAttention(2, 3, dropout=0.2)(embedded, embedded, use_causal_mask=True)
    return Model(x, Dense(3, "softmax")(SimpleRNN(5, go_backwards=True)(attended)))


MODELS = {"stacked": stacked, "attending": attending}


def trained(make, device):
    gpunn.utils.set_random_seed(5)
    with gpunn.device(device):
        model = make()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(*tokens(), epochs=3, batch_size=6, verbose=0).history
    return model, history


@needs_gxx
@pytest.mark.parametrize("name", MODELS)
def test_the_same_on_the_simulated_device(name):
    (ours, history), (there, other) = (trained(MODELS[name], device) for device in ("cpu", "sim"))
    assert there.recordable
    np.testing.assert_allclose(other["loss"], history["loss"], rtol=1e-4)
    for a, b in zip(there.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-5)
    moved = there.to("cpu")
    np.testing.assert_allclose(moved.predict(tokens()[0], verbose=0), ours.predict(tokens()[0], verbose=0), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_comes_back(name, tmp_path):
    model, _ = trained(MODELS[name], "cpu")
    model.save(tmp_path / "model.npz")
    again = load_model(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.predict(tokens()[0], verbose=0), model.predict(tokens()[0], verbose=0))


@needs_gxx
def test_a_stateful_layer_moves_with_its_state():
    x = np.random.default_rng(0).standard_normal((3, STEPS, 2)).astype(np.float32)
    gpunn.utils.set_random_seed(1)
    model = Sequential([Input((STEPS, 2)), Masking(), LSTM(4, stateful=True)])
    alone = Sequential([Input((2 * STEPS, 2)), LSTM(4)])
    alone.set_weights(model.get_weights())
    model.predict(x, verbose=0)
    model.to("sim")
    whole = alone.predict(np.concatenate([x, x], axis=1), verbose=0)
    np.testing.assert_allclose(model.predict(x, verbose=0), whole, rtol=1e-5, atol=1e-6)


def test_threads_and_batches_do_not_change_a_bit():
    pytest.importorskip("numba", reason="threads are those of compiled kernels")
    from gpunn.backend.cpu import CpuBackend

    rng = np.random.default_rng(0)
    x, h0 = rng.standard_normal((50, 4, 5)).astype(np.float32), np.zeros((50, 40), np.float32)
    results = []
    for threads in (1, 2):
        layer = LSTM(40, return_sequences=True)
        layer.backend = ops = CpuBackend(threads=threads)
        gpunn.utils.set_random_seed(2)
        layer.ensure_built((None, 4, 5))
        with ops.record() as program:
            y, pullback = layer.forward([x, h0, h0.copy()], True)
            for p in layer.parameters:
                p.begin_step()
            dx = pullback(np.ones_like(y))[0]
        program.run(1)
        results.append([a.tobytes() for a in (y, dx, *(p.gradient for p in layer.parameters))])
    assert results[0] == results[1]
    layer = LSTM(40, return_sequences=True)
    gpunn.utils.set_random_seed(2)
    layer.ensure_built((None, 4, 5))
    some = layer.forward(layer.backend.asarray(x[:7]))[0]
    np.testing.assert_array_equal(layer.backend.to_numpy(some), layer.backend.to_numpy(layer.forward(layer.backend.asarray(x))[0])[:7])


def test_errors_name_layer_and_shapes():
    with pytest.raises(ValueError, match=r"Layer 'lstm.*': units must be a positive integer. Received: units=0"):
        LSTM(0)
    with pytest.raises(ValueError, match=r"expected an input of shape \(rows, steps, features\). Received: \(None, 5\)"):
        Sequential([Input((5,)), GRU(3)])
    with pytest.raises(ValueError, match=r"activation must be elementwise. Received: activation='softmax'"):
        SimpleRNN(3, "softmax")
    with pytest.raises(ValueError, match=r"dropout must be at least 0 and below 1. Received: dropout=1"):
        LSTM(3, dropout=1)
    with pytest.raises(ValueError, match=r"merge_mode must be .*Received: 'max'"):
        Bidirectional(LSTM(3), "max")
    with pytest.raises(ValueError, match=r"Bidirectional wraps recurrent layers. Received: .*Dense"):
        Bidirectional(Dense(3))
    with pytest.raises(ValueError, match=r"expected an initial state of 2 arrays of shape \(None, 3\)"):
        LSTM(3).compute_output_shape([(None, 4, 2), (None, 5), (None, 3)])
    model = Sequential([Input((STEPS,)), Embedding(9, 2), GRU(2)])
    model.compile("adam", "mse")
    for bad, shown in ((9, r"9.0 at \[2, 1\]"), (-1, r"-1.0 at \[2, 1\]"), (0.5, r"0.5 at \[2, 1\]")):
        x = np.ones((4, STEPS), np.float32)
        x[2, 1] = bad
        with pytest.raises(ValueError, match=rf"layer 'embedding.*': expected tokens that are integers from 0 to 8. Received: {shown}"):
            model.fit(x, np.zeros((4, 2)), verbose=0)
