"""Microseconds a step of 2, 8 and 32 replicas of 784-300-100-10 (Adam, batch 128) together, against one alone: rounds interleaved, medians.

First it is checked that they end as they end one by one. The aim: 32 together in at most 4 times the time of one.
"""

import statistics
import time

import common
import numpy as np

COUNTS = (2, 3) if common.DRY else (2, 8, 32)
BATCH, ROWS, STEPS, ROUNDS = (8, 64, 4, 1) if common.DRY else (128, 1 << 15, 240, 7)


def replicas(count: int):
    import gpunn
    from gpunn.models import Replicas

    with gpunn.device(common.BACKEND):
        return Replicas(common.mlp, seeds=range(count))


def agreement(x, y) -> dict:
    """Losses and weights of two epochs, together and one by one: the largest relative difference of each."""
    import gpunn

    joint = replicas(3)
    losses = [h.history["loss"] for h in joint.fit(x, y, batch_size=BATCH, epochs=2)]
    loss_off = weights_off = 0.0
    for seed, model in enumerate(joint.models):
        gpunn.utils.set_random_seed(seed)
        alone = common.mlp()
        history = alone.fit(x, y, batch_size=BATCH, epochs=2, verbose=0).history["loss"]
        loss_off = max(loss_off, float(np.max(np.abs(np.array(losses[seed]) / history - 1))))
        pairs = zip(model.get_weights(), alone.get_weights(), strict=True)
        weights_off = max(weights_off, *(float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-9)) for a, b in pairs))
    if loss_off > 1e-4:
        raise RuntimeError(f"replicas together end elsewhere: losses differ by {loss_off:.2e}")
    return {"loss": loss_off, "weights": weights_off}


def alone(x, y):
    from gpunn.training.loop import Training

    model = common.mlp()
    training = Training(model, model._check(x, y, None, None, "fit"), BATCH, False)
    program = training.record(BATCH)
    return timed([training], program), len(program.plan)


def together(count: int, x, y):
    from gpunn.models.joint import settled
    from gpunn.training.together import Trainings

    joint = replicas(count)
    rows = joint._check(x, y, None, None, "fit")
    trainings = Trainings(settled(joint.models), joint.models, rows, BATCH, False)
    program = trainings.record(BATCH)
    return timed(trainings.passes, program), len(program._program.plan)


def timed(passes, program):
    ops = common.backend()

    def run() -> float:
        for p in passes:
            ops.write(p.feed.position, 0)
        ops.synchronize()
        began = time.perf_counter()
        program.run(STEPS)
        ops.synchronize()
        return (time.perf_counter() - began) / STEPS * 1e6

    run()
    return run


def body(results: dict) -> None:
    import gpunn

    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (ROWS, 784)).astype(np.uint8), rng.integers(0, 10, ROWS)
    results["unit"] = "microseconds a step of all replicas, median of rounds; ratio: to one replica alone, median of the rounds' ratios"
    common.attempt(results, "agreement", lambda: agreement(x[: 8 * BATCH], y[: 8 * BATCH]))
    for precision in ("highest", "high"):
        gpunn.set_matmul_precision(precision)
        runs = {1: alone(x, y)} | {count: together(count, x, y) for count in COUNTS}
        seconds: dict = {count: [] for count in runs}
        for _ in range(ROUNDS):
            for count, (run, _) in runs.items():
                seconds[count].append(run())
        row = results.setdefault(precision, {})
        for count, us in seconds.items():
            ratio = statistics.median(a / b for a, b in zip(us, seconds[1], strict=True))
            row[str(count)] = {"us": statistics.median(us), "ratio": ratio, "launches": runs[count][1], "rounds": us}
        print(precision, {k: (round(v["us"], 1), round(v["ratio"], 2)) for k, v in row.items()}, flush=True)
    gpunn.set_matmul_precision("highest")
    results["32 in at most 4 times one"] = results["highest"].get("32", {}).get("ratio", float("inf")) <= 4 if not common.DRY else None


if __name__ == "__main__":
    common.run("replicas", body)
