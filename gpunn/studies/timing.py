"""Where the time of a train step goes: gather, forward, backward, update."""

import time
from dataclasses import replace
from typing import Any

import numpy as np

from gpunn.training.loop import Training
from gpunn.training.resting import Resting

PARTS = ("gather", "forward", "backward", "update")


def step_parts(model: Any, x: Any, y: Any, batch: int, seconds: float = 0.15) -> dict[str, float] | None:
    """Milliseconds of a step of `batch` rows by part, and ``step``, their sum; None for a model whose step cannot be recorded.

    Each part is the difference between two programs that stop one part apart, each the best of several runs: the loss counts as
    ``backward``. The differences of short steps are noisy, and may come out as 0. The model is trained on by this: take a copy first.
    """
    setup, ops = model._setup, model.backend
    if not (model.recordable and setup.recordable):
        return None
    rows = model._check(x, y, None, None, "step_parts")
    rows_of = min(batch, len(rows))
    training = Training(model, rows, rows_of, True)
    training.feed.begin(0, 0, True)
    dtype = np.dtype(model.dtype)
    with ops.record() as gather:
        training.feed.gather_inputs(ops, rows_of, dtype)
        training.feed.gather_target(ops, 0, rows_of)
    with ops.record() as forward:
        given = training.feed.gather_inputs(ops, rows_of, dtype)
        training.feed.gather_target(ops, 0, rows_of)
        setup.plan.run(given, True)
    whole, resting = training.record(rows_of), Training(model, rows, rows_of, True)
    model._setup = replace(setup, optimizer=Resting(setup.optimizer))
    try:
        backward = resting.record(rows_of)
    finally:
        model._setup = setup
    programs = [(training, gather), (training, forward), (resting, backward), (training, whole)]
    took = [_best(ops, owner, program, seconds / len(programs)) for owner, program in programs]
    ends = np.maximum.accumulate([0.0, *took])  # a longer program that seems shorter was measured in a better moment
    out = {name: float(ms) for name, ms in zip(PARTS, np.diff(ends), strict=True)}
    return out | {"step": float(ends[-1])}


def _best(ops: Any, training: Any, program: Any, seconds: float) -> float:
    """Milliseconds a run, the best of some."""

    def once(steps: int) -> float:
        ops.write(training.feed.position, 0)
        ops.synchronize()
        began = time.perf_counter()
        program.run(steps)
        ops.synchronize()
        return (time.perf_counter() - began) / steps

    first = min(once(1) for _ in range(2))
    steps = int(max(1, min(training.feed.whole, seconds / 4 / max(first, 1e-7))))  # a pass over the data at most: positions stay within
    return 1000 * min(first, *(once(steps) for _ in range(4)))


def bytes_of_step(training: Any, rows: int) -> int | None:
    """Bytes of the arrays that a recorded step works in, without the data set; None where no program tells."""
    try:
        nodes = training.record(rows).nodes
    except AttributeError:
        return None
    feed = training.feed
    left_out = {_owner(a)[0] for a in (*feed.xs, *feed.targets, feed.order)}
    seen: dict[int, int] = {}
    for node in nodes:
        for a in getattr(node, "arguments", ()):
            if hasattr(a, "nbytes"):
                key, size = _owner(a)
                if key not in left_out:
                    seen[key] = max(seen.get(key, 0), size)
    return sum(seen.values())


def _owner(array: Any) -> tuple[int, int]:
    """Identity and bytes of the memory that an array is a view of."""
    while getattr(array, "base", None) is not None and hasattr(array.base, "nbytes"):
        array = array.base
    return id(array), int(array.nbytes)
