"""What second derivatives are for, as JAX and PyTorch have it: penalties of gradients, differential equations, steps within steps."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kernel_targets import needs_gxx

import gpunn
from gpunn import GradientTape, Variable, losses, ops
from gpunn import layers as L

jax.config.update("jax_enable_x64", True)
RNG = np.random.default_rng(0)


@pytest.fixture(params=["cpu", pytest.param("sim", marks=needs_gxx)])
def device(request, numpy_alone, float64):
    with gpunn.device(request.param):
        gpunn.utils.set_random_seed(1)
        yield request.param


def same(found, expected):
    found, expected = gpunn.layers.graph.flat(found), jax.tree.leaves(expected)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.zeros_like(theirs) if ours is None else np.asarray(ours), theirs, rtol=1e-8, atol=1e-10)


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


# ---------------------------------------------------------------------- penalties of gradients
def critic(dense):
    first = [L.Dense(12), L.LeakyReLU(0.2)] if dense else [
        L.Conv2D(3, 5, strides=2, padding="same"), L.LeakyReLU(0.2), L.Conv2D(4, 5, strides=2, padding="same"), L.LeakyReLU(0.2),
    ]
    x = gpunn.Input((7,) if dense else (6, 6, 2))
    y = x
    for layer in first:
        y = layer(y)
    drop = L.Dropout(0.3)(y)
    return gpunn.Model(x, [L.Dense(1)(L.Flatten()(drop)), y, drop])


def in_torch(model, x, mask):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    w = [torch.tensor(p.numpy(), requires_grad=True) for p in model.trainable_weights]
    x, mask = torch.tensor(x, requires_grad=True), torch.tensor(mask)

    def critic(x):
        if x.ndim == 2:
            y = functional.leaky_relu(x @ w[0] + w[1], 0.2)
        else:
            y = x.permute(0, 3, 1, 2)
            for kernel, bias, size in ((w[0], w[1], (1, 2)), (w[2], w[3], (2, 2))):
                y = functional.conv2d(functional.pad(y, size * 2), kernel.permute(3, 2, 0, 1), bias, stride=2)
                y = functional.leaky_relu(y, 0.2)
            y = y.permute(0, 2, 3, 1)
        return (y * mask).reshape(len(x), -1) @ w[-2] + w[-1]

    return torch, w, x, critic


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("kind", ["wgan-gp", "r1"])
def test_penalties_of_gradients(device, dense, kind):
    """Gulrajani et al. 2017 and Mescheder et al. 2018, in a tape of the whole loss; dropout's mask is that of the forward pass."""
    model, x = critic(dense), RNG.standard_normal((3, 7) if dense else (3, 6, 6, 2))
    axes = list(range(1, x.ndim))
    with GradientTape() as tape:
        with GradientTape() as inner:
            inner.watch(x)
            score, before, after = model(x, training=True)
        g = inner.gradient(score, [x])[0]
        squares = ops.sum(ops.square(g), axis=axes)
        penalty = ops.mean((ops.sqrt(squares) - 1.0) ** 2) if kind == "wgan-gp" else 5.0 * ops.mean(squares)
        loss = ops.mean(ops.softplus(-score)) + 10.0 * penalty
    found = tape.gradient(loss, model.trainable_weights)
    torch, w, x, theirs = in_torch(model, x, np.asarray(after) / np.asarray(before))
    score = theirs(x)
    squares = torch.autograd.grad(score.sum(), x, create_graph=True)[0].square().sum(axes)
    penalty = ((squares.sqrt() - 1) ** 2).mean() if kind == "wgan-gp" else 5 * squares.mean()
    whole = torch.nn.functional.softplus(-score).mean() + 10 * penalty
    whole.backward()
    assert float(loss) == pytest.approx(whole.item(), rel=1e-10)
    same(found, [p.grad.numpy() for p in w])


class Critic(gpunn.Model):
    """Keras's example "WGAN-GP", of which this is the critic's part."""

    def __init__(self):
        super().__init__()
        self.critic = gpunn.Sequential([
            gpunn.Input((6, 6, 1)), L.Conv2D(4, 3, strides=2, padding="same"), L.LeakyReLU(0.2), L.Dropout(0.3), L.Flatten(), L.Dense(1),
        ])

    def call(self, x, training=None):
        return self.critic(x, training=training)

    def gradient_penalty(self, real, fake):
        alpha = gpunn.ops.drawing.uniform([real.shape[0], 1, 1, 1])
        interpolated = real + alpha * (fake - real)
        with GradientTape() as tape:
            tape.watch(interpolated)
            pred = self.critic(interpolated, training=True)
        grads = tape.gradient(pred, [interpolated])[0]
        norm = ops.sqrt(ops.sum(ops.square(grads), axis=[1, 2, 3]))
        return ops.mean((norm - 1.0) ** 2)

    def train_step(self, data):
        real, fake = data
        with GradientTape() as tape:
            cost = ops.mean(self.critic(fake, training=True)) - ops.mean(self.critic(real, training=True))
            loss = cost + 10.0 * self.gradient_penalty(real, fake)
        gradients = tape.gradient(loss, self.critic.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.critic.trainable_variables, strict=True))
        return {"loss": loss}


@pytest.mark.parametrize("device", ["cpu", pytest.param("sim", marks=needs_gxx)])
def test_a_train_step_and_a_function(cpu, device, made):
    """Recorded and replayed, in `fit` and as a `gpunn.function`: as it is written, bit for bit."""
    real, fake, weights = *RNG.standard_normal((2, 16, 6, 6, 1)).astype(np.float32), []
    for how in ("eager", "fit", "function"):
        with gpunn.device(device):
            gpunn.utils.set_random_seed(3)
            model = Critic()
            model.build((None, 6, 6, 1))
            model.compile("adam", run_eagerly=how == "eager")
            if how == "function":
                step = gpunn.function(lambda real, fake, model=model: model.train_step((real, fake))["loss"])
                for _ in range(2):
                    for at in range(0, 16, 4):
                        step(real[at : at + 4], fake[at : at + 4])
                assert "runs as it is written" not in step.explain(print_fn=str)
            else:
                model.fit(real, fake, batch_size=4, epochs=2, shuffle=False, verbose=0)
            weights.append(model.get_weights())
    assert made and not isinstance(made[-1], str)
    for eager, fitted in zip(*weights[:2], strict=True):
        np.testing.assert_array_equal(eager, fitted)
    assert all(np.isfinite(w).all() for w in weights[2])


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
def test_a_network_that_obeys_a_differential_equation(device, name):
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
def test_a_step_within_a_step(device):
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


def test_a_step_within_a_step_of_layers(device):
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
def test_the_hessian_of_a_logistic_regression(device, logits):
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
def test_the_hessian_of_a_softmax_regression(device, name):
    x, labels, w = RNG.standard_normal((5, 3)), RNG.integers(0, 4, 5), Variable(RNG.standard_normal((3, 4)))
    loss = losses.SparseCategoricalCrossentropy(from_logits=True) if name == "sparse" else losses.CategoricalCrossentropy()
    with GradientTape(persistent=True) as outer:
        with GradientTape() as inner:
            z = ops.matmul(x, w)
            value = loss(labels, z) if name == "sparse" else loss(np.eye(4)[labels], ops.softmax(z))
        g = inner.gradient(value, w)
    same(outer.jacobian(g, w), jax.jit(jax.hessian(lambda w: -jax.nn.log_softmax(x @ w)[jnp.arange(5), labels].mean()))(w.numpy()))
