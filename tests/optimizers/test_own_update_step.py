"""Optimizers of the user's with `update_step`, as Keras 3 has them: the same text in both libraries gives the same weights."""

import copy

import numpy as np
import pytest

import gpunn
from gpunn import models, ops, optimizers
from gpunn.layers import Dense

X = np.random.default_rng(0).standard_normal((96, 6))
Y = (X[:, :1] * 2 + np.abs(X[:, 1:2])).astype(np.float64)


def classes(keras, ops):
    """Three optimizers in the manner of Keras's own, of either library."""

    class Momentum(keras.optimizers.Optimizer):
        def __init__(self, learning_rate=0.01, momentum=0.9, **options):
            super().__init__(learning_rate=learning_rate, **options)
            self.momentum = momentum

        def build(self, variables):
            super().build(variables)
            self.momentums = []
            for variable in variables:
                self.momentums.append(self.add_variable_from_reference(reference_variable=variable, name="momentum"))

        def update_step(self, gradient, variable, learning_rate):
            learning_rate = ops.cast(learning_rate, variable.dtype)
            m = self.momentums[self._get_variable_index(variable)]
            self.assign(m, ops.subtract(ops.multiply(m, self.momentum), ops.multiply(gradient, learning_rate)))
            self.assign_add(variable, m)

        def get_config(self):
            return {**super().get_config(), "momentum": self.momentum}

    class Moments(keras.optimizers.Optimizer):
        def build(self, variables):
            if self.built:
                return
            super().build(variables)
            self.first, self.second = self.add_optimizer_variables(variables, ["first", "second"])

        def update_step(self, gradient, variable, learning_rate):
            i = self._get_variable_index(variable)
            first, second, step = self.first[i], self.second[i], ops.cast(self.iterations + 1, variable.dtype)
            self.assign(first, 0.9 * first + 0.1 * gradient)
            self.assign_add(second, 0.01 * (ops.square(gradient) - second))
            mean, size = first / (1 - ops.power(0.9, step)), second / (1 - ops.power(0.99, step))
            self.assign_sub(variable, learning_rate * mean / (ops.sqrt(size) + 1e-3))

    class Signs(keras.optimizers.Optimizer):
        """It keeps nothing, looks at the whole variable, and at the rate as an attribute."""

        def update_step(self, gradient, variable, learning_rate):
            size = ops.sqrt(ops.mean(ops.square(variable))) + 0.1
            variable.assign(variable - ops.sign(gradient) * size * self.learning_rate)

    return {"momentum": Momentum, "moments": Moments, "signs": Signs}


MINE = classes(gpunn, ops)
OPTIONS = {
    "plain": {}, "clipnorm": {"clipnorm": 0.1}, "clipvalue": {"clipvalue": 0.02}, "global_clipnorm": {"global_clipnorm": 0.1},
    "decay": {"weight_decay": 0.05}, "average": {"use_ema": True, "ema_momentum": 0.8}, "accumulate": {"gradient_accumulation_steps": 3},
    "many": {"gradient_accumulation_steps": 2, "use_ema": True, "weight_decay": 0.1, "clipnorm": 0.5},
}


def network(optimizer):
    model = models.Sequential([gpunn.Input((6,)), Dense(5, "tanh"), Dense(1)])
    model.compile(optimizer, "mse")
    return model


EACH = [  # with every option one of them; the rest is slow
    pytest.param(name, o, marks=() if name == "moments" or o in ("plain", "many") else pytest.mark.slow) for name in MINE for o in OPTIONS
]


@pytest.mark.usefixtures("cpu", "float64")
@pytest.mark.parametrize(("name", "options"), EACH)
def test_as_in_keras(name, options):
    twin = pytest.importorskip("keras_twin")
    twin.compute_in("float64")
    keras = twin.keras
    theirs = classes(keras, keras.ops)[name]
    model = network(MINE[name](0.02, **OPTIONS[options]))
    other = keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(5, "tanh"), keras.layers.Dense(1)])
    other.compile(theirs(0.02, **OPTIONS[options]), "mse")
    other.set_weights(model.get_weights())
    for m in (model, other):
        m.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    for mine, its in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-6, atol=1e-9)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("options", ["plain", "many"])
@pytest.mark.parametrize("name", MINE)
def test_on_a_device(name, options, shared_sim):
    weights = []
    for device in ("cpu", "sim"):
        with gpunn.device(device):
            gpunn.utils.set_random_seed(1)
            model = network(MINE[name](0.02, **OPTIONS[options]))
            model.fit(X, Y, batch_size=20, epochs=2, verbose=0)
            weights.append(model.get_weights())
    for mine, its in zip(*weights, strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("float64")
def test_where_the_model_is_and_not_where_others_would_be(shared_sim):
    """A model that moves, and one on a device that is not the default, train as one that stays."""
    stays, moves = network(MINE["moments"](0.02)), network(MINE["moments"](0.02))
    with gpunn.device("sim"):
        away = network(MINE["moments"](0.02))
    for m in (moves, away):
        m.set_weights(stays.get_weights())
    for m in (stays, moves, away):
        m.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    for device in ("sim", "cpu"):
        moves.to(device)
        for m in (stays, moves, away):
            m.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    for m in (moves, away):
        for mine, its in zip(m.get_weights(), stays.get_weights(), strict=True):
            np.testing.assert_allclose(mine, its, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("cpu", "float64")
@pytest.mark.parametrize("name", MINE)
def test_it_goes_on_from_a_file(name, tmp_path):
    model = network(MINE[name](optimizers.schedules.ExponentialDecay(0.05, 5, 0.5)))
    model.fit(X, Y, epochs=2, verbose=0)
    model.save(tmp_path / "model.npz")
    kind = MINE[name]
    again = [models.load_model(tmp_path / "model.npz", {kind.__name__: kind}), copy.deepcopy(model)]
    histories = [m.fit(X, Y, epochs=2, verbose=0).history for m in (model, *again)]
    assert histories[0] == histories[1] == histories[2]


@pytest.mark.usefixtures("cpu", "float64")
@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("name", MINE)
def test_in_a_loop(name, recorded):
    """A loop of one's own, recorded or not, does what `fit` does."""
    fitted, looped = network(MINE[name](0.02)), network("sgd")
    looped.set_weights(fitted.get_weights())
    optimizer, loss = MINE[name](0.02), gpunn.losses.MeanSquaredError()
    optimizer.build(looped.trainable_weights)

    def step(x, y):
        with gpunn.GradientTape() as tape:
            value = loss(y, looped(x, training=True))
        optimizer.apply(tape.gradient(value, looped.trainable_weights), looped.trainable_weights)
        return value

    step = gpunn.function(step) if recorded else step
    for _ in range(2):
        for i in range(0, 96, 16):
            step(X[i : i + 16], Y[i : i + 16])
    fitted.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    assert optimizer.iterations == 12
    for mine, its in zip(looped.get_weights(), fitted.get_weights(), strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("cpu", "float64")
def test_attributes_and_the_rate_count_from_the_next_call_on():
    model, whole = (network(MINE["momentum"](0.02)) for _ in range(2))
    whole.set_weights(model.get_weights())
    whole.compile(optimizers.SGD(0.02, momentum=0.9), "mse")
    for m in (model, whole):
        m.fit(X, Y, batch_size=16, epochs=1, shuffle=False, verbose=0)
        m.optimizer.learning_rate, m.optimizer.momentum = 0.005, 0.5
        m.fit(X, Y, batch_size=16, epochs=1, shuffle=False, verbose=0)
    for mine, its in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("cpu")
def test_tensorflows_form():
    """`update_step` without a rate, and TensorFlow's words."""

    class Plain(optimizers.Optimizer):
        def build(self, var_list):
            super().build(var_list)
            self.sums = [self.add_variable_from_reference(model_variable=v, variable_name="sum", initializer="ones") for v in var_list]

        def update_step(self, gradient, variable):
            kept = self.sums[self._get_variable_index(variable)]
            kept.assign_add(ops.square(gradient))
            variable.assign_sub(self.learning_rate * gradient / ops.sqrt(kept))

    model, known = network(Plain(0.1)), network(optimizers.Adagrad(0.1, initial_accumulator_value=1.0, epsilon=1e-20))
    known.set_weights(model.get_weights())
    for m in (model, known):
        m.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    for mine, its in zip(model.get_weights(), known.get_weights(), strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-5, atol=1e-6)
    assert "optimizer plain" in model.explain(print_fn=lambda text: None)


@pytest.mark.usefixtures("cpu")
def test_what_is_told():
    class Counting(optimizers.Optimizer):
        def update_step(self, gradient, variable, learning_rate):
            self.calls = getattr(self, "calls", 0) + 1
            variable.assign_sub(gradient * learning_rate)

    class Random(optimizers.Optimizer):
        def build(self, variables):
            super().build(variables)
            self.add_optimizer_variables(variables, "kept", initializer="random_normal")

        def update_step(self, gradient, variable, learning_rate):
            pass

    class Shaped(optimizers.Optimizer):
        def update_step(self, gradient, variable, learning_rate):
            variable.assign(ops.sum(gradient, axis=0))

    with pytest.raises(ValueError, match=r"update_step sets self\.calls"):
        network(Counting(0.1)).fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="zeros, ones or a constant"):
        network(Random(0.1)).fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="Cannot assign to"):
        network(Shaped(0.1)).fit(X, Y, verbose=0)
    optimizer = MINE["momentum"](0.1)
    optimizer.build(network("sgd").trainable_weights)
    with pytest.raises(ValueError, match="one of the variables that build was given"):
        optimizer.add_variable_from_reference(gpunn.Variable(1.0, name="other"), "momentum")
