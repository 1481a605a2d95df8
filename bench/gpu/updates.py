"""An optimizer's update of a million parameters on a device, beside PyTorch's: microseconds, each in a CUDA graph of its own.

PyTorch's is fused where it has that, else foreach, and capturable.
"""

import pathlib
import sys

import common
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
NAMES = ("SGD", "momentum", "Adam", "AdamW", "Adagrad", "RMSprop", "Adadelta", "Adamax", "Nadam", "Lion", "Ftrl", "Lamb", "Muon")
LAUNCHES = 1 if common.DRY else 20


def ours(name: str) -> float:
    """Seconds of an update."""
    import optimizer_worker as worker

    from gpunn import optimizers
    from gpunn.layers.base import Parameter
    from gpunn.models.storage import Storage

    rng, ops = np.random.default_rng(0), common.backend()
    shapes = ((40, 30), (30,)) if common.DRY else worker.SHAPES
    parameters = [Parameter(f"p{i}", rng.standard_normal(s).astype(np.float32), True, ops) for i, s in enumerate(shapes)]
    storage = Storage(ops, parameters, "float32")
    for p in parameters:
        ops.write(p.gradient, rng.standard_normal(p.shape))
    optimizer = getattr(optimizers, worker.KINDS.get(name, name))(1e-3, **worker.OPTIONS[name])
    optimizer.bind(ops, storage)
    with ops.record() as program:
        optimizer.record(ops, storage.values[: storage.trainable_size], storage.gradients)
    program.run(1)
    return common.elapsed(lambda: program.run(16), LAUNCHES, rounds=3) / 16


def torchs(name: str) -> float:
    """The same in PyTorch. Raises an error where it has no such optimizer, or none that can be captured."""
    import optimizer_worker as worker
    import torch

    torch.manual_seed(0)
    parameters = [torch.randn(s, device="cuda", requires_grad=True) for s in worker.SHAPES]
    for p in parameters:
        p.grad = torch.randn_like(p)
    kind = getattr(torch.optim, {"Nadam": "NAdam"}.get(name, worker.KINDS.get(name, name)))
    for way in ({"fused": True, "capturable": True}, {"fused": True}, {"foreach": True, "capturable": True}, {"foreach": True}):
        try:
            step = kind(parameters, lr=1e-3, **way, **worker.OPTIONS[name]).step
            break
        except (TypeError, RuntimeError, ValueError):
            continue
    else:
        raise ValueError("in no way")
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(16):
            step()

    def run() -> None:
        graph.replay()

    run()
    torch.cuda.synchronize()
    import statistics
    import time

    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(LAUNCHES):
            run()
        torch.cuda.synchronize()
        seconds.append((time.perf_counter() - began) / LAUNCHES / 16)
    return statistics.median(seconds)


def body(results: dict) -> None:
    for name in NAMES:
        row = results[name] = {}
        common.attempt(row, "gpunn_us", lambda name=name: ours(name) * 1e6)
        if not common.DRY:
            try:
                row["torch_us"] = torchs(name) * 1e6
            except Exception as error:  # no failure of the section: PyTorch lacks some of them
                row["torch_us"] = f"{type(error).__name__}: {error}"[:200]


if __name__ == "__main__":
    common.run("updates", body)
