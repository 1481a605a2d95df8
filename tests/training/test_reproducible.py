"""Same seed, same bits: weights, orders and masks, with any number of threads; other seeds differ."""

import numpy as np
import pytest

from gpunn import backend, callbacks
from gpunn.backend.cpu import CpuBackend, has_numba
from gpunn.layers import BatchNormalization, Dense, Dropout, Input
from gpunn.models import Sequential
from gpunn.random import permutation, set_random_seed

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((600, 40)).astype("float32"), RNG.integers(0, 10, 600)


def trained(seed, epochs=3):
    set_random_seed(seed)
    model = Sequential(
        [
            Input((40,)),
            Dense(96, activation="relu"),
            BatchNormalization(),
            Dropout(0.3),
            Dense(64, activation="tanh"),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    history = model.fit(X, Y, batch_size=128, epochs=epochs, verbose=0).history
    return model.get_weights(), history


def same(a, b):
    return a[1] == b[1] and all(np.array_equal(v, w) for v, w in zip(a[0], b[0], strict=True))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_same_seed_same_bits(monkeypatch, threads):
    if threads > 1 and not has_numba():
        pytest.skip("without Numba a step runs on one thread")
    monkeypatch.setattr(backend, "_default", "cpu")
    runs = []
    for _ in range(2):
        monkeypatch.setitem(backend._made, "cpu", CpuBackend(threads=threads))
        runs.append(trained(5))
    assert same(*runs)
    assert not same(runs[0], trained(6))


@pytest.mark.parametrize("seed", [0, 2**63 - 1, np.int64(12)])
def test_seed_covers_weights_orders_and_masks(cpu, seed):
    def draws(seed):
        set_random_seed(seed)
        model = Sequential([Input((4,)), Dense(5), Dropout(0.5)])
        orders = []

        class Rows(callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                orders.append(logs["loss"])

        model.compile("sgd", "mse")
        mask = model(np.ones((8, 4)), training=True) == 0
        model.fit(RNG_ROWS, RNG_ROWS @ np.ones((4, 5)), batch_size=3, epochs=2, callbacks=[Rows()], verbose=0)
        return model.get_weights()[0], mask, orders, np.random.rand(3)

    def equal(a, b):
        return [np.array_equal(v, w) for v, w in zip(a, b, strict=True)]

    first = draws(seed)
    assert equal(first, draws(seed)) == [True] * 4
    assert not any(equal(first, draws(77)))


RNG_ROWS = np.random.default_rng(1).standard_normal((20, 4))


def test_each_epoch_has_an_order_of_its_own(cpu):
    orders = [permutation(50, 9, step=epoch) for epoch in range(3)]
    assert all(sorted(order) == list(range(50)) for order in orders) and len({tuple(order) for order in orders}) == 3
    model = Sequential([Dense(1, kernel_initializer="ones", input_dim=1)])
    model.compile("sgd", "mse")
    model.optimizer.learning_rate = 0.0
    sums = []  # of the first i rows: which rows came in which order

    class Order(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            sums.append(round(logs["loss"] * (batch + 1)))

    for epochs in (2, 1):
        model.fit(np.sqrt(2.0 ** np.arange(8)), np.zeros(8), batch_size=1, epochs=epochs, callbacks=[Order()], verbose=0)
    taken = [np.diff([0, *sums[start : start + 8]]).tolist() for start in (0, 8, 16)]
    assert all(sorted(t) == [2**i for i in range(8)] for t in taken), "every row once an epoch"
    assert len({tuple(t) for t in taken}) == 3, "in an order of its own, in the next fit too"


def test_each_step_and_each_layer_has_a_mask_of_its_own(cpu):
    ones = np.ones((4, 200))
    model = Sequential([Input((200,)), Dropout(0.5), Dropout(0.5)])
    once = model(ones, training=True)
    assert abs((once > 0).mean() - 0.25) < 0.06, "two layers of one rate draw apart from each other"
    assert not np.array_equal(once, model(ones, training=True)), "each call draws anew"
    model.draws.step -= 2
    np.testing.assert_array_equal(once, model(ones, training=True))


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, True, "3"])
def test_seeds_that_are_none(seed):
    with pytest.raises(ValueError, match=r"A seed is an integer from 0 to 2\*\*63 - 1. Received: "):
        set_random_seed(seed)


def test_shuffle_false_takes_rows_in_order(cpu):
    """Online learning in the order of the rows (F-OPT-07)."""
    model = Sequential([Dense(1, input_dim=1, use_bias=False, kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    model.optimizer.learning_rate = 0.25
    x, y = np.array([[1.0], [2.0], [-1.0]]), np.array([1.0, 3.0, 2.0])
    model.fit(x, y, batch_size=1, shuffle=False, verbose=0)
    w = 0.0
    for a, t in zip(x[:, 0], y, strict=True):
        w -= 0.25 * 2 * (w * a - t) * a
    assert model.get_weights()[0][0, 0] == pytest.approx(w, rel=1e-6)
