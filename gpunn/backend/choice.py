"""Graph or persistent kernel: both are run on the same steps, and the faster one is kept, as the algorithms of products are.

Before anything is timed, both must have come to the same weights. What a trial changes is put back; the batch is one and the same in all
its steps. The choice stands in the user's cache folder, so that every later run has the same bits. ``GPUNN_TUNE=0``: the graph.
"""

import hashlib
import os
import statistics
from typing import Any

import numpy as np

from gpunn.backend import algorithms, lanes
from gpunn.backend.persistent import NoForm, PersistentStep, frozen_nodes
from gpunn.backend.phases import lasting

STEPS = 64  # in one timed run
ROUNDS = 5  # of each, in turns; the medians are compared
CHECKED = 3  # steps after which both must agree
NO_ROOM = "graph: not enough memory to try the persistent kernel"
APART = 1e-2  # of an array's norm: how far they may be from each other then


class Choice:
    """How a program runs. ``persistent``: the kernel, or None for the graph; ``why``: a line for `Model.explain`; ``settled``: whether
    that is final."""

    def __init__(self, why: str, persistent: PersistentStep | None = None, settled: bool = True):
        self.why, self.persistent, self.settled = why, persistent, settled


def choose(program: Any, ops: Any, try_it: bool) -> Choice:
    """The choice for a program; `try_it`: it is about to run, and what must be measured is measured."""
    if ops.persistent == "never" or not program.repeated:
        return Choice("graph")
    if ops.persistent == "measured" and (ops.tuning is None or os.environ.get("GPUNN_TUNE") == "0"):
        return Choice("graph: nothing is timed here")
    try:
        step = PersistentStep(ops, program.nodes)
    except NoForm as error:
        return Choice(f"graph: {error}")
    except MemoryError:
        return Choice(NO_ROOM)
    name = f"persistent kernel: {len(step.phases)} phases, {step.barriers} barriers a step"
    if ops.persistent == "always":
        return Choice(name, step)
    key = _key(step, ops)
    known = algorithms.recall(ops.tuning, key)
    if known is None:
        if not try_it:
            return Choice(f"graph, or {name}: timed at the first step", settled=False)
        try:
            known = _tried(program, ops, step)
        except MemoryError:  # today: it is tried again another time
            return Choice(NO_ROOM)
        except RuntimeError as error:  # of the compiler, or of a launch; what ails the graph itself shows when that runs
            known = f"graph the persistent kernel cannot be used ({str(error).splitlines()[0][:200]})"
        algorithms.remember(ops.tuning, key, known)
    word, _, rest = known.partition(" ")
    return Choice(f"{name}; {rest}", step) if word == "persistent" else Choice(f"graph: {rest}")


def _key(step: PersistentStep, ops: Any) -> str:
    tf32 = bool(ops.blas and ops.blas[0].tf32)
    text = f"{step.module.source} tf32={tf32} fork={ops.fork} light={ops.light is not None}"
    return f"step {hashlib.sha256(text.encode()).hexdigest()[:24]}"


def _tried(program: Any, ops: Any, step: PersistentStep) -> str:
    """"persistent" or "graph", and a reason in words."""
    step.compile()
    kept = [(a, _copy(ops, a)) for a in lasting(program.nodes, ops.address)]
    plan = lanes.place(frozen_nodes(program.launches), ops.address, ops.fork)

    def restore() -> None:
        for array, copy in kept:
            ops.write(array, copy)

    try:
        one = ops.capture_steps(plan, 1)
        results = []
        for run in (lambda: [ops.replay(one) for _ in range(CHECKED)], lambda: step.run(CHECKED, frozen=True)):
            restore()
            run()
            results.append([ops.to_numpy(a) for a, _ in kept])
        if not _agree(*results):
            return "graph the persistent kernel comes to other weights"
        graph = ops.capture_steps(plan, STEPS)
        runs = {"graph": lambda: ops.replay(graph), "persistent": lambda: step.run(STEPS, frozen=True)}
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for turn in range(ROUNDS + 1):
            for name, run in runs.items():
                restore()
                taken = ops.clock(run)
                if turn:  # the first of each loads what it needs
                    seconds[name].append(taken)
    finally:
        restore()
    us = {name: statistics.median(times) / STEPS * 1e6 for name, times in seconds.items()}
    best = min(us, key=us.__getitem__)
    other = next(name for name in us if name != best)
    return f"{best} measured {us[best]:.1f} us a step against {us[other]:.1f} us of the {other}"


def _copy(ops: Any, array: Any) -> Any:
    ops.synchronize()
    copy = ops.empty(array.shape, array.dtype)
    ops.write(copy, array)
    return copy


def _agree(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    for a, b in zip(one, other, strict=True):
        if a.dtype.kind != "f":
            if not np.array_equal(a, b):
                return False
            continue
        x, y = a.astype(np.float64), b.astype(np.float64)
        same = np.isfinite(x) == np.isfinite(y)
        if not same.all():
            return False
        off = np.linalg.norm(np.where(np.isfinite(x), x - y, 0.0))
        if off > APART * np.linalg.norm(np.where(np.isfinite(x), x, 0.0)) + 1e-6:
            return False
    return True
