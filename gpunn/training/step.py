"""Recording one step of a model as a program: gather, forward, loss, backward, update, counters."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunn.kernels import data as feeding
from gpunn.kernels.weighing import TAKE
from gpunn.training.feeds.base import Feed

SUMS = 3  # weighted total, weight, first bad step: see kernels.data.ACCUMULATE
OWN = 4  # of these a step has: its loss, that of a short batch apart, rows, penalties


@dataclass
class Measure:
    """A metric, whether it is weighted, and its sums."""

    metric: Any
    weighted: bool
    sums: Any


@dataclass
class Sums:
    """Where a step adds up: its loss, each metric, penalties, and the number of rows (None where it is not asked for)."""

    loss: Any
    metrics: list[Measure]
    penalties: Any
    rows: Any


def spread(ops: Any, weight: Any, rows: int, count: int, dtype: Any) -> Any:
    """Weights of rows (or None: ones) as one for each of `count` values, as many a row."""
    if weight is None:
        return ops.asarray(np.ones(count, dtype))
    if weight.size == count:
        return weight
    out = ops.empty((count,), weight.dtype)
    ops.launch(TAKE, weight, ops.asarray(np.repeat(np.arange(weight.size, dtype=np.int32), count // max(weight.size, 1))), out)
    return out


def run_stages(stages: Sequence[Any], x: Any, training: bool) -> tuple[Any, list[Any]]:
    """-> (output, pullbacks). A mask of steps goes along as far as the layers pass it on."""
    pullbacks, mask = [], None
    for stage in stages:
        seen, given = mask, x
        mask = stage.layer.compute_mask(given, seen)
        x, pullback = stage.forward(given, training, seen)
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
    weight, loss = feed.gather_weights(ops, rows), setup.loss
    factor = setup.optimizer.scale_loss(1.0) if training else 1.0
    setup.penalties.begin(rows, factor)
    z, pullbacks = run_stages(setup.stages, x, training)
    weighed = loss.weigh(ops, y, spread(ops, weight, rows, rows * loss.positions(z.shape), dtype))
    scale = factor * loss.scale(loss.count(z.shape))
    if setup.fused:
        values, gradient, p = loss.record_fused(ops, y, z, weighed, scale)
    else:
        values, gradient = loss.record(ops, y, z, weighed, scale)
        p = z
    ops.launch(feeding.ACCUMULATE, values, weighed, model.rng.step, sums.loss)
    if sums.rows is not None:
        plain = ops.asarray(np.ones(rows, dtype))
        ops.launch(feeding.ACCUMULATE, plain, plain, model.rng.step, sums.rows)
    add_metrics(model, feed, rows, y, p, weight, sums)
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


def add_metrics(model: Any, feed: Feed, rows: int, y: Any, p: Any, weight: Any, sums: Sums) -> None:
    """Each metric of a batch into its sums. `y` is the loss's target, `p` the model's output."""
    ops, count = model.backend, math.prod(p.shape[:-1])
    targets, spreads = {0: y}, {}
    for measure, target in zip(sums.metrics, feed.metric_targets, strict=True):
        if target not in targets:
            targets[target] = feed.gather_target(ops, target, rows)
        metric, own = measure.metric, weight if measure.weighted else None
        metric.weighted = own is not None
        if metric.on_host:
            given = None if own is None else ops.to_numpy(own).reshape(rows, -1)
            metric.update_state(ops.to_numpy(targets[target]), ops.to_numpy(p), given)
            continue
        if metric.weighted not in spreads:
            spreads[metric.weighted] = spread(ops, own, rows, count, p.dtype)
        metric.accumulate(ops, targets[target], p, spreads[metric.weighted], measure.sums, model.rng.step)
