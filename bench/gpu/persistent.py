"""A whole step as one persistent kernel against the captured graph: 784-300-100-10, Adam, microseconds a step, rounds interleaved, medians.

First both are trained from the same weights, and their losses must agree. Beside the times: what the choice itself came to, registers and
seconds of the compilation, and what a barrier of the grid costs.
"""

import statistics
import time

import common
import numpy as np

BATCHES = (4, 8) if common.DRY else (32, 128, 1024)
ROWS, STEPS, ROUNDS, LOSSES = (64, 4, 1, 4) if common.DRY else (1 << 15, 512, 7, 32)
BARRIERS = 8 if common.DRY else 20_000


def training(x, y, batch: int, mode: str):
    """A model that runs in this way, with a step recorded and settled."""
    import gpunn
    from gpunn.training.loop import Training

    ops = common.backend()
    before, ops.persistent = ops.persistent, mode
    try:
        gpunn.utils.set_random_seed(0)
        model = common.mlp()
        passed = Training(model, model._check(x, y, None, None, "fit"), batch, False)
        program = passed.record(batch)
        began = time.perf_counter()
        program.choice(try_it=True)
        passed.step(batch, 1)
        ops.synchronize()
        return passed, program, time.perf_counter() - began
    finally:
        ops.persistent = before


def agreement(x, y, batch: int) -> dict:
    """Losses of some steps each way: the largest relative difference."""
    ops, sums = common.backend(), []
    for mode in ("never", "always"):
        passed, _, _ = training(x, y, batch, mode)
        own = []
        for _ in range(LOSSES - 1):
            passed.step(batch, 1)
            own.append(ops.to_numpy(passed.sums)[0])
        sums.append(np.diff(own))
    off = float(np.max(np.abs(sums[0] / sums[1] - 1)))
    if not off <= 1e-3:
        raise RuntimeError(f"the persistent kernel's losses are not the graph's: {off:.2e} apart")
    return {"steps": LOSSES, "largest relative difference": off}


def contest(x, y, batch: int) -> dict:
    ops, out, runs = common.backend(), {}, {}
    for name, mode in (("graph", "never"), ("persistent", "always")):
        passed, program, seconds = training(x, y, batch, mode)
        out[name] = {"ready_after_s": seconds, "how": program.choice().why}
        kernel = program.choice().persistent
        if name == "persistent":
            if kernel is None:
                return out  # it says why
            out[name]["phases"] = kernel.describe()
            out[name]["registers"] = getattr(kernel.function, "num_regs", None)
        runs[name] = passed
    steps = min(STEPS, len(x) // batch)
    times: dict = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, passed in runs.items():
            ops.write(passed.feed.position, 0)
            ops.synchronize()
            began = time.perf_counter()
            passed.step(batch, steps)
            ops.synchronize()
            times[name].append((time.perf_counter() - began) / steps * 1e6)
    for name, us in times.items():
        out[name] |= {"us": statistics.median(us), "rounds": us}
    out["ratio"] = statistics.median(g / p for g, p in zip(times["graph"], times["persistent"], strict=True))
    out["chosen"] = training(x, y, batch, "measured")[1].choice().why
    return out


def barrier() -> dict:
    """A step of one launch that does next to nothing: a barrier, and a look at one number."""
    from gpunn.backend.persistent import MOST_STEPS, PersistentStep
    from gpunn.kernels import data

    ops = common.backend()
    position, step = ops.zeros((1,), "int64"), ops.zeros((1,), "int64")
    with ops.record() as program:
        ops.launch(data.ADVANCE, position, step, 1, 1)
    kernel = PersistentStep(ops, program.nodes)
    seconds = common.elapsed(lambda: kernel.run(BARRIERS), 1)
    total = int(ops.to_numpy(position)[0])
    if total % BARRIERS or total != int(ops.to_numpy(step)[0]):
        raise RuntimeError(f"steps were lost: {total}")
    return {"us": seconds / BARRIERS * 1e6, "blocks": ops.properties.multiprocessors, "steps_in_a_launch": MOST_STEPS}


def body(results: dict) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (ROWS, 784)).astype(np.uint8), rng.integers(0, 10, ROWS)
    results["unit"] = "microseconds a step, median of rounds; ratio: graph over persistent, median of the rounds' ratios"
    common.attempt(results, "barrier", barrier)
    for batch in BATCHES:
        common.attempt(results, f"agreement {batch}", lambda b=batch: agreement(x, y, b))
        common.attempt(results, str(batch), lambda b=batch: contest(x, y, b))
        row = results[str(batch)]
        print(batch, {k: round(v["us"], 1) for k, v in row.items() if isinstance(v, dict) and "us" in v}, row.get("chosen"), flush=True)


if __name__ == "__main__":
    common.run("persistent", body)
