"""Microseconds a training step of 784-300-100-10 (Adam), against PyTorch and JAX on the same device: rounds interleaved, medians."""

import statistics
import time

import common
import numpy as np

BATCHES = (4, 8) if common.DRY else (32, 128, 1024, 8192)
ROWS = 200 if common.DRY else 1 << 18
WARM = 17  # steps before any is timed: both graphs, of 16 and of one
ROUNDS, LONGEST = (1, 16) if common.DRY else (5, 1024)


def ours(x, y, batch: int, fork: bool = True, light: bool = True, persistent: str = "measured", make=common.mlp):
    from gpunn.training.loop import Training

    if len(x) < WARM * batch:
        raise ValueError(f"{WARM} steps of {batch} rows need as many rows. Received: {len(x)}")
    ops = common.backend()
    before = ops.fork, ops.light, ops.persistent
    ops.fork, ops.light, ops.persistent = fork, ops.light if light else None, persistent
    try:
        model = make()
        training = Training(model, model._check(x, y, None, None, "fit"), batch, False)
        ops.write(training.feed.order, np.random.default_rng(0).permutation(len(x)).astype(np.int32))  # shuffled, as the rivals' rows are
        program = training.record(batch)
        launches = len(program.plan)  # laid out as the switches say now
        training.step(batch, WARM)
        how = program.choice().why
    finally:
        ops.fork, ops.light, ops.persistent = before

    def run(steps: int) -> None:
        ops.write(training.feed.position, 0)
        training.step(batch, steps)
        ops.synchronize()

    run.launches, run.how = launches, how
    return run


def contest(makers: dict, batch: int, row: dict, rows: int = ROWS) -> None:
    steps = min(LONGEST, rows // batch // 16 * 16)
    runs, seconds = {}, {}
    for name, make in makers.items():
        try:
            runs[name] = make()
            runs[name](steps)
        except Exception as error:
            row[name] = {"error": f"{type(error).__name__}: {error}"[:500]}
            runs.pop(name, None)
    for _ in range(ROUNDS):
        for name, run in runs.items():
            began = time.perf_counter()
            run(steps)
            seconds.setdefault(name, []).append((time.perf_counter() - began) / steps * 1e6)
    for name, us in seconds.items():
        row[name] = {"us": statistics.median(us), "rounds": us}
        if launches := getattr(runs[name], "launches", None):
            row[name] |= {"launches": launches, "how": getattr(runs[name], "how", None)}


def body(results: dict) -> None:
    import gpunn

    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (ROWS, 784)).astype(np.uint8), rng.integers(0, 10, ROWS)
    own: dict = {"gpunn": {}, "gpunn, one stream": {"fork": False}, "gpunn, own kernels beside cuBLAS": {"light": False}}
    own |= {name: options | {"persistent": "never"} for name, options in own.items() if options}
    rivals: dict = {}
    slow: dict = {}
    if not common.DRY:
        from rivals import QUICK as rivals
        from rivals import SLOW as slow
    results["unit"] = "microseconds a step, median of rounds; steps of a round run without a wait between them"
    plan = [(b, p, rivals) for p in ("highest", "high") for b in BATCHES] + [(b, "highest", slow) for b in (128, 32, 1024, 8192) if slow]
    for batch, precision, others in plan:
        gpunn.set_matmul_precision(precision)
        row = results.setdefault(precision, {}).setdefault(str(batch), {})
        makers = {name: lambda o=options, b=batch: ours(x, y, b, **o) for name, options in own.items()}
        if slow and others is slow:  # ours alone is measured again beside them
            makers = {"gpunn, beside torch.compile": makers["gpunn"]}
        makers |= {name: lambda make=make, b=batch, p=precision: make(x, y, b, p == "high") for name, make in others.items()}
        contest(makers, batch, row)
        print(precision, batch, {k: round(v["us"], 1) if "us" in v else v["error"][:60] for k, v in row.items()}, flush=True)
    gpunn.set_matmul_precision("highest")


if __name__ == "__main__":
    common.run("steps", body)
