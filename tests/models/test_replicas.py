"""Replicas trained together end as they end alone, on every kind of device."""

import functools
import shutil

import numpy as np
import pytest

import gpunn
from gpunn import callbacks, ops, optimizers
from gpunn.backend.cpu import CpuBackend, has_numba
from gpunn.layers import (
    Activation,
    BatchNormalization,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    Input,
    Lambda,
    Layer,
    LeakyReLU,
    PReLU,
    Reshape,
)
from gpunn.models import Model, Replicas, Sequential, load_model
from gpunn.optimizers.schedules import ExponentialDecay
from gpunn.utils import set_random_seed

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((203, 12)).astype("float32"), RNG.integers(0, 3, 203)
TARGETS = RNG.standard_normal((203, 2)).astype("float32")
CE = "sparse_categorical_crossentropy"


@pytest.fixture(params=["numba", "numpy", "sim"])
def device(request, monkeypatch):
    name = "sim" if request.param == "sim" else "cpu"
    if request.param == "sim":
        if shutil.which("g++") is None or shutil.which("gcc") is None:
            pytest.skip("sim needs g++ and gcc")
        from gpunn.backend.sim import SimBackend

        ops = SimBackend(order="reverse")
    else:
        if request.param == "numba" and not has_numba():
            pytest.skip("Numba is not used here")
        ops = CpuBackend(compiled=request.param == "numba", threads=2)
    monkeypatch.setitem(gpunn.backend._made, name, ops)
    monkeypatch.setattr(gpunn.backend, "_default", name)
    return ops


def deep():
    return Sequential(
        [Input((12,)), Dense(16, "relu"), BatchNormalization(), Activation("tanh"), Dropout(0.3), Dense(9), PReLU(), Dense(3, "softmax")]
    )


def lazy():  # weights are drawn when the data comes
    return Sequential([Reshape((3, 4)), Flatten(), Dense(8, kernel_regularizer="l2"), LeakyReLU(), GaussianNoise(0.1), Dense(3, "softmax")])


def graph():
    x = Input((12,))
    a, b = Dense(5, "relu")(x), Dense(5, "sigmoid")(x)
    return Model(x, Dense(3, "softmax")(a + b))


def line():
    return Sequential([Input((12,)), Dense(6, "relu"), Dense(2)])


def alone(build, seed, optimizer, loss, y=Y, metrics=(), epochs=3, **fit):
    gpunn.utils.set_random_seed(seed)
    model = build()
    model.compile(optimizer, loss, list(metrics))
    return model, model.fit(X, y, batch_size=32, epochs=epochs, verbose=0, **fit).history


def same(model, other):
    return all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))


CASES = {
    "deep, Adam": (deep, lambda: optimizers.Adam(0.01), CE, ["accuracy"], Y),
    "lazy, SGD": (lazy, lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True), CE, ["accuracy"], Y),
    "graph, clipped": (graph, lambda: optimizers.RMSprop(0.003, global_clipnorm=0.5), CE, ["accuracy"], Y),
    "mse, schedule": (line, lambda: optimizers.SGD(ExponentialDecay(0.1, 5, 0.9)), "mse", ["mae"], TARGETS),
    "mse, table": (line, lambda: optimizers.Adam(lambda step: 0.01 / (1 + step)), "mse", [], TARGETS),
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("case", CASES)
def test_as_one_by_one(device, case):
    build, optimizer, loss, metrics, y = CASES[case]
    held = {"validation_data": (X[:50], y[:50])}
    replicas = Replicas(build, seeds=[3, 11, 4])
    replicas.compile(optimizer(), loss, metrics)
    histories = replicas.fit(X, y, batch_size=32, epochs=3, **held)
    found = replicas.evaluate(X, y, return_dict=True)
    for r, seed in enumerate([3, 11, 4]):
        model, history = alone(build, seed, optimizer(), loss, y, metrics, **held)
        assert histories[r].history == history
        assert same(model, replicas.models[r])
        assert found["loss"][r] == model.evaluate(X, y, verbose=0, return_dict=True)["loss"]
        assert np.array_equal(replicas.predict(X)[r], model.predict(X, verbose=0))
    assert not same(replicas.models[0], replicas.models[1])


def test_learning_rates(device):
    rates = [0.1, 0.001, 0.01, 0.03, 0.3]
    gpunn.utils.set_random_seed(5)
    replicas = Replicas(deep, learning_rates=rates)
    replicas.compile("sgd", CE)
    histories = replicas.fit(X, Y, batch_size=64, epochs=2)
    assert len({h.history["loss"][-1] for h in histories}) == 5
    for model, rate, history in zip(replicas.models, rates, histories, strict=True):
        gpunn.utils.set_random_seed(5)
        other = deep()
        other.compile(optimizers.SGD(rate), CE)
        assert other.fit(X, Y, batch_size=64, epochs=2, verbose=0).history == history.history
        assert same(other, model)


def test_weights_of_rows_and_a_compiled_model_function(device):
    def build():
        model = line()
        model.compile(optimizers.Adam(), CE, weighted_metrics=["accuracy"])
        return model

    def line():
        return Sequential([Input((12,)), Dense(3, "softmax")])

    weights = RNG.random(len(X)).astype("float32")
    more = {"sample_weight": weights, "class_weight": {0: 1.0, 1: 2.0, 2: 0.5}, "validation_split": 0.25, "shuffle": "batch"}
    replicas = Replicas(build, seeds=range(2), learning_rates=[0.1, 0.02])
    histories = replicas.fit(X, Y, batch_size=32, epochs=2, **more)
    for r, rate in enumerate([0.1, 0.02]):
        gpunn.utils.set_random_seed(r)
        model = build()
        model.optimizer.learning_rate = rate
        assert model.fit(X, Y, batch_size=32, epochs=2, verbose=0, **more).history == histories[r].history
        assert same(model, replicas.models[r])


def test_goes_on_where_it_was(device, tmp_path):
    """Two fits are one, also where a replica was used alone between them."""
    replicas = Replicas(deep, seeds=[1, 2])
    replicas.compile("adam", CE, ["accuracy"])
    replicas.fit(X, Y, batch_size=32, epochs=2)
    replicas.models[1].fit(X, Y, batch_size=32, epochs=1, verbose=0)
    replicas.fit(X, Y, batch_size=32, epochs=1)
    for r, (seed, epochs) in enumerate([(1, 3), (2, 4)]):
        model, _ = alone(deep, seed, "adam", CE, metrics=["accuracy"], epochs=epochs)
        assert same(model, replicas.models[r])
    replicas.models[0].save(tmp_path / "one.npz")
    assert same(load_model(tmp_path / "one.npz"), replicas.models[0])


def test_a_replica_may_stop(device):
    def stopping(r):
        class Stop(callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                self.model.stop_training = epoch == r

        return Stop()

    replicas = Replicas(deep, seeds=[5, 6, 7])
    replicas.compile("adam", CE)
    histories = replicas.fit(X, Y, batch_size=32, epochs=4, callbacks=stopping, validation_data=(X, Y))
    assert [h.epoch for h in histories] == [[0], [0, 1], [0, 1, 2]]
    for r, seed in enumerate([5, 6, 7]):
        model, history = alone(deep, seed, "adam", CE, epochs=r + 1, validation_data=(X, Y))
        assert histories[r].history == history and same(model, replicas.models[r])


def test_float64_and_one_replica(device, float64):
    replicas = Replicas(lazy, seeds=[9])
    replicas.compile("adam", CE)
    (history,) = replicas.fit(X, Y, batch_size=32, epochs=3)
    model, expected = alone(lazy, 9, "adam", CE)
    assert history.history == expected and same(model, replicas.models[0]) and model.get_weights()[0].dtype == np.float64


def test_a_line_an_epoch_and_a_warning_for_nan(cpu, capsys):
    replicas = Replicas(line, learning_rates=[0.01, 1e6])
    replicas.compile("sgd", "mse")
    with pytest.warns(RuntimeWarning, match="loss of replica 1 became NaN or infinite at step"):
        replicas.fit(X, TARGETS, batch_size=32, epochs=3, verbose=1)
    assert "Epoch 1/3 - 2 replicas - loss: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Replicas(deep), "expected seeds, learning_rates, or both. Received: neither"),
        (lambda: Replicas(deep, seeds=[]), "at least one replica"),
        (lambda: Replicas(deep, seeds=5), "seeds as a sequence, one a replica. Received: seeds=5"),
        (lambda: Replicas(deep, seeds=[-1]), "A seed is an integer"),
        (lambda: Replicas(deep, seeds=[1, 2], learning_rates=[0.1]), "one learning rate for each of the 2 seeds. Received: 1 of them"),
        (lambda: Replicas(deep(), seeds=[1]), "a function that makes a model"),
        (lambda: Replicas(lambda: 3, seeds=[1]), "a function that makes a model. Received one that gives 3"),
        (lambda: Replicas(functools.cache(deep), seeds=[1, 2]), "a new model from every call"),
    ],
)
def test_what_it_is_made_of(cpu, make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_other_architectures_are_refused(cpu):
    widths = iter([8, 9])
    with pytest.raises(ValueError, match=r"layer 0: Dense\(.*units=8.* in replica 0, Dense\(.*units=9.* in replica 1"):
        Replicas(lambda: Sequential([Input((4,)), Dense(next(widths))]), seeds=[1, 2])
    counts = iter([1, 2])
    with pytest.raises(ValueError, match="layers: 1 in replica 0, 2 in replica 1"):
        Replicas(lambda: Sequential([Input((4,)), *(Dense(4) for _ in range(next(counts)))]), seeds=[1, 2])
    momenta = iter([0.0, 0.5])

    def compiled():
        model = line()
        model.compile(optimizers.SGD(momentum=next(momenta)), "mse")
        return model

    with pytest.raises(ValueError, match=r"optimizer: SGD\(.*momentum=0.0.* in replica 0, SGD\(.*momentum=0.5.* in replica 1"):
        Replicas(compiled, seeds=[1, 2])


class Scaled(Layer):
    def build(self, input_shape):
        self.scale = self.add_weight(name="scale", shape=(input_shape[-1],), initializer="ones")

    def call(self, x):
        return ops.relu(x * self.scale) - ops.mean(x, axis=-1, keepdims=True)


def test_arithmetic_of_ones_own_together(device):
    def make():
        own = {"kernel_regularizer": lambda w: 0.1 * ops.mean(ops.square(w)), "kernel_constraint": lambda w: ops.maximum(w, -0.2)}
        hidden = [Dense(5, lambda x: x * ops.sigmoid(x), **own), Scaled(), Lambda(lambda x: x * 2)]
        return Sequential([Input((12,)), *hidden, Dense(2)])

    replicas = Replicas(make, seeds=[1, 2])
    replicas.compile(optimizers.SGD(0.05), "mse")
    replicas.fit(X, TARGETS, epochs=3, batch_size=16, verbose=0)
    for seed, together in zip([1, 2], replicas.models, strict=True):
        set_random_seed(seed)
        alone = make()
        alone.compile(optimizers.SGD(0.05), "mse")
        alone.fit(X, TARGETS, epochs=3, batch_size=16, verbose=0)
        for a, b in zip(together.get_weights(), alone.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_what_runs_from_python_is_refused(cpu):
    def with_lambda():
        return Sequential([Input((12,)), Lambda(lambda x: np.asarray(x) * 2, name="twice"), Dense(3, "softmax")])

    def own_loss(y, p):
        return 0.0, p * 0

    with pytest.raises(ValueError, match=r"layer 'twice' \(Lambda\) runs from Python in every step"):
        Replicas(with_lambda, seeds=[1, 2])
    replicas = Replicas(line, seeds=[1, 2])
    with pytest.raises(ValueError, match="the loss 'own_loss' is called from Python"):
        replicas.compile("sgd", own_loss)
    with pytest.raises(ValueError, match="the optimizer LBFGS searches on the host"):
        replicas.compile(optimizers.LBFGS(), "mse")
    replicas.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"Argument x of Replicas\.fit: expected arrays\. Received: "):
        replicas.fit(iter([(X, TARGETS)]), None)
    with pytest.raises(ValueError, match="a function of a replica's number"):
        replicas.fit(X, TARGETS, callbacks=[callbacks.EarlyStopping()])
    with pytest.raises(ValueError, match="hooks for single batches"):
        replicas.fit(X, TARGETS, callbacks=lambda r: callbacks.LambdaCallback(on_train_batch_end=lambda *a: None))
    with pytest.raises(ValueError, match="changes the size of batches"):
        replicas.fit(X, TARGETS, callbacks=lambda r: callbacks.BatchSizeSchedule({0: 8}))
    taken = optimizers.SGD()
    line().compile(taken, "mse")
    with pytest.raises(ValueError, match="an optimizer that no model has"):
        replicas.compile(taken, "mse")


def test_bad_data_changes_nothing(cpu):
    replicas = Replicas(deep, seeds=[1, 2])
    with pytest.raises(ValueError, match="You must call `compile"):
        replicas.fit(X, Y)
    replicas.compile("adam", CE)
    before = [m.get_weights() for m in replicas.models]
    with pytest.raises(ValueError, match="y"):
        replicas.fit(X, Y[:-1])
    with pytest.raises(ValueError, match="x"):
        replicas.fit(X[:, :5], Y)
    with pytest.raises(ValueError, match="epochs"):
        replicas.fit(X, Y, epochs=-1)
    assert all(np.array_equal(a, b) for m, w in zip(replicas.models, before, strict=True) for a, b in zip(m.get_weights(), w, strict=True))


def test_the_seed_in_force_goes_on(cpu):
    gpunn.utils.set_random_seed(3)
    expected = np.random.rand(), gpunn.random.next_stream()
    gpunn.utils.set_random_seed(3)
    replicas = Replicas(lazy, seeds=[1, 2])
    replicas.compile("sgd", CE)
    replicas.fit(X, Y)
    assert (np.random.rand(), gpunn.random.next_stream()) == expected


def test_layers_beyond_dense_nets(cpu):
    def build():
        return Sequential([Input((4,)), Embedding(7, 3), Flatten(), Dense(3, "softmax")])

    x = RNG.integers(0, 7, (100, 4))
    replicas = Replicas(build, seeds=[1, 2, 3])
    replicas.compile("adam", CE)
    histories = replicas.fit(x, Y[:100], batch_size=32, epochs=2)
    gpunn.utils.set_random_seed(2)
    model = build()
    model.compile("adam", CE)
    assert model.fit(x, Y[:100], batch_size=32, epochs=2, verbose=0).history == histories[1].history
