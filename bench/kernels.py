"""How fast the CPU's kernels are beside a plain copy (NumPy's) of as many bytes: ``python bench/kernels.py``. One thread; float32.

Bytes are the registry's. Each kernel and its copy run in turn, so that a noisy minute hits both; figures are medians over the rounds.
Arrays of
4 MiB stay in a cache, those of 64 MiB do not. A gradient writes over dy, as in a step. Writes bench/results/kernels-cpu-DATE.json.
"""

import argparse
import statistics
import time
from typing import Any

import numpy as np
from contest import save

from gpunn import activations
from gpunn.backend.native import Replay
from gpunn.backend.schedule import Node, alone
from gpunn.kernels import REGISTRY
from gpunn.kernels.activations import bias_linear, following
from gpunn.kernels.record import Kernel, bytes_moved

COLUMNS = 256
ROWS = {"4 MiB": 4096, "64 MiB": 65536}
OF_ROWS = ("softmax", "softmax_bwd", "log_softmax", "log_softmax_bwd", "sparsemax", "sparsemax_bwd", "glu", "glu_bwd")


def arguments(kernel: Kernel, rows: int) -> list[Any]:
    """Operands of a large launch; a gradient's output is its first input."""
    rng = np.random.default_rng(0)
    made = {"full": (rows, COLUMNS), "row": (COLUMNS,), "col": (rows,)}
    out: list[Any] = []
    for o in kernel.operands:
        if o.written and not o.read and o.name == "dx" and kernel.name != "glu_bwd":
            out.append(out[0])
        elif o.kind in made:
            shape = (rows, COLUMNS // 2) if (kernel.name, o.name) in (("glu", "y"), ("glu_bwd", "dy")) else made[o.kind]
            out.append(rng.uniform(0.1, 0.9, shape).astype(np.float32))
        elif o.kind == "scalar":
            out.append(np.ones(1, np.int64 if o.dtype == "i8" else np.float64))
        else:
            out.append(0.5)
    return out


def compare(kernel: Kernel, rows: int, rounds: int) -> dict[str, float]:
    operands = arguments(kernel, rows)
    replay = Replay(alone(Node(kernel, operands, kernel.extent(*operands))), 1)
    moved = bytes_moved(kernel, operands)
    source = np.ones(moved // 8, np.float32)
    target = np.empty_like(source)
    runs = (lambda: np.copyto(target, source)), (lambda: replay(1))
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        for run, took in zip(runs, seconds, strict=True):
            began = time.perf_counter()
            run()
            if turn:
                took.append(time.perf_counter() - began)
    ratios = [copy / own for copy, own in zip(*seconds, strict=True)]
    return {"gigabytes_per_second": round(moved / statistics.median(seconds[1]) / 1e9, 2), "of_copy": round(statistics.median(ratios), 3)}


def kernels() -> list[Kernel]:
    for activation in activations.NAMES.values():
        if activation.elementwise and activation.parameters is not None:
            following(bias_linear, activation._made.forward, "x")
    return [k for k in REGISTRY.values() if k.name in OF_ROWS or (k.formula is not None and k.has_float_arrays)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="kernels whose name has this in it")
    parser.add_argument("--rounds", type=int, default=15, help="default: %(default)s")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    for kernel in kernels():
        if options.only in kernel.name:
            results[kernel.name] = {size: compare(kernel, rows, options.rounds) for size, rows in ROWS.items()}
            shown = "   ".join(f"{s}: {r['gigabytes_per_second']:6.2f} GB/s {r['of_copy']:5.2f}" for s, r in results[kernel.name].items())
            print(f"{kernel.name:28s} {shown} of a copy", flush=True)
    if not options.only:
        print(save("kernels-cpu", {"columns": COLUMNS, "arrays": list(ROWS), "kernels": results}))


if __name__ == "__main__":
    main()
