"""A process that steps one optimizer over about a million parameters: ``optimizer_worker.py LIBRARY NAME STEPS``; see optimizers.py.

Says "ready" when it is warm; for every line it reads it takes STEPS steps and answers with the seconds they took.
"""

import sys
import time

import numpy as np

SHAPES = ((784, 1000), (1000,), (1000, 210), (210,), (210, 10), (10,))  # 997,330 parameters
OPTIONS = {
    "SGD": {}, "momentum": {"momentum": 0.9}, "Nesterov": {"momentum": 0.9, "nesterov": True}, "Adagrad": {}, "Adadelta": {}, "RMSprop": {},
    "RMSprop centered": {"centered": True}, "Adam": {}, "amsgrad": {"amsgrad": True}, "AdamW": {}, "Adamax": {}, "Nadam": {}, "Muon": {},
    "Ftrl": {}, "Lion": {}, "Lamb": {},
}
KINDS = {"momentum": "SGD", "Nesterov": "SGD", "RMSprop centered": "RMSprop", "amsgrad": "Adam"}
WAYS = ("torch fused", "torch foreach", "torch one by one", "torch in float32")  # the last: Muon, which PyTorch does in bfloat16


def ours(name: str):
    from gpunn import optimizers
    from gpunn.backend.cpu import CpuBackend
    from gpunn.layers.base import Parameter
    from gpunn.models.storage import Storage

    rng, ops = np.random.default_rng(0), CpuBackend()
    parameters = [Parameter(f"p{i}", rng.standard_normal(s).astype(np.float32), True, ops) for i, s in enumerate(SHAPES)]
    storage = Storage(ops, parameters, "float32")
    for p in parameters:
        p.gradient[...] = rng.standard_normal(p.shape)
    optimizer = getattr(optimizers, KINDS.get(name, name))(1e-3, **OPTIONS[name])
    optimizer.bind(ops, storage)
    with ops.record() as program:
        optimizer.record(ops, storage.values[: storage.trainable_size], storage.gradients)
    return program.run


def torchs(name: str, way: str):
    """Raises an error where PyTorch does not have the optimizer in this way."""
    import torch

    torch.set_num_threads(len(__import__("os").sched_getaffinity(0)))
    rng = np.random.default_rng(0)
    parameters = [torch.tensor(rng.standard_normal(s).astype(np.float32), requires_grad=True) for s in SHAPES]
    for p in parameters:
        p.grad = torch.tensor(rng.standard_normal(p.shape).astype(np.float32))
    kind = {"Nadam": "NAdam"}.get(KINDS.get(name, name), KINDS.get(name, name))
    which = {"torch fused": {"fused": True}, "torch foreach": {"foreach": True}, "torch one by one": {"foreach": False}}.get(way)
    options = dict(OPTIONS[name])
    if name == "Muon":  # PyTorch's takes matrices only, in one way
        if way not in ("torch one by one", "torch in float32"):
            raise ValueError("PyTorch has no fused Muon, and none of foreach")
        if way == "torch in float32":  # Keras's and ours
            torch.Tensor.bfloat16 = torch.Tensor.float
        rest = torch.optim.AdamW([p for p in parameters if p.ndim != 2], lr=1e-3, fused=True)
        matrices = torch.optim.Muon([p for p in parameters if p.ndim == 2], lr=1e-3)
        steppers = [rest.step, matrices.step]
    elif which is None:
        raise ValueError("float32 is what it does anyway")
    else:
        steppers = [getattr(torch.optim, kind)(parameters, lr=1e-3, **which, **options).step]

    def run(steps: int) -> None:
        for _ in range(steps):
            for step in steppers:
                step()

    return run


def main() -> None:
    library, name, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
    run = ours(name) if library == "gpunn" else torchs(name, library)
    run(steps)
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        run(steps)
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
