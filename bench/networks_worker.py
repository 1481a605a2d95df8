"""One contestant of `networks.py` in a process of its own: an epoch for each line that comes in, answered with seconds and loss.

    python bench/networks_worker.py gpunn|torch|keras CASE BATCH [ROWS]

Fashion-MNIST, Adam 1e-3, float32, reshuffled every epoch, data in memory. gpunn and Keras build from one text; PyTorch's twin beside it.
"""

import itertools
import os
import sys

import numpy as np
from contest import serve
from torch_epochs import epochs

FLAT, IMAGE, STEPS = (784,), (28, 28, 1), (28, 28)


class Layers:
    """The networks in Keras's words; `library` is gpunn or keras."""

    def __init__(self, library):
        self.k, self.library = library.layers, library

    def normalized(self, x, activation=True):
        x = self.k.BatchNormalization()(x)
        return self.k.Activation("relu")(x) if activation else x

    def mlp_bn(self):
        k, inputs = self.k, self.k.Input(FLAT)
        x = inputs
        for width in (300, 100):
            x = k.Dropout(0.3)(self.normalized(k.Dense(width, use_bias=False)(x)))
        return inputs, k.Dense(10, "softmax")(x)

    def wide(self):
        x = inputs = self.k.Input(FLAT)
        for _ in range(2):
            x = self.k.Dense(1000, "relu")(x)
        return inputs, self.k.Dense(10, "softmax")(x)

    def deep(self):
        x = inputs = self.k.Input(FLAT)
        for _ in range(10):
            x = self.k.Dense(100, "selu", kernel_initializer="lecun_normal")(x)
        return inputs, self.k.Dense(10, "softmax")(x)

    def autoencoder(self):
        x = inputs = self.k.Input(FLAT)
        for width in (128, 32, 128):
            x = self.k.Dense(width, "relu")(x)
        return inputs, self.k.Dense(784, "sigmoid")(x)

    def lenet(self, pool="AveragePooling2D"):
        k, inputs = self.k, self.k.Input(IMAGE)
        pool = getattr(k, pool)
        x = pool(2)(k.Conv2D(6, 5, padding="same", activation="tanh")(inputs))
        x = k.Flatten()(pool(2)(k.Conv2D(16, 5, activation="tanh")(x)))
        return inputs, k.Dense(10, "softmax")(k.Dense(84, "tanh")(k.Dense(120, "tanh")(x)))

    def lenet_max(self):
        return self.lenet("MaxPooling2D")

    def resnet(self):
        k, inputs = self.k, self.k.Input(IMAGE)

        def conv(x, filters, size=3, strides=1):
            return k.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)(x)

        x = self.normalized(conv(inputs, 16))
        for filters, strides in ((16, 1), (32, 2), (64, 2)):
            y = self.normalized(conv(self.normalized(conv(x, filters, strides=strides)), filters), False)
            x = x if strides == 1 else self.normalized(conv(x, filters, 1, strides), False)
            x = k.Activation("relu")(k.Add()([x, y]))
        return inputs, k.Dense(10, "softmax")(k.GlobalAveragePooling2D()(x))

    def conv_autoencoder(self):
        k, inputs = self.k, self.k.Input(IMAGE)
        x = inputs
        for filters in (16, 32):
            x = k.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
        x = k.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu")(x)
        return inputs, k.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid")(x)

    def gru(self):
        inputs = self.k.Input(STEPS)
        return inputs, self.k.Dense(10, "softmax")(self.k.GRU(128)(inputs))

    def transformer(self):
        k, inputs = self.k, self.k.Input(STEPS)
        x = k.Dense(64)(inputs)
        x = k.LayerNormalization(epsilon=1e-5)(k.Add()([x, k.MultiHeadAttention(4, 16)(x, x)]))
        y = k.Dense(64)(k.Dense(128, "gelu")(x))
        x = k.LayerNormalization(epsilon=1e-5)(k.Add()([x, y]))
        return inputs, k.Dense(10, "softmax")(k.GlobalAveragePooling1D()(x))

    def trained(self, case, x, y, batch):
        inputs, outputs = getattr(self, case)()
        model = getattr(self.library, "Model", None) or self.library.models.Model
        model = model(inputs, outputs)
        model.compile(loss="mse" if y is x else "sparse_categorical_crossentropy", optimizer="adam")
        return lambda: model.fit(x, y, batch_size=batch, verbose=0).history["loss"][-1]


CASES = [name for name in vars(Layers) if name not in ("normalized", "trained") and not name.startswith("_")]
SHAPES = {"lenet": IMAGE, "lenet_max": IMAGE, "resnet": IMAGE, "conv_autoencoder": IMAGE, "gru": STEPS, "transformer": STEPS}


def in_torch(case):
    """-> the twin in PyTorch; images channels last in memory, which is its quicker way on a CPU."""
    import torch
    from torch import nn

    def normalized(a, b):
        return [nn.Linear(a, b, bias=False), nn.BatchNorm1d(b), nn.ReLU(), nn.Dropout(0.3)]

    def stack(widths, activation):
        out = []
        for a, b in itertools.pairwise(widths):
            out += [nn.Linear(a, b), activation()]
        return out

    class Block(nn.Module):
        def __init__(self, a, b, strides):
            super().__init__()
            self.path = nn.Sequential(
                nn.Conv2d(a, b, 3, strides, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU(), nn.Conv2d(b, b, 3, 1, 1, bias=False),
                nn.BatchNorm2d(b),
            )
            self.short = nn.Identity() if strides == 1 else nn.Sequential(nn.Conv2d(a, b, 1, strides, bias=False), nn.BatchNorm2d(b))

        def forward(self, x):
            return torch.relu(self.short(x) + self.path(x))

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru, self.dense = nn.GRU(28, 128, batch_first=True), nn.Linear(128, 10)

        def forward(self, x):
            return self.dense(self.gru(x)[0][:, -1])

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(28, 64), nn.Linear(64, 10)
            self.layer = nn.TransformerEncoderLayer(64, 4, 128, 0.0, "gelu", batch_first=True)

        def forward(self, x):
            return self.last(self.layer(self.first(x)).mean(1))

    def lenet(pool):
        convolutions = [nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), pool(2), nn.Conv2d(6, 16, 5), nn.Tanh(), pool(2)]
        return [*convolutions, nn.Flatten(), *stack((400, 120, 84), nn.Tanh), nn.Linear(84, 10)]

    def up(a, b):
        return nn.ConvTranspose2d(a, b, 3, 2, 1, output_padding=1)

    makers = {
        "mlp_bn": lambda: [*normalized(784, 300), *normalized(300, 100), nn.Linear(100, 10)],
        "wide": lambda: [*stack((784, 1000, 1000), nn.ReLU), nn.Linear(1000, 10)],
        "deep": lambda: [*stack((784, *[100] * 10), nn.SELU), nn.Linear(100, 10)],
        "autoencoder": lambda: [*stack((784, 128, 32, 128), nn.ReLU), nn.Linear(128, 784), nn.Sigmoid()],
        "lenet": lambda: lenet(nn.AvgPool2d),
        "lenet_max": lambda: lenet(nn.MaxPool2d),
        "resnet": lambda: [
            nn.Conv2d(1, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
        ],
        "conv_autoencoder": lambda: [
            nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), up(32, 16), nn.ReLU(), up(16, 1), nn.Sigmoid(),
        ],
        "gru": lambda: [Recurrent()],
        "transformer": lambda: [Transformer()],
    }
    model = nn.Sequential(*makers[case]())
    return model.to(memory_format=torch.channels_last) if SHAPES.get(case) == IMAGE else model


def contestant(name, case, x, y, batch):
    if name == "torch":
        import torch

        torch.set_num_threads(len(os.sched_getaffinity(0)))
        if x.ndim == 4:
            x = x.transpose(0, 3, 1, 2)
        rows = torch.from_numpy(x)
        if y is None:
            return epochs(in_torch(case), rows, rows, batch, loss=torch.nn.functional.mse_loss)
        return epochs(in_torch(case), rows, torch.from_numpy(y), batch)
    if name == "keras":
        os.environ.setdefault("KERAS_BACKEND", "jax")
    return Layers(__import__(name)).trained(case, x, x if y is None else y, batch)


def main() -> None:
    name, case, batch, rows = sys.argv[1], sys.argv[2], int(sys.argv[3]), int((sys.argv[4:] or ["12800"])[0])
    from gpunn.datasets import fashion_mnist

    (x, y), _ = fashion_mnist.load_data()
    x = (x[:rows].astype(np.float32) / 255).reshape(rows, *SHAPES.get(case, FLAT))
    serve(contestant(name, case, x, None if "autoencoder" in case else y[:rows].astype(np.int64), batch))


if __name__ == "__main__":
    main()
