"""`mlp.contest` under pytest-benchmark: ``pytest bench --benchmark-json=...``. Ours is timed, the rivals run between our rounds."""

import pytest
from contest import Contestant
from mlp import PEERS


@pytest.mark.parametrize("batch", [32, 128, 1024])
def test_epoch(benchmark, batch):
    ours, *rivals = [Contestant(name, batch) for name in ("gpunn", *PEERS)]
    try:
        benchmark.pedantic(ours.epoch, setup=lambda: [r.epoch() for r in rivals] and None, rounds=5)
    finally:
        for c in (ours, *rivals):
            c.close()
    benchmark.extra_info["images_per_second"] = {c.name: round(c.rate) for c in (ours, *rivals)}
