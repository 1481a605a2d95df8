"""Recording one step of a model as a program: gather, forward, loss, backward, update, counters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunn.kernels import data as feeding
from gpunn.training.feeds.base import Feed

SUMS = 3  # weighted total, weight, first bad step: see kernels.data.ACCUMULATE


@dataclass
class Sums:
    """Where a step adds up: its loss, each metric, penalties, and the number of rows (None where it is not asked for)."""

    loss: Any
    metrics: Any
    penalties: Any
    rows: Any


def run_stages(stages: Sequence[Any], x: Any, training: bool) -> tuple[Any, list[Any]]:
    pullbacks = []
    for stage in stages:
        x, pullback = stage.forward(x, training)
        pullbacks.append(pullback)
    return x, pullbacks


def first_learning(stages: Sequence[Any]) -> int:
    """Index of the first stage with something to learn: gradients need not go further back."""
    return next((i for i, s in enumerate(stages) if any(p.learns for p in s.layer.parameters)), len(stages))


def record_step(model: Any, feed: Feed, rows: int, training: bool, sums: Sums) -> Any:
    """The program of one batch of `rows` rows; with `training` it ends in the optimizer's update."""
    with model.backend.record() as program:
        run_step_eagerly(model, feed, rows, training, sums)
    return program


def run_step_eagerly(model: Any, feed: Feed, rows: int, training: bool, sums: Sums) -> None:
    """The launches of a step, now: for layers that cannot be recorded."""
    ops, setup, dtype = model.backend, model._setup, np.dtype(model.dtype)
    for p in model.parameters:
        p.begin_step()
    x = feed.gather(ops, rows, dtype)
    y = feed.gather_target(ops, 0, rows)
    weight = feed.gather_weights(ops, rows, dtype)
    factor = setup.optimizer.scale_loss(1.0) if training else 1.0
    setup.penalties.begin(rows, factor)
    z, pullbacks = run_stages(setup.stages, x, training)
    scale = factor * setup.loss.scale(rows)
    if setup.fused:
        values, gradient, p = setup.loss.record_fused(ops, y, z, weight, scale)
    else:
        values, gradient = setup.loss.record(ops, y, z, weight, scale)
        p = z
    plain = ops.asarray(np.ones(rows, dtype))
    ops.launch(feeding.ACCUMULATE, values, weight, model.rng.step, sums.loss)
    if sums.rows is not None:
        ops.launch(feeding.ACCUMULATE, plain, plain, model.rng.step, sums.rows)
    for i, (metric, target) in enumerate(zip(setup.metrics, feed.metric_targets, strict=True)):
        t = y if target == 0 else feed.gather_target(ops, target, rows)
        ops.launch(feeding.ACCUMULATE, metric.record(ops, t, p), plain, model.rng.step, sums.metrics[i])
    if training:
        first = first_learning(setup.stages)
        for i in range(len(pullbacks) - 1, first - 1, -1):
            gradient = pullbacks[i](gradient, need_dx=i > first) if setup.stages[i].recordable else pullbacks[i](gradient)
        for p in model.parameters:
            p.end_step()
    setup.penalties.weights(training)
    setup.penalties.add_up(rows, model.rng.step, sums.penalties)
    if training:
        size = model.storage.trainable_size
        setup.optimizer.record(ops, model.storage.values[:size], model.storage.gradients[:size])
        setup.penalties.settle(setup.optimizer.rate)
    ops.launch(feeding.ADVANCE, feed.position, model.rng.step, rows, int(training))
