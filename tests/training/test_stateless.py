"""Calls that are given the values of variables and leave the layer, the optimizer and the metric as they are, beside Keras's on JAX."""

import numpy as np
import pytest

import gpunn
from gpunn import GradientTape, layers, metrics, ops, optimizers
from gpunn.layers.graph import KerasTensor

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 4)).astype("float32")
Y = RNG.normal(size=(16, 3)).astype("float32")


def small(lib):
    dense = lib.layers.Dense(8, "relu", kernel_regularizer="l2")
    return lib.Sequential([lib.layers.Input((4,)), dense, lib.layers.BatchNormalization(), lib.layers.Dense(3)])


def pair():
    twin = pytest.importorskip("keras_twin")
    ours, theirs = small(gpunn), small(twin.keras)
    theirs.set_weights(ours.get_weights())
    return twin, ours, theirs, [v.numpy() + 0.1 for v in ours.trainable_variables], [v.numpy() for v in ours.non_trainable_variables]


def close(ours, theirs, tolerance=1e-5):
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(np.asarray(mine), np.asarray(other), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("training", [False, True])
def test_a_call_of_a_model(training):
    _, ours, theirs, learning, others = pair()
    before = ours.get_weights()
    y, after, losses = ours.stateless_call(learning, others, X, training=training, return_losses=True)
    expected, after_theirs, losses_theirs = theirs.stateless_call(learning, others, X, training=training, return_losses=True)
    close([y, *after, *losses], [expected, *after_theirs, *losses_theirs])
    close(ours.get_weights(), before, 0)
    assert training == any((a != b).any() for a, b in zip(after, others, strict=True))


def test_a_call_of_a_layer():
    twin = pytest.importorskip("keras_twin")
    found = []
    for lib in (gpunn, twin.keras):
        layer = lib.layers.Dense(3, "tanh")
        layer.build((None, 4))
        found.append(layer.stateless_call([np.ones((4, 3), "float32"), np.zeros(3, "float32")], [], X))
    close([found[0][0]], [found[1][0]])
    assert found[0][1] == [] == found[1][1]


def test_gradients_under_a_tape():
    """Those of values and of inputs, as jax.grad has them; and nothing of the model is another one."""
    twin, ours, theirs, learning, others = pair()
    before = ours.get_weights()

    def loss_theirs(values, x):
        y, _, losses = theirs.stateless_call(values, others, x, training=True, return_losses=True)
        return ((y - Y) ** 2).mean() + sum(losses)

    with GradientTape() as tape:
        tape.watch(learning)
        tape.watch(X)
        y, after, losses = ours.stateless_call(learning, others, X, training=True, return_losses=True)
        loss = ops.mean((y - Y) ** 2) + sum(losses)
    found = tape.gradient(loss, [*learning, X])
    by_values, by_inputs = twin.jax.grad(loss_theirs, argnums=(0, 1))(learning, X)
    close(found, [*by_values, by_inputs])
    close(ours.get_weights(), before, 0)
    assert any((a != b).any() for a, b in zip(after, others, strict=True))


def test_the_way_back_draws_what_the_call_drew():
    """Two calls with dropout, then the gradient of the first: its own mask."""
    layer = layers.Dense(6, use_bias=False)
    model = gpunn.Sequential([layers.Input((4,)), layer, layers.Dropout(0.5)])
    kernel = gpunn.Variable(RNG.normal(size=(4, 6)).astype("float32"))
    with GradientTape() as tape:
        y, _ = model.stateless_call([kernel], [], X, training=True)
        other, _ = model.stateless_call([kernel], [], X, training=True)
        total = ops.sum(y)
    assert (np.asarray(other) != np.asarray(y)).any()
    np.testing.assert_allclose(np.asarray(tape.gradient(total, kernel)), X.T @ (2.0 * (np.asarray(y) != 0)), rtol=1e-4, atol=1e-5)


def test_a_loop_without_state():
    """Steps of Adam from given values: those of Keras on JAX, and the model as it was made."""
    twin, ours, theirs, learning, others = pair()
    before, optimizer, their_optimizer = ours.get_weights(), optimizers.Adam(0.05), twin.keras.optimizers.Adam(0.05)
    optimizer.build(ours.trainable_variables)
    their_optimizer.build(theirs.trainable_variables)
    mse, their_mse = metrics.MeanSquaredError(), twin.keras.metrics.MeanSquaredError()
    own, seen = [v.numpy() for v in optimizer.variables], mse.stateless_reset_state()
    state = learning, others, [np.asarray(v) for v in their_optimizer.variables], [np.asarray(v) for v in their_mse.variables]

    def loss_theirs(values, rest):
        y, rest = theirs.stateless_call(values, rest, X, training=True)
        return ((y - Y) ** 2).mean(), (y, rest)

    for _ in range(4):
        with GradientTape() as tape:
            tape.watch(learning)
            y, others = ours.stateless_call(learning, others, X, training=True)
            loss = ops.mean((y - Y) ** 2)
        learning, own = optimizer.stateless_apply(own, tape.gradient(loss, learning), learning)
        seen = mse.stateless_update_state(seen, Y, y)
        values, rest, kept, counted = state
        (_, (y, rest)), gradients = twin.jax.value_and_grad(loss_theirs, has_aux=True)(values, rest)
        values, kept = their_optimizer.stateless_apply(kept, gradients, values)
        state = values, rest, kept, their_mse.stateless_update_state(counted, Y, y)
    close([*learning, *others], [*state[0], *state[1]], 1e-4)
    assert mse.stateless_result(seen) == pytest.approx(float(their_mse.stateless_result(state[3])), rel=1e-4)
    close(ours.get_weights(), before, 0)
    assert optimizer.iterations == 0 and int(own[0]) == 4 and mse.result() == 0


METRICS = {
    "AUC": (lambda m: m.AUC(), [0, 1, 1, 0], [0.1, 0.8, 0.3, 0.6]), "Mean": (lambda m: m.Mean(), [1.0, 2.0, 6.0], None),
    "Recall": (lambda m: m.Recall(), [0, 1, 1, 0], [0.1, 0.8, 0.3, 0.6]),
    "F1Score": (lambda m: m.F1Score("macro"), [[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]]),
    "SparseCategoricalAccuracy": (lambda m: m.SparseCategoricalAccuracy(), [1, 0], [[0.2, 0.8], [0.4, 0.6]]),
}


@pytest.mark.parametrize("name", METRICS)
def test_metrics(name):
    twin = pytest.importorskip("keras_twin")
    make, *given = METRICS[name]
    arguments = [np.array(v, "float32") for v in given if v is not None]
    found = []
    for lib in (metrics, twin.keras.metrics):
        metric = make(lib)
        metric.update_state(*arguments)
        before = float(metric.result())
        fresh = metric.stateless_reset_state()
        once = metric.stateless_update_state(fresh, *[v[:1] for v in arguments])
        found.append([before, float(metric.stateless_result(once)), float(metric.result())])
    assert found[0] == pytest.approx(found[1], rel=1e-5) and found[0][0] == found[0][2]


def test_a_metric_of_ones_own():
    class Largest(metrics.Metric):
        def __init__(self):
            super().__init__(name="largest")
            self.most, self.mean = self.add_variable((), "zeros"), metrics.Mean()

        def update_state(self, values):
            self.most.assign(max(float(self.most), float(np.max(values))))
            self.mean.update_state(values)

        def result(self):
            return self.most.numpy() + self.mean.result()

    metric = Largest()
    state = metric.stateless_update_state([v.numpy() for v in metric.variables], [1.0, 5.0])
    assert len(state) == 2 and metric.stateless_result(state) == 8 and metric.result() == 0


def test_what_a_call_would_give():
    twin = pytest.importorskip("keras_twin")
    for make in (lambda k: k.Dense(3), lambda k: k.Flatten(), lambda k: k.Reshape((2, 2)), lambda k: k.Embedding(5, 2)):
        libraries = (layers, KerasTensor), (twin.keras.layers, twin.keras.KerasTensor)
        found = [make(k).compute_output_spec(tensor((None, 4))) for k, tensor in libraries]
        assert found[0].shape == found[1].shape and found[0].dtype == found[1].dtype
    model = small(gpunn)
    assert model.compute_output_spec(KerasTensor((None, 4))).shape == (None, 3) and not model.inbound_nodes
    assert layers.Flatten().compute_output_spec(KerasTensor((None, 2, 2), "int32")).dtype == "int32"


# ---------------------------------------------------------------------- what does not fit
def test_errors():
    model, learning = small(gpunn), None
    learning, others = ([v.numpy() for v in ours] for ours in (model.trainable_variables, model.non_trainable_variables))
    with pytest.raises(ValueError, match=r"expected 6 values of trainable_variables and 2 of non_trainable_variables. Received: 5 and 2"):
        model.stateless_call(learning[1:], others, X)
    with pytest.raises(ValueError, match=r"expected shape \(4, 8\) for dense\w*/kernel. Received: \(8, 4\)"):
        model.stateless_call([learning[0].T, *learning[1:]], others, X)
    with pytest.raises(ValueError, match=r"Layer 'd': stateless_call needs its variables. Expected it to be built"):
        layers.Dense(3, name="d").stateless_call([], [], X)
    with pytest.raises(ValueError, match=r"stateless_apply needs its variables. Expected optimizer.build"):
        optimizers.SGD().stateless_apply([], [], [])
    optimizer = optimizers.SGD(0.1)
    optimizer.build(model.trainable_variables)
    with pytest.raises(ValueError, match=r"stateless_apply: expected 2 values in optimizer_variables. Received: 0"):
        optimizer.stateless_apply([], learning, learning)
    with pytest.raises(ValueError, match=r"Metric \w+: stateless_update_state: expected 1 values in metric_variables. Received: 3"):
        metrics.AUC().stateless_update_state([1, 2, 3], [0, 1], [0.2, 0.3])


def test_jax_differentiates_nothing_here():
    jax = pytest.importorskip("jax")
    model = small(gpunn)
    learning, others = ([v.numpy() for v in ours] for ours in (model.trainable_variables, model.non_trainable_variables))
    with pytest.raises(ValueError, match=r"expected an array for dense\w*/kernel. Received: \w*Tracer. .* gpunn.GradientTape"):
        jax.grad(lambda values: model.stateless_call(values, others, X)[0].sum())(learning)


# ---------------------------------------------------------------------- functions of an iterator
def test_made_functions():
    model, twin = small(gpunn), small(gpunn)
    twin.set_weights(model.get_weights())
    for one in (model, twin):
        one.compile("sgd", "mse", metrics=["mae"])
    batches = iter([(X[:8], Y[:8]), (X[8:], Y[8:])])
    step = model.make_train_function()
    assert step is model.train_function and step is model.make_train_function()
    logs = step(batches)
    assert logs == twin.train_on_batch(X[:8], Y[:8], return_dict=True)
    assert model.make_test_function()(batches) == twin.test_on_batch(X[8:], Y[8:], return_dict=True)
    np.testing.assert_array_equal(model.make_predict_function()(iter([(X, Y)])), twin.predict_on_batch(X))
    model.train_function = None
    assert model.make_train_function() is not step


def test_functions_that_nothing_would_call():
    class Own(gpunn.Sequential):
        def make_train_function(self, force=False):
            return lambda batches: {}

    model = Own([layers.Input((4,)), layers.Dense(3)])
    model.compile("sgd", "mse")
    for what in ("fit", "evaluate"):
        with pytest.raises(ValueError, match=f"{what} does not call make_train_function. Expected train_step"):
            getattr(model, what)(X, Y, verbose=0)
