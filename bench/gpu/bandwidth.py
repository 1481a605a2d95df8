"""Every kernel of the registry on large arrays: bytes it must move a second, beside what a copy of the driver's reaches."""

import pathlib
import sys
import time

import common
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "kernels"))  # the inputs of every kernel
from draws import Maker

SHAPES = ((33, 40),) if common.DRY else ((65536, 256), (8192, 300))
SQUARE = 4096  # rows, where arrays have a column for each row
MOST = 1 << 29  # bytes of all arrays together
DRAWN = 1 << 18  # numbers that are drawn; more repeat them


class Kept(Maker):
    """Draws an array of a kind and shape once for all kernels: drawing takes the host longer than the device has."""

    drawn: dict[tuple, np.ndarray] = {}  # noqa: RUF012  meant to be shared

    def __getattribute__(self, kind: str):
        found = super().__getattribute__(kind)
        if kind not in vars(Maker) or kind.startswith("_") or kind == "number":
            return found
        counted = super().__getattribute__("__dict__").setdefault("counted", {})

        def kept(*shape):
            n = counted[kind, shape] = counted.get((kind, shape), -1) + 1  # a kernel's second array is another one
            if (kind, shape, n) not in Kept.drawn:
                some = max(1, DRAWN // max(1, int(np.prod(shape[1:]))))
                whole = kind in ("labels", "order") or shape[0] <= some
                Kept.drawn[kind, shape, n] = found(*shape) if whole else np.resize(found(some, *shape[1:]), shape)
            return Kept.drawn[kind, shape, n]

        return kept


def sizes(kernel, rows: int, columns: int) -> tuple[int, int]:
    """The shape, with fewer rows where the bytes grow by their square, or are very many."""
    from kernel_inputs import arguments

    small, twice = (sum(np.asarray(a).nbytes for a in arguments(kernel, "float32", n, columns)) for n in (64, 128))
    if twice > 2.5 * small:
        return min(rows, SQUARE), columns
    return min(rows, max(128, int(MOST / twice) * 128)), columns


def one(ops, uploaded: dict, kernel, rows: int, columns: int) -> dict:
    from kernel_inputs import arguments

    from gpunn.kernels.record import bytes_moved

    shape = (rows, columns) if common.DRY else sizes(kernel, rows, columns)
    args = arguments(kernel, "float32", *shape, maker=Kept)
    shared = {id(a) for a in Kept.drawn.values()}
    for i, a in enumerate(args):
        if not isinstance(a, np.ndarray):
            continue
        if id(a) in shared:
            if id(a) not in uploaded:
                uploaded[id(a)] = ops.asarray(a)
            args[i] = uploaded[id(a)]
            if kernel.operands[i].written:
                args[i] = ops.empty(a.shape, a.dtype)
                ops.write(args[i], uploaded[id(a)])  # on our stream, as everything here
        else:
            args[i] = ops.asarray(a)
    launches = 1 if common.DRY else 10
    with ops.record() as program:  # as a step has it: sums over tall matrices in parts
        for _ in range(launches):
            ops.launch(kernel, *args)
    graph = ops.capture_steps(program.plan, 1)
    seconds = common.elapsed(lambda: ops.replay(graph), 1 if common.DRY else 3, rounds=3) / launches
    return {"us": seconds * 1e6, "GB_per_s": bytes_moved(kernel, args) / seconds / 1e9} | ({"rows": shape[0]} if shape[0] != rows else {})


def body(results: dict) -> None:
    from kernel_inputs import NAMES

    from gpunn.kernels import REGISTRY

    ops, kernels, seen = common.backend(), [], set()
    for kernel in map(REGISTRY.__getitem__, NAMES):
        if common.DRY and kernel.geometry in seen:  # one of each will do
            continue
        seen.add(kernel.geometry)
        if kernel.cuda is not None and kernel.has_float_arrays and kernel.geometry != "tiles":  # a product computes more than it moves
            kernels.append(kernel)
    began = time.perf_counter()
    common.attempt(results, "compiled", lambda: ops.ready((kernel, "float32") for kernel in kernels))
    results["compiled"] = results["compiled"] or {"seconds": time.perf_counter() - began}
    for rows, columns in SHAPES:
        uploaded: dict = {}
        Kept.drawn.clear()
        a, b = ops.zeros((rows * columns,)), ops.zeros((rows * columns,))
        table = results[f"{rows}x{columns}"] = {}
        if not common.DRY:
            table["copy by the driver"] = {"GB_per_s": 2 * a.nbytes / common.elapsed(lambda a=a, b=b: ops.write(b, a), 100) / 1e9}
        for kernel in kernels:
            common.attempt(table, kernel.name, lambda kernel=kernel, r=rows, c=columns, u=uploaded: one(ops, u, kernel, r, c))


if __name__ == "__main__":
    common.run("bandwidth", body)
