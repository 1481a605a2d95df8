"""A batch of 128 images, 28 x 28, rotated, shifted, sheared, zoomed, flipped and with noise added: ``python bench/augment.py``.

Each contestant once in turn, round after round, so that a noisy minute hits them all: the recorded launches of gpunn's step on one thread
and on all, a batch of its ImageDataGenerator and the noise layer, Keras's legacy ImageDataGenerator with the same ranges and NumPy's noise,
a pipeline image by image with Pillow and NumPy, and for scale a train step of a small CNN, gpunn's and PyTorch's, on one thread. "times
ours" is the median of the rounds' ratios to gpunn's recorded launches on one thread. Writes bench/results/augment-cpu-DATE.json.
"""

import argparse
import os
import statistics
import sys
import time
import warnings

import numpy as np
from contest import save

os.environ.setdefault("KERAS_BACKEND", "jax")
ROWS, SIZE = 128, 28
RANGES = {
    "rotation_range": 40, "width_shift_range": 0.2, "height_shift_range": 0.2, "shear_range": 20, "zoom_range": 0.2,
    "horizontal_flip": True,
}  # fmt: skip
NOISE = 10.0


def images() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (ROWS, SIZE, SIZE, 1)).astype(np.float32)


def recorded(threads: int):
    """The launches as a step has them: drawn table, maps, one gather, noise."""
    from gpunn.backend.cpu import CpuBackend
    from gpunn.layers import GaussianNoise
    from gpunn.layers.base import Rng
    from gpunn.preprocessing.image import ImageDataGenerator

    ops = CpuBackend(threads=threads)
    generator, noise, rng, x = ImageDataGenerator(**RANGES), GaussianNoise(NOISE), Rng(ops, 1), ops.asarray(images())
    noise.backend, noise.rng = ops, rng
    with ops.record() as program:
        noise.forward(generator.change(ops, x, (rng.step, 1, 5), 255.0), True)
    return program.run


def of_generator():
    from gpunn.layers import GaussianNoise
    from gpunn.preprocessing.image import ImageDataGenerator

    flow, noise = ImageDataGenerator(**RANGES).flow(images(), batch_size=ROWS), GaussianNoise(NOISE)
    return lambda: noise(next(flow), training=True)


def of_keras():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from keras.src.legacy.preprocessing.image import ImageDataGenerator
    rng = np.random.default_rng(0)
    flow = ImageDataGenerator(**RANGES).flow(images(), batch_size=ROWS)

    def batch():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x = next(flow)
        return x + rng.standard_normal(x.shape, np.float32) * np.float32(NOISE)

    return batch


def of_pillow():
    """What many write by hand: one image at a time."""
    from PIL import Image

    x, rng = images()[..., 0], np.random.default_rng(0)

    def one(image):
        angle, shear, zoom = rng.uniform(-0.7, 0.7), rng.uniform(-0.35, 0.35), rng.uniform(0.8, 1.2, 2)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        a = turn @ np.array([[1, -np.sin(shear)], [0, np.cos(shear)]]) @ np.diag(zoom)
        middle = np.full(2, SIZE / 2)
        offset = middle - a @ middle + rng.uniform(-5.6, 5.6, 2)
        rows = (*a[0], offset[0], *a[1], offset[1])
        out = Image.fromarray(image).transform((SIZE, SIZE), Image.Transform.AFFINE, rows, Image.Resampling.BILINEAR)
        if rng.random() < 0.5:
            out = out.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return np.asarray(out) + rng.normal(0, NOISE, (SIZE, SIZE)).astype(np.float32)

    return lambda: np.stack([one(image) for image in x])


def of_own_cnn():
    """A train step of gpunn on one thread: conv32 - pool - conv64 - pool - dense128 - dense10, Adam."""
    from gpunn import backend, layers
    from gpunn.backend.cpu import CpuBackend
    from gpunn.models import Sequential
    from gpunn.training.loop import Training

    backend._made["cpu"] = CpuBackend(threads=1)
    with backend.device("cpu"):
        blocks = [layer for n in (32, 64) for layer in (layers.Conv2D(n, 3, activation="relu"), layers.MaxPooling2D())]
        stack = [layers.Input((SIZE, SIZE, 1)), *blocks, layers.Flatten(), layers.Dense(128, "relu"), layers.Dense(10, "softmax")]
        model = Sequential(stack)
    model.compile("adam", "sparse_categorical_crossentropy")
    training = Training(model, model._check(images() / 255, np.arange(ROWS) % 10, None, None, "fit"), ROWS, False)

    def step():
        model.backend.write(training.feed.position, 0)
        training.step(ROWS, 1)

    return step


def of_cnn():
    """The same step in PyTorch."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    x, y = torch.from_numpy(images().transpose(0, 3, 1, 2).copy() / 255), torch.arange(ROWS) % 10
    adam = torch.optim.Adam(model.parameters())

    def step():
        adam.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        adam.step()

    return step


CONTESTANTS = {
    "gpunn, recorded": lambda: recorded(os.cpu_count() or 1), "gpunn, recorded, 1 thread": lambda: recorded(1),
    "gpunn, ImageDataGenerator": of_generator, "Keras, legacy ImageDataGenerator": of_keras, "Pillow and NumPy, image by image": of_pillow,
    "gpunn CNN step, 1 thread": of_own_cnn, "PyTorch CNN step, 1 thread": of_cnn,
}  # fmt: skip


def timed(call) -> float:
    """Seconds, the best of a few short ones."""
    best, until = float("inf"), time.perf_counter() + 0.05
    while time.perf_counter() < until or best == float("inf"):
        began = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - began)
    return best


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(arguments)
    ready = {}
    for name, make in CONTESTANTS.items():
        try:
            ready[name] = make()
        except ImportError as error:
            print(f"{name}: left out ({error})", file=sys.stderr)
            continue
        ready[name]()
    seconds: dict[str, list[float]] = {name: [] for name in ready}
    for _ in range(options.rounds):
        for name, call in ready.items():
            seconds[name].append(timed(call))
    own = seconds["gpunn, recorded, 1 thread"]
    rows = [
        {
            "contestant": name, "milliseconds": round(1e3 * statistics.median(values), 3), "rounds": options.rounds,
            "times ours": round(statistics.median(v / o for v, o in zip(values, own, strict=True)), 2),
        }
        for name, values in seconds.items()
    ]  # fmt: skip
    for row in rows:
        print(f"{row['contestant']:36s} {row['milliseconds']:9.3f} ms   {row['times ours']:7.2f} times gpunn's recorded launches")
    save("augment-cpu", {"results": rows})


if __name__ == "__main__":
    main()
