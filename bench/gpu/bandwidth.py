"""Every kernel of the registry on large arrays: bytes it must move a second, beside what a copy of the driver's reaches."""

import pathlib
import sys

import common
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "kernels"))  # the inputs of every kernel
SHAPES = ((33, 40),) if common.DRY else ((65536, 256), (8192, 300))


def one(ops, kernel, rows: int, columns: int) -> dict:
    from kernel_inputs import arguments

    from gpunn.kernels.record import bytes_moved

    args = [ops.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments(kernel, "float32", rows, columns)]
    launches = 1 if common.DRY else 10
    with ops.record() as program:  # as a step has it: sums over tall matrices in parts
        for _ in range(launches):
            ops.launch(kernel, *args)
    graph = ops.capture_steps(program.plan, 1)
    seconds = common.elapsed(lambda: ops.replay(graph), 1 if common.DRY else 3, rounds=3) / launches
    return {"us": seconds * 1e6, "GB_per_s": bytes_moved(kernel, args) / seconds / 1e9}


def body(results: dict) -> None:
    from kernel_inputs import NAMES

    from gpunn.kernels import REGISTRY

    ops = common.backend()
    for rows, columns in SHAPES:
        a, b = ops.zeros((rows * columns,)), ops.zeros((rows * columns,))
        table = results[f"{rows}x{columns}"] = {}
        if not common.DRY:
            table["copy by the driver"] = {"GB_per_s": 2 * a.nbytes / common.elapsed(lambda a=a, b=b: ops.write(b, a), 100) / 1e9}
        seen = set()
        for name in NAMES:
            kernel = REGISTRY[name]
            kind = (kernel.family, kernel.geometry)
            if common.DRY and kind in seen:  # one of each will do
                continue
            seen.add(kind)
            if kernel.cuda is not None and kernel.has_float_arrays and kernel.geometry != "tiles":  # a product computes more than it moves
                common.attempt(table, name, lambda kernel=kernel, r=rows, c=columns: one(ops, kernel, r, c))
    import stream  # no section of its own: more files than these do not come back from some machines

    stream.body(results.setdefault("uploads", {}))
    import updates  # likewise

    updates.body(results.setdefault("updates", {}))


if __name__ == "__main__":
    common.run("bandwidth", body)
