"""`estimators.contest` under pytest-benchmark: ``pytest bench --benchmark-json=...``. Ours is timed, scikit-learn fits between rounds."""

import pytest
from contest import Contestant
from estimators import SIZES


@pytest.mark.parametrize("kind", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("size", SIZES)
def test_fit(benchmark, kind, size):
    ours, theirs = [Contestant(name, kind, size, 5, script="estimator_worker.py") for name in ("gpunn", "sklearn")]
    try:
        benchmark.pedantic(ours.epoch, setup=lambda: theirs.epoch() and None, rounds=5)
    finally:
        for c in (ours, theirs):
            c.close()
    benchmark.extra_info["seconds"] = {c.name: c.seconds for c in (ours, theirs)}
    benchmark.extra_info["answers"] = {c.name: c.answers for c in (ours, theirs)}
