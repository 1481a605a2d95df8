"""One contestant of `cnn.py` in a process of its own: an epoch for each line that comes in, answered with seconds, loss and peak memory.

    python bench/cnn_worker.py gpunn|torch|keras BATCH [ROWS]

The work: Fashion-MNIST images, conv 32 3x3 relu, max pool 2, conv 64 3x3 relu, max pool 2, dense 128 relu, dense 10, softmax cross-entropy,
Adam 1e-3, float32, reshuffled every epoch, data in memory.
"""

import os
import resource
import sys
import time

import numpy as np
from torch_epochs import epochs


def load(rows: int) -> tuple[np.ndarray, np.ndarray]:
    from gpunn.datasets import fashion_mnist

    (x, y), _ = fashion_mnist.load_data()
    return (x[:rows].astype(np.float32) / 255).reshape(rows, 28, 28, 1), y[:rows].astype(np.int64)


def of_layers(library, x, y, batch):
    """The same script for both libraries."""
    k = library.layers
    model = library.Sequential([
        k.Input((28, 28, 1)), k.Conv2D(32, 3, activation="relu"), k.MaxPooling2D(), k.Conv2D(64, 3, activation="relu"), k.MaxPooling2D(),
        k.Flatten(), k.Dense(128, "relu"), k.Dense(10, "softmax"),
    ])
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam")
    return lambda: model.fit(x, y, batch_size=batch, verbose=0).history["loss"][-1]


def gpunn(x, y, batch):
    import gpunn

    return of_layers(gpunn, x, y, batch)


def keras(x, y, batch):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    return of_layers(keras, x, y, batch)


def torch(x, y, batch):
    import torch
    from torch import nn

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, 10),
    )
    return epochs(model, torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), torch.from_numpy(y), batch)


def main() -> None:
    name, batch = sys.argv[1], int(sys.argv[2])
    rows = int(sys.argv[3]) if len(sys.argv) > 3 else 12800
    x, y = load(rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    epoch = {"gpunn": gpunn, "torch": torch, "keras": keras}[name](x, y, batch)
    epoch()  # compiles, loads, allocates: not timed
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        loss = epoch()
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"{seconds:.6f} {loss:.6f} {peak // 1024} {(peak - before) // 1024}", flush=True)


if __name__ == "__main__":
    main()
