"""How fast the CPU's kernels are beside a plain copy of as many bytes: ``python bench/kernels.py [--only relu] [--rounds 15]``. float32.

A launch moves the bytes that the registry says; the copy, libc's, reads half as many and writes as many, in the same memory, on the same
threads and through the same runner (`plain_copy`). A gradient writes over dy, as in a step. Arrays are of four sizes, named for where they
fit. What a kernel does with arrays in the first-level cache is its arithmetic: a kernel is *memory-bound* at a size where it computes
faster than the copy moves. Each kernel and its copy take turns, so that a noisy moment hits both: ``of_copy`` is the median of the
rounds' ratios, ``best_of_best`` compares the fastest round of each. Writes bench/results/kernels-cpu-DATE.json.
"""

import argparse
from typing import Any

import numpy as np
from contest import save
from plain_copy import COPY

from gpunn import activations
from gpunn.backend.cpu import CpuBackend, cores
from gpunn.backend.native import Replay
from gpunn.backend.schedule import Node, schedule
from gpunn.kernels import REGISTRY, rectifiers
from gpunn.kernels import activations as formulas
from gpunn.kernels.activations import bias_linear, following
from gpunn.kernels.record import Kernel, bytes_moved

COLUMNS = 256
ROWS = {"L1": 12, "L2": 128, "L3": 4096, "memory": 65536}  # of 1 KiB
OTHERS = ("softmax", "softmax_bwd", "log_softmax", "log_softmax_bwd", "sparsemax", "sparsemax_bwd", "glu", "glu_bwd", "prelu_sum",
          "column_sum")
SPAN = 1e-3  # seconds that one side of a round takes at least
GOAL = 0.9  # of the copy: what a memory-bound activation should reach


def arguments(kernel: Kernel, rows: int, arena: np.ndarray) -> list[Any]:
    """Operands of a launch, one after another in the arena; a gradient's output is its first input."""
    noise = np.random.default_rng(0).standard_normal((64, COLUMNS), np.float32)
    shapes = {"full": (rows, COLUMNS), "row": (COLUMNS,), "col": (rows,)}
    out: list[Any] = []
    first = 0
    for o in kernel.operands:
        if o.written and not o.read and o.name == "dx" and kernel.name != "glu_bwd":
            out.append(out[0])
        elif o.kind in shapes or o.kind == "whole":
            narrow = (kernel.name, o.name) in (("glu", "y"), ("glu_bwd", "dy"))
            shape = (rows, COLUMNS // 2) if narrow else shapes.get(o.kind, shapes["full"])
            size = int(np.prod(shape))
            array = arena[first : first + size].reshape(shape)
            array[...] = np.resize(noise, shape) if o.read else 0
            out.append(array)
            first += -(-size // 16) * 16
        elif o.kind == "scalar":
            out.append(np.ones(1, np.int64 if o.dtype == "i8" else np.float64))
        else:
            out.append(0.5)
    return out


def compare(kernel: Kernel, rows: int, threads: int, rounds: int, arena: np.ndarray) -> dict[str, float]:
    """Gigabytes a second of the kernel and of the copy; the kernel's share of the copy's, by the rounds and by the best of each."""
    operands = arguments(kernel, rows, arena)
    moved = bytes_moved(kernel, operands)
    half = moved // 8 // COLUMNS * COLUMNS
    sides = (COPY, [arena[:half].reshape(-1, COLUMNS), arena[half : 2 * half].reshape(-1, COLUMNS)]), (kernel, operands)
    runs = [Replay(schedule([Node(k, a, k.extent(*a))], threads), threads) for k, a in sides]
    steps = max(1, int(SPAN / min(runs[0]._run(1, threads) for _ in range(3))))
    seconds = np.array([[run._run(steps, threads) for run in runs] for _ in range(rounds + 1)])[1:]
    copy, own = moved * steps / np.median(seconds, axis=0) / 1e9
    shares = float(np.median(seconds[:, 0] / seconds[:, 1])), float(np.divide(*seconds.min(axis=0)))
    rates = {"gigabytes_per_second": round(own, 1), "copy": round(copy, 1)}
    return {**rates, "of_copy": round(shares[0], 3), "best_of_best": round(shares[1], 3)}


def measure(kernel: Kernel, rounds: int, arena: np.ndarray) -> dict[str, Any]:
    """By size and threads, as `compare` says, and whether ``memory_bound``."""
    arithmetic = compare(kernel, ROWS["L1"], 1, rounds, arena)["gigabytes_per_second"]
    result: dict[str, Any] = {"L1": {"gigabytes_per_second": arithmetic}}
    for threads in sorted({1, cores()}):
        for size in ("L2", "L3", "memory")[threads > 1 :]:
            result[f"{size}, {threads} thread{'s' * (threads > 1)}"] = found = compare(kernel, ROWS[size], threads, rounds, arena)
            found["memory_bound"] = bool(arithmetic * threads > found["copy"])
    return result


def chosen(everything: bool) -> list[Kernel]:
    """Activations and their gradients, alone and after a bias; or every kernel that is a formula."""
    for activation in activations.NAMES.values():
        if activation.elementwise and activation.parameters is not None:
            following(bias_linear, activation._made.forward, "x")

    def wanted(k: Kernel) -> bool:
        own = k.name.startswith("bias_") or k.formula.function.__module__ in (formulas.__name__, rectifiers.__name__)
        return k.has_float_arrays and (everything or own)

    return [k for k in REGISTRY.values() if k.name in OTHERS or (k.formula is not None and wanted(k))]


def shown(cell: dict[str, Any]) -> str:
    share = f" {cell['of_copy']:4.2f} {cell['best_of_best']:4.2f}{' *'[cell['memory_bound']]}" if "of_copy" in cell else ""
    return f"{cell['gigabytes_per_second']:6.1f}{share}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="kernels whose name has this in it")
    parser.add_argument("--all", action="store_true", help="every kernel that is a formula, not the activations' alone")
    parser.add_argument("--rounds", type=int, default=15, help="default: %(default)s")
    options = parser.parse_args()
    arena = CpuBackend().zeros((8 * ROWS["memory"] * COLUMNS,))
    results: dict[str, Any] = {}
    below = []
    for kernel in chosen(options.all):
        if options.only in kernel.name:
            results[kernel.name] = r = measure(kernel, options.rounds, arena)
            print(f"{kernel.name:24s} {'  '.join(map(shown, r.values()))}", flush=True)
            missed = [(where, c["of_copy"]) for where, c in r.items() if c.get("memory_bound") and c["of_copy"] < GOAL]
            below += [f"{kernel.name} ({where}: {share:.2f})" for where, share in missed]
    if not results:
        raise SystemExit(f"No kernel has {options.only!r} in its name.")
    sizes = ", ".join(list(next(iter(results.values())))[1:])
    print(f"GB/s and the share of a copy's (median, best of best); L1, then {sizes}; * memory-bound")
    print(f"Memory-bound and below {GOAL}: {', '.join(below) or 'none'}")
    if not options.only:
        print(save("kernels-cpu", {"columns": COLUMNS, "rows": ROWS, "kernels": results}))


if __name__ == "__main__":
    main()
