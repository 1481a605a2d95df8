"""Microseconds of augmentation on a device: 128 images, 28 x 28, rotated, shifted, sheared, zoomed, flipped and with noise, as a captured
program, beside a train step of a small CNN (conv32 - pool - conv64 - pool - dense128 - dense10, Adam) with and without it."""

import common
import numpy as np

ROWS, SIZE, STEPS = (8, 12, 16) if common.DRY else (128, 28, 512)


def front():
    from gpunn import layers

    return [layers.RandomAffine(40 / 360, 0.2, 0.2, 0.35, 0.2, "horizontal"), layers.GaussianNoise(10.0)]


def alone() -> float:
    """The launches of the two layers, captured together."""
    import gpunn
    from gpunn import layers
    from gpunn.models import Sequential

    ops = common.backend()
    with gpunn.device(common.BACKEND):
        model = Sequential([layers.Input((SIZE, SIZE, 1)), *front()])
    x = ops.asarray(np.random.default_rng(0).uniform(0, 255, (ROWS, SIZE, SIZE, 1)), "float32")
    with ops.record() as program:
        for layer in model.layers:
            x = layer.forward(x, True)[0]
    return common.elapsed(lambda: program.run(16), STEPS // 16) / 16 * 1e6


def step(augmented: bool) -> float:
    import gpunn
    from gpunn import layers
    from gpunn.models import Sequential
    from gpunn.training.loop import Training

    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (ROWS * STEPS, SIZE, SIZE, 1)).astype(np.uint8), rng.integers(0, 10, ROWS * STEPS)
    with gpunn.device(common.BACKEND):
        stack = [layers.Input((SIZE, SIZE, 1)), *(front() if augmented else [])]
        for channels in (32, 64):
            stack += [layers.Conv2D(channels, 3, activation="relu"), layers.MaxPooling2D()]
        model = Sequential([*stack, layers.Flatten(), layers.Dense(128, "relu"), layers.Dense(10, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
    ops = common.backend()
    training = Training(model, model._check(x, y, None, None, "fit"), ROWS, False)

    def run() -> None:
        ops.write(training.feed.position, 0)
        training.step(ROWS, STEPS)

    return common.elapsed(run, 1) / STEPS * 1e6


def body(results: dict) -> None:
    results["unit"] = "microseconds a batch or step, median of rounds"
    common.attempt(results, "augmentation alone", alone)
    common.attempt(results, "CNN step", lambda: step(False))
    common.attempt(results, "CNN step, augmented", lambda: step(True))


if __name__ == "__main__":
    common.run("augment", body)
