"""`optimizers.contest` under pytest-benchmark: ``pytest bench --benchmark-json=...``. Ours is timed; PyTorch's steps run between rounds."""

import pytest
from contest import Contestant
from optimizer_worker import WAYS
from optimizers import STEPS


@pytest.mark.parametrize("name", ["SGD", "momentum", "Adam", "AdamW", "Adagrad"])
def test_step(benchmark, name):
    made = [Contestant(way, name, STEPS, rows=STEPS, script="optimizer_worker.py") for way in ("gpunn", WAYS[0])]
    ours, fused = made
    try:
        benchmark.pedantic(ours.epoch, setup=lambda: fused.epoch() and None, rounds=9)
    finally:
        for c in made:
            c.close()
    benchmark.extra_info["ratio_of_best"] = min(fused.seconds) / min(ours.seconds)
