"""One contestant of `own.py` in a process of its own: an epoch for each line that comes in, answered with seconds and loss.

    python bench/own_worker.py gpunn|torch|keras CASE BATCH [ROWS]

784-300-100-10 on Fashion-MNIST, Adam 1e-3, float32, whose activation, loss and layers are written as arithmetic. gpunn and Keras run one
text.
"""

import os
import sys

import numpy as np
from contest import serve
from torch_epochs import epochs

CASES = ("activation", "loss", "layer", "all")


def arithmetic_of(case, library):
    """-> a model of arithmetic in Keras's words; `library` is gpunn or keras."""
    k, ops = library.layers, library.ops

    def mish(x):
        return x * ops.tanh(ops.softplus(x))

    def huber(y, p):
        error = y - p
        size = ops.abs(error)
        return ops.mean(ops.where(size <= 0.5, 0.5 * ops.square(error), 0.5 * size - 0.125), axis=-1)

    class Normalized(k.Layer):
        def build(self, shape):
            self.gamma = self.add_weight(shape=(shape[-1],), initializer="ones", name="gamma")
            self.beta = self.add_weight(shape=(shape[-1],), initializer="zeros", name="beta")

        def call(self, x):
            centred = x - ops.mean(x, axis=-1, keepdims=True)
            variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
            return self.gamma * centred * ops.rsqrt(variance + 1e-3) + self.beta

    activation = mish if case in ("activation", "all") else "relu"
    layers = [k.Input((784,))]
    for width in (300, 100):
        layers.append(k.Dense(width, activation))
        if case in ("layer", "all"):
            layers.append(Normalized())
    model = library.models.Sequential([*layers, k.Dense(10, "softmax")])
    model.compile(loss=huber if case in ("loss", "all") else "mse", optimizer="adam")
    return model


def in_torch(case):
    import torch
    from torch import nn

    class Mish(nn.Module):
        def forward(self, x):
            return x * torch.tanh(nn.functional.softplus(x))

    class Normalized(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.gamma, self.beta = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

        def forward(self, x):
            centred = x - x.mean(-1, keepdim=True)
            return self.gamma * centred * torch.rsqrt((centred * centred).mean(-1, keepdim=True) + 1e-3) + self.beta

    def huber(p, y):
        error = y - p
        size = error.abs()
        return torch.where(size <= 0.5, 0.5 * error * error, 0.5 * size - 0.125).mean(-1).mean()

    layers, before = [], 784
    for width in (300, 100):
        layers += [nn.Linear(before, width), Mish() if case in ("activation", "all") else nn.ReLU()]
        if case in ("layer", "all"):
            layers.append(Normalized(width))
        before = width
    model = nn.Sequential(*layers, nn.Linear(before, 10), nn.Softmax(-1))
    return model, huber if case in ("loss", "all") else nn.functional.mse_loss


def contestant(name, case, x, y, batch):
    if name == "torch":
        import torch

        torch.set_num_threads(len(os.sched_getaffinity(0)))
        model, loss = in_torch(case)
        return epochs(model, torch.from_numpy(x), torch.from_numpy(y), batch, loss=loss)
    if name == "keras":
        os.environ.setdefault("KERAS_BACKEND", "jax")
    model = arithmetic_of(case, __import__(name))
    return lambda: model.fit(x, y, batch_size=batch, verbose=0).history["loss"][-1]


def main() -> None:
    name, case, batch, rows = sys.argv[1], sys.argv[2], int(sys.argv[3]), int((sys.argv[4:] or ["12800"])[0])
    from gpunn.datasets import fashion_mnist

    (x, y), _ = fashion_mnist.load_data()
    x = (x[:rows].astype(np.float32) / 255).reshape(rows, 784)
    serve(contestant(name, case, x, np.eye(10, dtype=np.float32)[y[:rows]], batch))


if __name__ == "__main__":
    main()
