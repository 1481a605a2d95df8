"""One contestant of `loops.py` in a process of its own: an epoch for each line that comes in, answered with seconds and loss.

    python bench/loops_worker.py gpunn|tape|train_step|fit|torch|jax CASE BATCH [ROWS]

A training loop as its users write it: a function of a batch, called for one slice of a shuffled array after another. 784-300-100-10 on
Fashion-MNIST, Adam 1e-3, float32. `gpunn` is a `gpunn.function`, `tape` the same function as it is written, `train_step` the same as a
model's own step in `fit`, `jax` one under ``jax.jit``.
"""

import itertools
import os
import sys

import numpy as np
from contest import serve
from torch_epochs import epochs

CASES = ("dense", "dropout")
WIDTHS = (784, 300, 100, 10)
SHARE = 0.2


def of_gpunn(case, x, y, batch, how):
    import gpunn
    from gpunn import layers as L

    hidden = [layer for width in WIDTHS[1:-1] for layer in (L.Dense(width, "relu"), *([L.Dropout(SHARE)] if case == "dropout" else []))]
    model = gpunn.Sequential([L.Input(WIDTHS[:1]), *hidden, L.Dense(WIDTHS[-1])])
    loss_of, adam = gpunn.losses.SparseCategoricalCrossentropy(from_logits=True), gpunn.optimizers.Adam(1e-3)


    def step(x, y):
        with gpunn.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        weights = model.trainable_weights
        adam.apply(tape.gradient(loss, weights), weights)
        return loss

    if how in ("fit", "train_step"):
        class Own(gpunn.Model):
            call = staticmethod(model)

            def train_step(self, data):
                return {"loss": step(*data)}

        fitted = model if how == "fit" else Own()
        fitted.compile(adam, loss_of)
        return lambda: fitted.fit(x, y, batch_size=batch, verbose=0).history["loss"][-1]
    return loop(gpunn.function(step) if how == "gpunn" else step, x, y, batch)


def of_jax(case, x, y, batch):
    import jax
    import jax.numpy as jnp

    rng = np.random.default_rng(0)
    layers = [(rng.normal(0, (2 / n) ** 0.5, (n, m)).astype(np.float32), np.zeros(m, np.float32)) for n, m in itertools.pairwise(WIDTHS)]
    zeros = jax.tree.map(np.zeros_like, layers)
    state = [layers, zeros, zeros, 0, jax.random.key(0)]

    def loss_of(layers, x, y, key):
        for w, b in layers[:-1]:
            x = jax.nn.relu(x @ w + b)
            if case == "dropout":
                key, own = jax.random.split(key)
                x = jnp.where(jax.random.bernoulli(own, 1 - SHARE, x.shape), x / (1 - SHARE), 0)
        z = x @ layers[-1][0] + layers[-1][1]
        return -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1).mean()

    @jax.jit
    def train(state, x, y):
        p, m, v, t, key = state
        key, own = jax.random.split(key)
        loss, g = jax.value_and_grad(loss_of)(p, x, y, own)
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        p = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), p, m, v)
        return [p, m, v, t, key], loss

    def step(x, y):
        nonlocal state
        state, loss = train(state, x, y)
        return loss

    return loop(step, x, y, batch)


def loop(step, x, y, batch):
    rng = np.random.default_rng(1)

    def epoch():
        order = rng.permutation(len(x))
        for at in range(0, len(x), batch):
            rows = order[at : at + batch]
            loss = step(x[rows], y[rows])
        return float(loss)

    return epoch


def of_torch(case, x, y, batch, device="cpu"):
    import torch
    from torch import nn

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    dropout = [nn.Dropout(SHARE)] if case == "dropout" else []
    hidden = [layer for n, m in itertools.pairwise(WIDTHS[:-1]) for layer in (nn.Linear(n, m), nn.ReLU(), *dropout)]
    model = nn.Sequential(*hidden, nn.Linear(*WIDTHS[-2:])).to(device)
    return epochs(model, torch.from_numpy(x).to(device), torch.from_numpy(y).to(device), batch)


def main() -> None:
    name, case, batch, rows = sys.argv[1], sys.argv[2], int(sys.argv[3]), int((sys.argv[4:] or ["12800"])[0])
    from gpunn.datasets import fashion_mnist

    (x, y), _ = fashion_mnist.load_data()
    x, y = (x[:rows].astype(np.float32) / 255).reshape(rows, 784), y[:rows].astype(np.int64)
    peers = {"torch": of_torch, "jax": of_jax}
    serve(peers[name](case, x, y, batch) if name in peers else of_gpunn(case, x, y, batch, name))


if __name__ == "__main__":
    main()
