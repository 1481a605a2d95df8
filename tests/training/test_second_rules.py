"""Second derivatives: tables, several types, what has none, and what nested tapes leave alone."""

import numpy as np
import pytest
from second_derivatives import check

import gpunn
from gpunn import GradientTape, Variable, losses, ops, regularizers
from gpunn import layers as L

pytestmark = pytest.mark.usefixtures("numpy_alone", "float64")
RNG = np.random.default_rng(0)


def test_a_table_of_words():
    """The gradient by its rows, of which some are taken twice, in a product with themselves."""
    model = gpunn.Sequential([gpunn.Input((4,)), L.Embedding(6, 3), L.Dense(3, "tanh")])
    tokens = np.array([[0, 1, 1, 5], [2, 0, 0, 3]])
    check(lambda x: model(tokens, training=True) * x, [RNG.standard_normal((2, 4, 3))], model.trainable_weights)


def test_steps_that_are_masked():
    """They have no gradient, as in a first derivative."""
    x, layer, found = RNG.standard_normal((2, 3, 4)), L.Masking(), []
    x[0, 1] = 0
    for nested in (False, True):
        with GradientTape():
            with GradientTape() as inner:
                inner.watch(x)
                y = ops.sum(layer(x) * 3.0)
            if nested:
                found.append(inner.gradient(y, x))
        if not nested:
            found.append(inner.gradient(y, x))
    np.testing.assert_array_equal(*found)


def test_targets_and_inputs_that_are_the_same():
    x = Variable([1.0, 2.0])
    with GradientTape() as outer:
        with GradientTape() as inner:
            y = ops.square(x)
            z = L.Multiply()([y, y])
        g = inner.gradient([z, z], x)
    np.testing.assert_allclose(g, 8 * x.numpy() ** 3)
    np.testing.assert_allclose(outer.gradient(g, x), 24 * x.numpy() ** 2)


def test_several_types():
    x, w = Variable([1.0, 2.0], dtype="float32"), Variable([3.0, 0.5], dtype="float64")
    with GradientTape() as outer:
        with GradientTape() as inner:
            y = ops.sum(ops.exp(x * w) * x)
        g = inner.gradient(y, x)
    assert g.dtype == "float32"
    e = np.exp(x.numpy() * w.numpy())
    np.testing.assert_allclose(outer.gradient(g, w), e * x.numpy() * (2 + w.numpy() * x.numpy()), rtol=1e-6)


class Own(L.Layer):
    """A layer with a forward pass and a pullback by hand."""

    def forward(self, x, training=False):
        return x * x, lambda dy, need_dx=True: 2 * x * dy


WITHOUT = {
    "stateful": (
        lambda: gpunn.Sequential([L.LSTM(2, name="rec", stateful=True)]), (2, 3, 4), r"layer 'rec' \(LSTM, stateful\) has no gradient of"
    ),
    "own": (lambda: gpunn.Sequential([L.Dense(4), Own(name="mine")]), (2, 4), r"layer 'mine' \(Own\) has no gradient of its gradient"),
    "adaptive": (lambda: gpunn.Sequential([L.AdaptiveMaxPooling1D(2, name="max")]), (2, 3, 4), r"layer 'max' \(AdaptiveMaxPooling1D\)"),
    "masked": (lambda: gpunn.Sequential([L.Masking(), L.BatchNormalization(name="n")]), (2, 3, 4), r"'n' \(BatchNormalization, of masked"),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_layers_without(name):
    """One error, which names the layer; everything is as it was, and first derivatives are there."""
    make, shape, error = WITHOUT[name]
    model, x = make(), RNG.standard_normal(shape)
    model(x)
    with GradientTape() as outer:
        with GradientTape() as inner:
            inner.watch(x)
            y = model(x, training=True)
        before, kept = [np.array(p.value) for p in model.weights], [(p.gradient, p.frozen, p.trainable) for p in model.weights]
        with pytest.raises(NotImplementedError, match=error):
            inner.gradient(y, x)
        z = ops.sum(y)
    plain = inner.gradient(y, x)
    assert plain.shape == shape and [(p.gradient, p.frozen, p.trainable) for p in model.weights] == kept
    np.testing.assert_allclose(outer.gradient(z, x, unconnected_gradients="zero"), 0)  # only the inner tape looks at it
    for a, p in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(a, p.value)


def test_losses_and_penalties_without():
    w = Variable(RNG.standard_normal((3, 3)))
    with GradientTape() as outer:
        with GradientTape() as inner:
            value = losses.Dice()(np.eye(3), ops.sigmoid(w))
        with pytest.raises(NotImplementedError, match="loss 'dice' has no gradient of its gradient"):
            inner.gradient(value, w)
        model = gpunn.Sequential([L.Dense(3, kernel_regularizer=regularizers.OrthogonalRegularizer())])
        with GradientTape() as inner:
            value = ops.sum(model(np.eye(3))) + ops.add_n(model.losses)
        with pytest.raises(NotImplementedError, match=r"regularizer .*Orthogonal"):
            inner.gradient(value, model.trainable_weights)
        with GradientTape() as inner:
            value = losses.MeanSquaredError()(w * 2, w * 3)
        with pytest.raises(ValueError, match="has no gradient in y_true"):
            inner.gradient(value, w)
    assert outer.gradient(value, w.value) is None


def test_weights_that_changed_in_between():
    model, x = gpunn.Sequential([L.Dense(1, "tanh")]), RNG.standard_normal((2, 3))
    with GradientTape() as outer:
        with GradientTape() as inner:
            inner.watch(x)
            y = model(x)
        g = ops.sum(inner.gradient(y, x))
    model.trainable_weights[0].assign(np.ones((3, 1)))
    with pytest.raises(RuntimeError, match="kernel was assigned or updated after the tape had read it"):
        outer.gradient(g, model.trainable_weights)


def test_running_statistics_move_once():
    """By the call, not by the way back, in which its layers are called again."""
    found, x = [], RNG.standard_normal((4, 2))
    for nested in (False, True):
        gpunn.utils.set_random_seed(1)
        model = gpunn.Sequential([L.Dense(3), L.BatchNormalization(), L.Dropout(0.5)])
        with GradientTape():
            with GradientTape() as inner:
                inner.watch(x)
                y = ops.square(model(x, training=True))
            if nested:
                assert inner.gradient(y, x).made_by is not None
        found.append([*(np.array(p.value) for p in model.weights), np.array(model.rng.step)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


@ops.custom_gradient
def log1pexp(x):
    """TensorFlow's example."""
    e = ops.exp(x)

    def grad(upstream):
        return upstream * (1 - 1 / (1 + e))

    return ops.log(1 + e), grad


@ops.custom_gradient
def half_product(a, b):
    return a * b, lambda dy: (0.5 * dy * b, ops.square(a) * dy)


def test_gradients_of_the_users():
    x = Variable([0.0, 1.0, -2.0])
    s = 1 / (1 + np.exp(-x.numpy()))
    with GradientTape() as outer:
        with GradientTape() as inner:
            y = log1pexp(x)
        g = inner.gradient(y, x)
    np.testing.assert_allclose(y, np.log1p(np.exp(x.numpy())))
    np.testing.assert_allclose(g, s)
    np.testing.assert_allclose(outer.gradient(g, x), s * (1 - s))
    np.testing.assert_allclose(log1pexp(x.numpy()), y)
    a, b = Variable([2.0, 3.0]), Variable([5.0, 7.0])
    with GradientTape() as tape:
        y = half_product(a, b)
    for g, expected in zip(tape.gradient(y, [a, b]), ([2.5, 3.5], [4.0, 9.0]), strict=True):
        np.testing.assert_array_equal(g, expected)
    with GradientTape() as tape:
        y = ops.custom_gradient(lambda a, b: (a * b, lambda dy: dy))(a, b)
    with pytest.raises(ValueError, match=r"expected a gradient for each of 2 arguments\. Received: 1"):
        tape.gradient(y, a)


class Reversed(L.Layer):
    """A layer that turns gradients around (Ganin & Lempitsky 2015)."""

    def call(self, x):
        return ops.custom_gradient(lambda x: (x * 1.0, lambda upstream: -upstream))(x)


def test_gradients_of_the_users_in_a_layer():
    """In `fit`, and through nested tapes: the gradient with the other sign, twice."""
    x, y, found = RNG.standard_normal((6, 3)), RNG.standard_normal((6, 1)), []
    for layers in ([], [Reversed()]):
        gpunn.utils.set_random_seed(2)
        model = gpunn.Sequential([L.Dense(4, "tanh"), *layers, L.Dense(1)])
        model.compile(gpunn.optimizers.SGD(0.1), "mse")
        model.fit(x, y, batch_size=6, verbose=0)
        found.append(model.get_weights())
    gpunn.utils.set_random_seed(2)
    start = gpunn.Sequential([L.Dense(4, "tanh"), L.Dense(1)])
    start(x)
    begin, plain, turned = start.get_weights()[0], found[0][0], found[1][0]
    np.testing.assert_allclose(turned - begin, begin - plain, rtol=1e-9)
    check(lambda x: Reversed()(Reversed()(x)) ** 3, [RNG.standard_normal((2, 2))])


def test_spectral_normalization():
    """The way back goes through the weights as the call has left them, those of a plain layer."""
    x, found = RNG.standard_normal((4, 3)), []
    wrapped = gpunn.Sequential([L.SpectralNormalization(L.Dense(5, "tanh"), 3), L.Dense(1)])
    plain = gpunn.Sequential([L.Dense(5, "tanh"), L.Dense(1)])
    for model in (wrapped, plain):
        model(x)
        if model is plain:
            plain.set_weights([p.numpy() for p in wrapped.trainable_weights])
        with GradientTape() as outer:
            with GradientTape() as inner:
                inner.watch(x)
                y = model(x, training=True)
            penalty = ops.sum(ops.square(inner.gradient(y, x)))
        found.append(outer.gradient(penalty, model.trainable_weights, unconnected_gradients="zero"))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
