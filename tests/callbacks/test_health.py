"""Shares of dead units and norms of gradients against the same worked out by hand in NumPy and with PyTorch."""

import numpy as np
import pytest

from gpunn import callbacks
from gpunn.layers import Activation, BatchNormalization, Dense, Dropout, Input, LeakyReLU, ReLU
from gpunn.models import Sequential
from gpunn.training.health import dead_neurons, gradient_norms, last_gradient_norms

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((200, 6)).astype("float32"), RNG.integers(0, 3, 200)


def with_dead(shares, batch_norm=False):
    """A network in whose hidden layers these shares of the units have a bias that no input reaches above."""
    layers = [Input((6,))]
    for i, _ in enumerate(shares):
        layers.append(Dense(10, name=f"hidden{i}"))
        layers += [BatchNormalization(name=f"norm{i}")] * batch_norm + [Activation("relu")]
    model = Sequential([*layers, Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    for i, share in enumerate(shares):
        layer = model.get_layer(f"norm{i}" if batch_norm else f"hidden{i}")
        weights = layer.get_weights()
        weights[1] = np.where(np.arange(10) < round(10 * share), -1e4, 1.0).astype("float32")
        layer.set_weights(weights)
    return model


def plain_share(model, layer):
    """By hand: the share of a layer's units that are never above 0."""
    x = X
    for other in model.layers:
        if isinstance(other, Dense):
            x = x @ other.kernel.numpy() + other.bias.numpy()
            if other.activation.name == "relu":
                x = np.maximum(x, 0)
        elif isinstance(other, Activation):
            x = np.maximum(x, 0)
        if other.name == layer:
            return np.mean((np.maximum(x, 0) == 0).all(axis=0))
    raise AssertionError(layer)


@pytest.mark.parametrize("batch_size", [7, 200, 1024])
def test_dead_neurons(either_cpu, batch_size):
    model = with_dead([0.0, 0.3, 0.8])
    found = dead_neurons(model, X, batch_size)
    assert found == {name: pytest.approx(plain_share(model, name)) for name in ("hidden0", "hidden1", "hidden2")}
    assert found["hidden0"] == 0.0 and found["hidden1"] >= 0.3 and found["hidden2"] >= 0.8
    assert dead_neurons(with_dead([0.5], batch_norm=True), X) == {"norm0": 0.5}


def test_only_relu_can_be_dead(cpu):
    others = ["tanh", "leaky_relu", LeakyReLU(0.1), ReLU(negative_slope=0.2), "elu"]
    relus = ["relu", ReLU(), ReLU(max_value=6.0), "relu6", ReLU(threshold=0.5)]
    model = Sequential([Input((6,)), *(Dense(4, activation=a, name=f"d{i}") for i, a in enumerate([*relus, *others]))])
    assert list(dead_neurons(model, X)) == [f"d{i}" for i in range(len(relus))]
    alone = Sequential([Input((6,)), ReLU(name="first"), Dense(3), ReLU(), Dense(3, activation="softmax")])
    assert list(dead_neurons(alone, X)) == ["first", alone.layers[1].name], "after a Dense it runs in that one's pass"


def test_dead_neurons_of_an_image(cpu):
    """A unit is a channel: alive where it fires anywhere in the picture."""
    model = Sequential([Input((2, 5)), Dense(4, activation="relu", name="d")])
    x = np.zeros((3, 2, 5), "float32")
    x[1, 1] = 1.0
    model.set_weights([np.tile([1.0, -1.0, 1.0, 0.0], (5, 1)).astype("float32"), np.zeros(4, "float32")])
    assert dead_neurons(model, x) == dead_neurons(model, x, batch_size=1) == {"d": 0.5}


def test_the_monitor_warns_once_and_logs(cpu, capsys):
    model = with_dead([0.2, 0.5])
    watch = callbacks.DeadNeuronMonitor(X, threshold=0.4, log=True, verbose=1)
    with pytest.warns(RuntimeWarning) as warned:
        history = model.fit(X, Y, epochs=3, callbacks=[watch], verbose=0).history
    assert [str(w.message)[:72] for w in warned] == ["50% of the ReLU units of layer 'hidden1' are dead after epoch 1: they gi"]
    assert history["dead_hidden1"] == watch.values["hidden1"] == [0.5] * 3 and history["dead_hidden0"] == [0.2] * 3
    assert "Epoch 3: dead: hidden0 0.2, hidden1 0.5" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"Argument x of DeadNeuronMonitor of model .*: expected shape \(None, 6\). Received: \(9, 5\)"):
        model.fit(X, Y, callbacks=[callbacks.DeadNeuronMonitor(np.zeros((9, 5)))], verbose=0)
    assert "dead_hidden0" not in with_dead([0.2]).fit(X, Y, callbacks=[callbacks.DeadNeuronMonitor(X)], verbose=0).history


def deep(activation="tanh", depth=4, batch_norm=False, **more):
    layers = [Input((6,))]
    for i in range(depth):
        layers += [Dense(12, activation=activation, name=f"d{i}", **more)] + [BatchNormalization(name=f"n{i}")] * batch_norm
    model = Sequential([*layers, Dense(3, activation="softmax", name="out")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def torch_norms(model):
    """The same gradient by PyTorch's autograd."""
    torch = pytest.importorskip("torch")
    x, weights = torch.tensor(X, dtype=torch.float64), []
    for layer in model.layers:
        kernel, bias = (torch.tensor(w.numpy(), dtype=torch.float64, requires_grad=True) for w in layer.parameters)
        weights.append((layer.name, kernel, bias))
        x = x @ kernel + bias
        x = torch.tanh(x) if layer.activation.name == "tanh" else x
    torch.nn.functional.cross_entropy(x, torch.tensor(Y)).backward()
    return {name: float(torch.sqrt((k.grad**2).sum() + (b.grad**2).sum())) for name, k, b in weights}


def test_gradient_norms_are_pytorchs(either_cpu, float64):
    model = deep()
    found, expected = gradient_norms(model, X, Y), torch_norms(model)
    assert found == {name: pytest.approx(value, rel=1e-6) for name, value in expected.items()}, "X itself is float32"
    assert all(value > 1e-6 for value in found.values())


def test_gradient_norms_leave_the_model_as_it_is(cpu):
    """In the midst of a training too: running statistics, the random state and what comes after are the same."""
    ends = []
    for watched in (False, True):
        from gpunn.random import set_random_seed

        set_random_seed(3)
        hidden = Dense(8, activation="relu", kernel_constraint="max_norm", kernel_regularizer="l2")
        model = Sequential([Input((6,)), hidden, BatchNormalization(), Dropout(0.4), Dense(3, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        hidden.set_weights([9 * hidden.get_weights()[0], hidden.get_weights()[1]])  # beyond the constraint until the first step
        if watched:
            before = model.get_weights()
            gradient_norms(model, X, Y)
            assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
        watch = callbacks.GradientNormMonitor((X, Y))
        model.fit(X, Y, epochs=3, callbacks=[watch] if watched else [], verbose=0)
        ends.append(model.get_weights())
        assert model.optimizer.iterations == 21
    for a, b in zip(*ends, strict=True):
        np.testing.assert_array_equal(a, b)
    assert [len(v) for v in watch.values.values()] == [3] * 3
    assert list(watch.values) == [layer.name for layer in model.layers if layer.parameters]


def test_the_last_batchs_gradient_costs_one_read(cpu):
    model = deep()
    watch = callbacks.GradientNormMonitor(log=True)
    history = model.fit(X, Y, batch_size=200, epochs=1, callbacks=[watch], verbose=0).history
    assert history["gradient_norm_out"] == watch.values["out"] == [last_gradient_norms(model)["out"]]
    reads = model.backend.reads
    last_gradient_norms(model)
    assert model.backend.reads == reads + 1
    model.get_layer("d1").trainable = False
    model.fit(X, Y, callbacks=[watch], verbose=0)
    assert "d1" not in watch.values and "d2" in watch.values


def test_with_one_batch_both_ways_agree(cpu):
    model = deep()
    before = gradient_norms(model, X, Y)
    model.fit(X, Y, batch_size=200, callbacks=[], verbose=0)
    assert last_gradient_norms(model) == {name: pytest.approx(value, rel=1e-5) for name, value in before.items()}


def test_sigmoid_gradients_vanish_cl_25(cpu):
    """First against last layer at the start: 1e-5 and less through ten sigmoid layers, near one with batch normalization (CL-26)."""
    ratios = {}
    for depth in (5, 10):
        for batch_norm in (False, True):
            norms = gradient_norms(deep("sigmoid", depth, batch_norm), X, Y)
            ratios[depth, batch_norm] = norms["d0"] / norms["out"]
    assert ratios[5, False] < 0.05 and ratios[10, False] < 1e-3 * ratios[5, False] ** 0.5 and ratios[10, True] > 0.1
