"""Penalties of gradients, as PyTorch has them and in steps that are recorded: of WGAN-GP and R1, on critics of either kind."""

import numpy as np
import pytest
from kernel_targets import needs_gxx
from second_derivatives import same

import gpunn
from gpunn import GradientTape, ops
from gpunn import layers as L

RNG = np.random.default_rng(0)


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
def test_penalties_of_gradients(either_device, dense, kind):
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
