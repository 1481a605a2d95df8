"""The convolutional network: microseconds a training step against PyTorch's whole-step graph, and time to 99 % on MNIST's test images."""

import statistics
from typing import Any

import accuracy
import common
import numpy as np
import steps

BATCHES = (8,) if common.DRY else (128, 4096)
ROWS = 200 if common.DRY else 1 << 17  # 17 steps of the largest batch are inside
SEEDS, GOAL = (1 if common.DRY else 5), 0.99


def network(learning_rate: Any = 1e-3, scale: float | None = None):
    """conv 32 3x3 relu, max pool, conv 64 3x3 relu, max pool, dense 128 relu, dense 10, of rows of 784; fewer filters in a dry run."""
    import gpunn
    from gpunn import layers, models, optimizers

    few, many, units = (2, 3, 4) if common.DRY else (32, 64, 128)
    with gpunn.device(common.BACKEND):
        model = models.Sequential([
            layers.Input((784,)), *([layers.Rescaling(scale)] if scale else []), layers.Reshape((28, 28, 1)),
            layers.Conv2D(few, 3, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(many, 3, activation="relu"),
            layers.MaxPooling2D(), layers.Flatten(), layers.Dense(units, activation="relu"), layers.Dense(10, activation="softmax"),
        ])
        model.compile(optimizers.Adam(learning_rate), "sparse_categorical_crossentropy", ["accuracy"])
    return model


def step_times() -> dict:
    import gpunn

    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (ROWS, 784)).astype(np.uint8), rng.integers(0, 10, ROWS)
    out: dict = {"unit": "microseconds a step, median of rounds; steps of a round run without a wait between them"}
    for precision in ("highest",) if common.DRY else ("highest", "high"):
        gpunn.set_matmul_precision(precision)
        for batch in BATCHES:
            makers = {"gpunn": lambda b=batch: steps.ours(x, y, b, make=network)}
            if not common.DRY:
                from rivals import cnn, torch_graph

                makers["torch graph"] = lambda b=batch, p=precision: torch_graph(x, y, b, p == "high", network=cnn)
            row = out.setdefault(precision, {}).setdefault(str(batch), {})
            steps.contest(makers, batch, row, ROWS)
            print(precision, batch, {k: round(v["us"], 1) if "us" in v else v["error"][:60] for k, v in row.items()}, flush=True)
    gpunn.set_matmul_precision("highest")
    return out


def time_to_goal() -> dict:
    train, test = common.mnist()
    runs = [accuracy.once(seed, train, test, lambda: network(accuracy.falling(3e-3), 1 / 255), GOAL) for seed in range(SEEDS)]
    reached = [r["seconds"] for r in runs if r["accuracy"] >= GOAL]
    return {"runs": runs, "reached": f"{len(reached)} of {SEEDS}", "mean_s": statistics.mean(reached) if reached else None}


def body(results: dict) -> None:
    common.attempt(results, "steps", step_times)
    common.attempt(results, "time to 99 % on MNIST", time_to_goal)


if __name__ == "__main__":
    common.run("cnn", body)
