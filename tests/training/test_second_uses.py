"""Nested tapes, and what they are for, as JAX has it: differential equations, steps within steps, Hessians."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from second_derivatives import same

import gpunn
from gpunn import GradientTape, Variable, losses, ops
from gpunn import layers as L

jax.config.update("jax_enable_x64", True)
RNG = np.random.default_rng(0)


def mlp(activation, *units, inputs=2):
    model = gpunn.Sequential([gpunn.Input((inputs,)), *(L.Dense(n, activation) for n in units), L.Dense(1)])
    model.set_weights([0.5 * RNG.standard_normal(w.shape) for w in model.get_weights()])
    return model


def theirs(activation, w, x):
    for kernel, bias in zip(w[:-2:2], w[1:-2:2], strict=True):
        x = activation(x @ kernel + bias)
    return x @ w[-2] + w[-1]


# ---------------------------------------------------------------------- tapes
def test_three_tapes(cpu):
    w, x = Variable(2.0), Variable([1.0, 3.0])
    with GradientTape(persistent=True) as outer:
        with GradientTape() as middle:
            with GradientTape(persistent=True) as inner:
                y = w**4 * ops.sum(x**2)
            g = inner.gradient(y, {"w": w, "x": x})
        h = middle.gradient(g["w"], w)
        again = inner.gradient(y, w)
    assert [float(v) for v in (g["w"], h, outer.gradient(h, w), again, outer.gradient(again, w))] == [320.0, 480.0, 480.0, 320.0, 480.0]
    np.testing.assert_array_equal(outer.jacobian(g["x"], x), 32 * np.eye(2))
    np.testing.assert_array_equal(outer.gradient(g["x"], w), 64 * 4)  # the sum of 2 x, times 32
    assert middle.mark is not None and outer.gradient(y, w) is not None


def test_a_persistent_tape_within_its_own_block(cpu, float64):
    """It records what gives its gradients; what has none of its own still has first ones."""
    x, model = np.linspace(-1, 1, 5)[:, None], mlp("tanh", 4, inputs=1)
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        u = model(x)
        u_x = tape.gradient(u, x)
        u_xx = tape.gradient(u_x, x)
        loss = ops.mean((u_xx + u) ** 2)
    w = model.get_weights()

    def of_one(w, x):
        return theirs(jnp.tanh, w, x[None])[0]

    def residual(w):
        return jnp.mean((jax.vmap(lambda x: jax.grad(jax.grad(of_one, 1), 1)(w, x) + of_one(w, x))(x[:, 0])) ** 2)

    value, gradients = jax.jit(jax.value_and_grad(residual))(w)
    assert float(loss) == pytest.approx(float(value), rel=1e-9)
    same(tape.gradient(loss, model.trainable_weights), gradients)
    same(tape.gradient(u_x, x), u_xx)
    recurrent = gpunn.Sequential([gpunn.Input((3, 1)), L.LSTM(2)])
    rows = np.ones((2, 3, 1))
    with GradientTape(persistent=True) as tape:
        tape.watch(rows)
        y = recurrent(rows)
        first = tape.gradient(y, rows)
    same(first, np.asarray(tape.gradient(y, rows)))


def test_what_gradients_begin_with_and_what_is_not_connected(cpu):
    """By a gradient that depends on something itself: the product of a Jacobian and a vector."""
    x, v, other = Variable([1.0, 2.0, 3.0]), Variable([1.0, -1.0, 2.0]), Variable(1.0)
    with GradientTape() as outer:
        with GradientTape(persistent=True) as inner:
            y = x**3
        g = inner.gradient(y, x, output_gradients=v)
        assert inner.gradient(y, other) is None and inner.gradient(y, other, unconnected_gradients="zero") == 0
        with outer.stop_recording():
            plain = inner.gradient(y, x)
    np.testing.assert_allclose(outer.gradient(g, v), plain)
    assert plain.made_by is None


def test_a_jacobian_in_a_block(cpu):
    x = Variable([1.0, 2.0])
    with GradientTape(persistent=True) as outer:
        with GradientTape() as inner:
            y = x**2 * ops.sum(x)
        j = inner.jacobian(y, x)
    theirs = jax.jit(jax.hessian(lambda x: x**2 * jnp.sum(x)))
    same(outer.jacobian(j, x), theirs(np.array([1.0, 2.0])))


# ---------------------------------------------------------------------- differential equations
ACTIVATIONS = {
    "tanh": jnp.tanh, "gelu": lambda x: jax.nn.gelu(x, approximate=False), "sin": jnp.sin,
}


@functools.cache
def burgers(name):
    """Weights, times and places, and what JAX has for them: the residual's mean square and its gradients."""
    rng = np.random.default_rng(1)
    w = [0.5 * rng.standard_normal(shape) for shape in ((2, 6), (6,), (6, 5), (5,), (5, 1), (1,))]
    t, x = rng.standard_normal((2, 4, 1))

    def residual(w):
        def u(t, x):
            return theirs(ACTIVATIONS[name], w, jnp.stack([t, x]))[0]

        def of_one(t, x):
            return jax.grad(u)(t, x) + u(t, x) * jax.grad(u, 1)(t, x) - 0.1 * jax.grad(jax.grad(u, 1), 1)(t, x)

        return jnp.mean(jax.vmap(of_one)(t[:, 0], x[:, 0]) ** 2)

    return w, t, x, *jax.jit(jax.value_and_grad(residual))(w)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_network_that_obeys_a_differential_equation(either_device, name):
    """Burgers' equation, u_t + u u_x = 0.1 u_xx (Raissi et al. 2019): the gradient of the residual's square by the weights."""
    w, t, x, value, gradients = burgers(name)
    model = mlp(ops.sin if name == "sin" else name, 6, 5)
    model.set_weights(w)
    with GradientTape() as tape:
        with GradientTape(persistent=True) as second:
            second.watch(x)
            with GradientTape(persistent=True) as first:
                first.watch([t, x])
                u = model(ops.concatenate([t, x], axis=1))
            u_x = first.gradient(u, x)
        u_t, u_xx = first.gradient(u, t), second.gradient(u_x, x)
        loss = losses.MeanSquaredError()(np.zeros((4, 1)), u_t + u * u_x - 0.1 * u_xx)
    assert float(loss) == pytest.approx(float(value), rel=1e-9)
    same(tape.gradient(loss, model.trainable_weights), gradients)


# ---------------------------------------------------------------------- steps within steps, curvature
def test_a_step_within_a_step(either_device):
    """Model-agnostic meta-learning (Finn et al. 2017): the loss after two steps of descent, by the weights before them."""
    x, y = RNG.standard_normal((2, 5, 3)), RNG.standard_normal((2, 5, 1))
    weights = [Variable(0.5 * RNG.standard_normal(shape)) for shape in ((3, 4), (4,), (4, 1))]

    def loss(w, i, ops):
        return ops.mean(ops.square(ops.matmul(ops.tanh(ops.matmul(x[i], w[0]) + w[1]), w[2]) - y[i]))

    with GradientTape() as outer:
        fast = weights
        for _ in range(2):
            with GradientTape() as inner:
                if fast is not weights:
                    inner.watch(fast)
                value = loss(fast, 0, ops)
            fast = [w - 0.1 * g for w, g in zip(fast, inner.gradient(value, fast), strict=True)]
        after = loss(fast, 1, ops)

    def whole(w):
        for _ in range(2):
            w = [v - 0.1 * g for v, g in zip(w, jax.grad(loss)(w, 0, jnp), strict=True)]
        return loss(w, 1, jnp)

    same(outer.gradient(after, weights), jax.jit(jax.grad(whole))([w.numpy() for w in weights]))


def test_a_step_within_a_step_of_layers(either_device):
    """The same with tensors in the place of a copied model's weights, as loops for tf.keras have it; then with its own weights again."""
    x, y = RNG.standard_normal((2, 5, 3)), RNG.standard_normal((2, 5, 1))
    model, mse = mlp("tanh", 4, inputs=3), losses.MeanSquaredError()
    copied = gpunn.models.clone_model(model)
    copied.set_weights(model.get_weights())
    own = [(layer.kernel, layer.bias) for layer in copied.layers]
    with GradientTape() as outer:
        with GradientTape() as inner:
            loss = mse(y[0], model(x[0], training=True))
        gradients = iter(inner.gradient(loss, model.trainable_weights))
        for layer, mine in zip(copied.layers, model.layers, strict=True):
            layer.kernel = ops.subtract(mine.kernel, ops.multiply(0.1, next(gradients)))
            layer.bias = ops.subtract(mine.bias, ops.multiply(0.1, next(gradients)))
        after = mse(y[1], copied(x[1], training=True))

    def whole(w):
        def loss(w, i):
            return jnp.mean((theirs(jnp.tanh, w, x[i]) - y[i]) ** 2)

        return loss([v - 0.1 * g for v, g in zip(w, jax.grad(loss)(w, 0), strict=True)], 1)

    value, expected = jax.jit(jax.value_and_grad(whole))(model.get_weights())
    assert float(after) == pytest.approx(float(value), rel=1e-10)
    same(outer.gradient(after, model.trainable_weights), expected)
    for layer, (kernel, bias) in zip(copied.layers, own, strict=True):
        layer.kernel, layer.bias = kernel, bias
    np.testing.assert_array_equal(copied.predict(x[0], verbose=0), model.predict(x[0], verbose=0))


@pytest.mark.parametrize("logits", [True, False])
def test_the_hessian_of_a_logistic_regression(either_device, logits):
    """Through Keras's losses, at weights of zero too; which is x' diag(p (1 - p)) x / n."""
    x, y = RNG.standard_normal((6, 3)), RNG.integers(0, 2, (6, 1)).astype(float)
    model = gpunn.Sequential([gpunn.Input((3,)), L.Dense(1, None if logits else "sigmoid", kernel_initializer="zeros")])
    with GradientTape(persistent=True) as outer:
        with GradientTape() as inner:
            loss = losses.BinaryCrossentropy(from_logits=logits)(y, model(x, training=True))
        g = inner.gradient(loss, model.kernel if hasattr(model, "kernel") else model.trainable_weights[0])
    found = outer.jacobian(g, model.trainable_weights[0])
    np.testing.assert_allclose(np.asarray(found).reshape(3, 3), x.T @ x / 4 / 6, rtol=1e-9)


@pytest.mark.parametrize("name", ["sparse", "dense"])
def test_the_hessian_of_a_softmax_regression(either_device, name):
    x, labels, w = RNG.standard_normal((5, 3)), RNG.integers(0, 4, 5), Variable(RNG.standard_normal((3, 4)))
    loss = losses.SparseCategoricalCrossentropy(from_logits=True) if name == "sparse" else losses.CategoricalCrossentropy()
    with GradientTape(persistent=True) as outer:
        with GradientTape() as inner:
            z = ops.matmul(x, w)
            value = loss(labels, z) if name == "sparse" else loss(np.eye(4)[labels], ops.softmax(z))
        g = inner.gradient(value, w)
    same(outer.jacobian(g, w), jax.jit(jax.hessian(lambda w: -jax.nn.log_softmax(x @ w)[jnp.arange(5), labels].mean()))(w.numpy()))
