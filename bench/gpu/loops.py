"""Microseconds a step of training loops of one's own, called from Python for one batch of host memory after another: a `gpunn.function`,
the same function as it is written, and JAX's ``jit``. Beside them a model's own `train_step` in `fit`, and PyTorch eager, whose data is on
the device. 784-300-100-10, Adam; rounds interleaved.
"""

import pathlib
import statistics
import sys
import time

import common
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))  # the loops

BATCHES, STEPS, ROUNDS = ((8,), 4, 1) if common.DRY else ((32, 128, 1024), 60, 5)


def ready(run):
    """A loop that has compiled and captured what it needs."""
    run()
    return run


def body(results: dict) -> None:
    import loops_worker as loops

    import gpunn

    gpunn.set_backend(common.BACKEND)
    rng = np.random.default_rng(0)
    for batch in BATCHES:
        rows = STEPS * batch
        x, y = rng.random((rows, 784), np.float32), rng.integers(0, 10, rows)
        hows = {"gpunn.function": "gpunn", "gpunn, as written": "tape", "gpunn, train_step": "train_step"}
        epochs = {name: lambda how=how, x=x, y=y, b=batch: loops.of_gpunn("dense", x, y, b, how) for name, how in hows.items()}
        if not common.DRY:
            epochs["jax, jit"] = lambda x=x, y=y, b=batch: loops.of_jax("dense", x, y, b)
            epochs["torch, eager"] = lambda x=x, y=y, b=batch: loops.of_torch("dense", x, y, b, "cuda")
        row: dict = {}
        for name, make in epochs.items():
            common.attempt(row, name, lambda make=make: ready(make()))
        runs = {name: run for name, run in row.items() if callable(run)}
        seconds: dict = {name: [] for name in runs}
        for _ in range(ROUNDS):
            for name, run in runs.items():
                began = time.perf_counter()
                run()
                seconds[name].append((time.perf_counter() - began) / STEPS * 1e6)
        results[str(batch)] = row | {name: {"us": statistics.median(us), "rounds": us} for name, us in seconds.items()}
        print(batch, {name: round(statistics.median(us), 1) for name, us in seconds.items()}, flush=True)


if __name__ == "__main__":
    common.run("loops", body)
