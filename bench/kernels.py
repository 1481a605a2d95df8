"""How fast each CPU kernel is beside a plain copy of as many bytes: ``python bench/kernels.py``. One thread; bytes are the registry's.

Writes bench/results/kernels-cpu-DATE.json.
"""

import statistics
import time

import numpy as np
from contest import save

from gpunn.backend.native import Replay
from gpunn.backend.schedule import Node, alone
from gpunn.kernels import REGISTRY
from gpunn.kernels.record import bytes_moved

ROWS, COLUMNS = 4096, 256


def arguments(kernel) -> list:
    """Operands of a large launch of an elementwise kernel."""
    rng = np.random.default_rng(0)
    made = {"full": (ROWS, COLUMNS), "row": (COLUMNS,), "col": (ROWS,)}
    out = []
    for o in kernel.operands:
        if o.kind in made:
            out.append(rng.uniform(0.1, 0.9, made[o.kind]).astype(np.float32))
        elif o.kind == "scalar":
            out.append(np.ones(1, np.int64 if o.dtype == "i8" else np.float64))
        else:
            out.append(0.5)
    return out


def seconds(run, rounds: int = 9) -> float:
    run()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    results = {}
    for kernel in REGISTRY.values():
        if kernel.formula is None or not kernel.has_float_arrays:
            continue
        operands = arguments(kernel)
        node = Node(kernel, operands, kernel.extent(*operands))
        replay = Replay(alone(node), 1)
        moved = bytes_moved(kernel, operands)
        source = np.ones(moved // 8, np.float32)
        target = np.empty_like(source)
        copy = seconds(lambda a=target, b=source: np.copyto(a, b))
        took = seconds(lambda r=replay: r(1))
        results[kernel.name] = {"gigabytes_per_second": round(moved / took / 1e9, 2), "of_copy": round(copy / took, 3)}
        print(f"{kernel.name:28s} {moved / took / 1e9:7.2f} GB/s  {copy / took:5.2f} of a copy", flush=True)
    print(save("kernels-cpu", {"rows": ROWS, "columns": COLUMNS, "kernels": results}))


if __name__ == "__main__":
    main()
