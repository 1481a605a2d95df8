"""Rows a second of one epoch, data resident on the device against data uploaded beside the steps from memory and from a mapped file.

The same rows, network and order in each; epochs interleaved, medians. "uploads alone" is what the copies could do at most.
"""

import pathlib
import statistics
import tempfile
import time

import common
import numpy as np

ROWS = 300 if common.DRY else 1 << 20  # 784 bytes each
BATCHES = (16,) if common.DRY else (128, 1024, 8192)
ROUNDS = 1 if common.DRY else 5


def epochs(makers: dict, batch: int) -> dict:
    from gpunn import config
    from gpunn.callbacks import CallbackList
    from gpunn.training.loop import Training

    chain = CallbackList(None, None, {})
    trainings, seconds = {}, {name: [] for name in makers}
    for name, (how, x, y) in makers.items():
        config.set_streaming(how)
        model = common.mlp()
        trainings[name] = Training(model, model._check(x, y, None, None, "fit", lazy=True), batch, True)
        trainings[name].epoch(chain)  # makes the graphs
    for _ in range(ROUNDS):
        for name, training in trainings.items():
            began = time.perf_counter()
            training.epoch(chain)
            seconds[name].append(time.perf_counter() - began)
    config.set_streaming("auto")
    return {name: {"rows_per_second": round(ROWS / statistics.median(s)), "rounds": s} for name, s in seconds.items()}


def uploads_alone() -> dict:
    from gpunn.backend.lanes import COPY

    ops = common.backend()
    target = ops.empty((ops.block if not common.DRY else 1 << 16,), "uint8")
    staged = ops.staging(target)
    staged[:] = 1
    took = common.elapsed(lambda: ops.upload(target, staged), 2 if common.DRY else 20)
    ops.reached(ops.mark(COPY))
    return {"gigabytes_per_second": target.nbytes / took / 1e9}


def body(results: dict) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (ROWS, 784), dtype=np.uint8), rng.integers(0, 10, ROWS)
    results["unit"] = "rows a second, median of epochs"
    common.attempt(results, "uploads alone", uploads_alone)
    with tempfile.TemporaryDirectory() as folder:
        np.save(pathlib.Path(folder) / "x.npy", x)
        mapped = np.load(pathlib.Path(folder) / "x.npy", mmap_mode="r")
        makers = {"resident": ("never", x, y), "from memory": ("always", x, y), "from a mapped file": ("always", mapped, y)}
        for batch in BATCHES:
            common.attempt(results, str(batch), lambda batch=batch: epochs(makers, batch))
            print(batch, {k: v.get("rows_per_second") for k, v in results[str(batch)].items() if isinstance(v, dict)}, flush=True)


if __name__ == "__main__":
    common.run("stream", body)
