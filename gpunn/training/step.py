"""Recording one step of a model as a program: gather, forward, loss, backward, update, counters."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunn.kernels import data as feeding
from gpunn.kernels.weighing import TAKE, WEIGH
from gpunn.losses.targets import beside
from gpunn.metrics import MeanOfRows
from gpunn.ops.expression import scaled
from gpunn.training.feeds.base import Feed

SUMS = 3  # weighted total, weight, first bad step: see kernels.data.ACCUMULATE
OWN = 2  # of these each loss of a step has: its sums, and those of a short batch apart; and a step has two more, of rows and penalties


@dataclass
class Measure:
    """A metric, the number of the loss it goes with, whether it is weighted, and its sums."""

    metric: Any
    head: int
    weighted: bool
    sums: Any


@dataclass
class Sums:
    """Where a step adds up: its losses, each metric, penalties, and the number of rows (None where it is not asked for). ``taken``: the
    shape of a row of each loss's output, which the step writes as the loss took it. ``by_batch``: whether the sums of a loss are those of
    the batches' losses, once for each row, as batches whose rows have several lengths need it."""

    losses: list[Any]
    metrics: list[Measure]
    penalties: Any
    rows: Any
    taken: list[tuple[int, ...]]
    by_batch: bool = False

    @property
    def loss(self) -> Any:
        """Of the first loss."""
        return self.losses[0]


def spread(ops: Any, weight: Any, rows: int, count: int, dtype: Any) -> Any:
    """Weights of rows (or None: ones) as one for each of `count` values, as many a row."""
    if weight is None:
        return ops.asarray(np.ones(count, dtype))
    if weight.size == count:
        return weight
    out = ops.empty((count,), weight.dtype)
    ops.launch(TAKE, weight, ops.asarray(np.repeat(np.arange(weight.size, dtype=np.int32), count // max(weight.size, 1))), out)
    return out


def masked(ops: Any, weight: Any, mask: Any, reduction: str | None) -> Any:
    """Weights where the mask is 1, else 0; of a mean so that the masked values do not count: times all values over those left (Keras)."""
    if mask is None:
        return weight
    out, mean = ops.empty(weight.shape, weight.dtype), reduction in ("mean", "sum_over_batch_size")
    ops.launch(WEIGH, weight, spread(ops, mask.reshape(-1), mask.shape[0], weight.size, weight.dtype), int(mean), 0, out)
    return out


def as_taken(loss: Any, output: Any, y: Any, mask: Any = None) -> tuple[Any, Any]:
    """An output and its targets as their loss takes them: with as many axes as the targets have, or, where a mask tells its steps apart,
    as the output has."""
    shape = beside(y.shape, output.shape, loss.squeezes)
    return (output.reshape(shape), y) if mask is None or shape == output.shape else (output, y.reshape(output.shape))


def record_step(model: Any, feed: Feed, rows: int, training: bool, sums: Sums) -> Any:
    """The program of one batch of `rows` rows; with `training` it ends in the optimizer's update."""
    with model.backend.record() as program:
        run_step_eagerly(model, feed, rows, training, sums)
    program.repeated = training and rows == feed.batch
    return program


def run_step_eagerly(model: Any, feed: Feed, rows: int, training: bool, sums: Sums) -> None:
    """The launches of a step, now: for layers that cannot be recorded."""
    ops, setup, dtype = model.backend, model._setup, np.dtype(model.dtype)
    model.lend()
    for p in model.parameters:
        p.begin_step()
    xs = feed.gather_inputs(ops, rows, dtype)
    ys = [feed.gather_target(ops, place, rows) for place in feed.loss_targets]
    weights = [feed.gather_weights(ops, rows, k) for k in range(len(setup.heads))]
    factor = setup.optimizer.scale_loss(1.0) if training else 1.0
    stages, penalties, fused = setup.of_step(training)
    penalties.begin(rows, factor)
    run = stages.run(xs, training)
    gradients: list[Any] = [None] * len(run.outputs)
    predictions = []
    for k, (head, y, weight) in enumerate(zip(setup.heads, ys, weights, strict=True)):
        whole, loss, mask = run.outputs[head.index], head.loss, run.masks[head.index]
        if whole.shape[:1] != (rows,):
            raise ValueError(f"Output {head.name!r}: a loss takes a row for each of the batch's {rows}. Received: shape {whole.shape}.")
        z, y = as_taken(loss, whole, y, mask)
        sums.taken[k] = z.shape[1:]
        each = masked(ops, spread(ops, weight, rows, rows * loss.positions(z.shape), dtype), mask, loss.reduction)
        weighed = loss.weigh(ops, y, each)
        scale = factor * head.weight * loss.scale(loss.count(z.shape))
        if fused[k]:
            values, gradient, p = loss.record_fused(ops, y, z, weighed, scale)
        else:
            (values, gradient), p = loss.record(ops, y, z, weighed, scale), z
        gradients[head.index] = gradient.reshape(whole.shape)
        predictions.append(p.reshape(whole.shape))
        counts = scaled(ops, weighed, rows * loss.scale(loss.count(z.shape))) if sums.by_batch else weighed
        ops.launch(feeding.ACCUMULATE, values, counts, model.rng.step, sums.losses[k])
    if sums.rows is not None:
        plain = ops.asarray(np.ones(rows, dtype))
        ops.launch(feeding.ACCUMULATE, plain, plain, model.rng.step, sums.rows)
    masks = [run.masks[head.index] for head in setup.heads]
    add_metrics(model, feed, rows, ys, predictions, weights, masks, sums)
    if training:
        run.backward(ops, gradients)
        for p in model.parameters:
            p.end_step()
    penalties.weights(training)
    penalties.add_up(rows, model.rng.step, sums.penalties)
    if training:
        size = model.storage.trainable_size
        setup.optimizer.record(ops, model.storage.values[:size], model.storage.gradients[:size])
        penalties.settle(setup.optimizer.rate)
    ops.launch(feeding.ADVANCE, feed.position, model.rng.step, rows, int(training))


def add_metrics(
    model: Any, feed: Feed, rows: int, ys: list[Any], predictions: list[Any], weights: list[Any], masks: list[Any], sums: Sums
) -> None:
    """Each metric of a batch into its sums. Lists have an entry for each loss: its target, output, weights, and the output's mask, which
    counts for metrics that are means of rows, as in Keras."""
    ops = model.backend
    targets: dict[int, Any] = dict(zip(feed.loss_targets, ys, strict=True))
    spreads: dict[Any, Any] = {}
    for measure, target in zip(sums.metrics, feed.metric_targets, strict=True):
        if target not in targets:
            targets[target] = feed.gather_target(ops, target, rows)
        k, metric, p = measure.head, measure.metric, predictions[measure.head]
        own = weights[k] if measure.weighted else None
        metric.weighted = own is not None
        if metric.on_host:
            given = None if own is None else ops.to_numpy(own).reshape(rows, -1)
            metric.update_state(ops.to_numpy(targets[target]), ops.to_numpy(p), given)
            continue
        count = math.prod(metric.weighed_shape(p.shape))
        key = (k, metric.weighted, isinstance(metric, MeanOfRows), count)
        if key not in spreads:
            each = spread(ops, own, rows, count, p.dtype)
            spreads[key] = masked(ops, each, masks[k], None) if key[2] else each
        metric.accumulate(ops, targets[target], p, spreads[key], measure.sums, model.rng.step)
