"""How a pass runs a user's own ``train_step`` or ``test_step``: the first of a kind as it is written, the second recorded, later ones
replayed; or each as it is written, where a recording cannot do what it does."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpunn.backend.foreign import on_host
from gpunn.backend.traced import Later, NotRecorded, writing
from gpunn.kernels import data as feeding
from gpunn.layers.fed import Fed, Recipe
from gpunn.layers.gathered import Gathered, same_numbers
from gpunn.layers.graph import packed
from gpunn.layers.tensor import Block, Tensor, set_tapes
from gpunn.logs import Logs
from gpunn.metrics import Mean, Metric
from gpunn.metrics.base import MeanOfRows
from gpunn.training.again import alike
from gpunn.training.feeds.batches import Batches
from gpunn.training.feeds.loose import LooseBatches
from gpunn.training.own_attributes import attributes, keep
from gpunn.training.own_step import OwnSteps
from gpunn.training.recording import Recording, record, renewed

MOST = 16  # recordings kept at a time for batches of ever new shapes
NOTHING = (0.0, 0.0, -1.0)  # see kernels.data.ACCUMULATE


def own_runs(model: Any, training: bool, feed: Any) -> "OwnRuns | None":
    """The runs of the model's own step, None where it and the loss are the built-in ones. Raises ValueError for what it cannot do."""
    name = "train_step" if training else "test_step"
    if all(getattr(type(model), given) is getattr(OwnSteps, given) for given in (name, "compute_loss")):
        return None
    optimizer = model._setup.optimizer
    if training and getattr(optimizer, "whole_data", False):
        raise ValueError(f"Model {model.name!r}: its own train_step needs an optimizer that goes by batches. Received: {optimizer!r}.")
    if training and optimizer.scale_loss(1.0) != 1.0:
        raise ValueError(f"Model {model.name!r}: with an own train_step losses are not scaled. Received: loss_scale_factor, {optimizer!r}.")
    return (LooseRuns if isinstance(feed, LooseBatches) else OwnRuns)(model, getattr(model, name), feed, training)


class OwnRuns:
    """The steps of one pass over a feed."""

    def __init__(self, model: Any, step: Callable[[Any], Any], feed: Any, training: bool):
        self.model, self.step, self.feed, self.training, self.ops = model, step, feed, training, model.backend
        self._known: dict[Any, Recording | str | None] = {}  # by rows of a batch; None: it ran once
        self._labels: dict[int, list[tuple[list[Recipe], int]]] = {}  # by rows: those who check labels, and which target these are
        self._finite = self.ops.asarray(np.array(NOTHING))  # losses that are tensors
        self._last: Callable[[], Any] = dict
        self._bad: int | None = None

    # ------------------------------------------------------------------ what a pass asks
    def reset(self) -> None:
        """Begin all that is tracked anew: the loss, the metrics of compile, and those that the model keeps as attributes or lists."""
        model = self.model
        model._tracker = model._tracker or Mean("loss")
        listed = getattr(model, "metrics", None)
        kept = [*vars(model).values(), *(listed if isinstance(listed, (list, tuple)) else ())]
        for metric in {id(m): m for m in (*kept, *model._setup.metrics) if isinstance(m, Metric)}.values():
            metric.reset_state()
        self.ops.write(self._finite, np.array(NOTHING))
        self._last, self._bad = dict, None

    def forget(self) -> None:
        """What was recorded no longer holds."""
        self._known.clear()

    def refilled(self) -> None:
        """There are other rows."""
        for rows, known in self._known.items():
            if isinstance(known, Recording):
                self._known[rows] = self._checked(known, rows)

    def logs(self) -> Logs:
        """What the last step returned. Raises ValueError for what are no numbers by name."""
        return _numbers(self.model, self.step, self._last())

    @property
    def bad_step(self) -> int | None:
        """The number of the first step whose loss was not finite."""
        found = [self._bad, self.ops.to_numpy(self._finite)[2]]
        for known in self._known.values():
            loss = known.out.get("loss") if isinstance(known, Recording) else None
            if isinstance(loss, Later) and isinstance(loss.owner, (Mean, MeanOfRows)):
                found.append(loss.owner.state()[2])
        return min((int(n) for n in found if n is not None and n >= 0), default=None)

    def run(self, rows: int, steps: int) -> None:
        """So many steps, on the feed's next batches."""
        while steps:
            found = self._recording(rows)
            if found is None:
                self._run_written(rows)
                steps -= 1
                continue
            before, self._last = found.runs, found.result
            try:
                found.run(steps)
            except NotRecorded as error:  # before a step, which is there still
                self._known[self._key(rows)] = str(error)
            steps -= found.runs - before

    def explain(self, rows: int) -> tuple[bool, list[str]]:
        """Whether a step is recorded, and what it runs, or why it is not."""
        found = self._record(rows)
        if isinstance(found, str):
            return False, [f"Not recorded: {self.step.__name__} runs as it is written: {found}."]
        return True, [f"Nodes: {len(found.program.nodes)}", *(f"  {line}" for line in found.program.describe())]

    # ------------------------------------------------------------------ one step
    def _run_written(self, rows: int) -> None:
        number = int(self.ops.to_numpy(self.model.rng.step)[0])
        found = self._call(rows, lambda part: on_host(part, self.ops), Block())  # what is written for NumPy's arrays runs on them
        self._advance(rows)
        logs = _numbers(self.model, self.step, found)
        self._last = lambda: logs
        if self._bad is None and not math.isfinite(logs.get("loss", 0.0)):
            self._bad = number

    def _call(self, rows: int, seen: Callable[[Any], Any], block: Block) -> Any:
        """The step on a batch that is gathered, each part of it as the step is to see it."""
        model = self.model
        model.lend()
        for p in model.parameters:
            p.begin_step()
        model._setup.penalties.begin(rows)
        data, given = self._data(rows, seen)
        model.calls_in_step, model._given_here = 0, frozenset(map(id, given))
        set_tapes((block,))
        try:
            with writing():
                return self.step(data)
        finally:
            set_tapes(())
            model.calls_in_step, model._given_here = None, frozenset()

    def _data(self, rows: int, seen: Callable[[Any], Any]) -> tuple[Any, list[Any]]:
        """The batch for the step, and what of it is as the losses take it already."""
        model, ops, feed = self.model, self.ops, self.feed
        xs = [seen(x) for x in feed.gather_inputs(ops, rows, np.dtype(model.dtype))]
        x: Any = dict(zip(model.input_names, xs, strict=True)) if isinstance(model._input, dict) else xs if len(xs) > 1 else xs[0]
        ys = [seen(feed.gather_target(ops, place, rows)) for place in feed.loss_targets]
        weights = [feed.gather_weights(ops, rows, k) for k in range(len(model._setup.heads))]
        weights = [None if w is None else seen(w) for w in weights]
        data: Any = (x, ys if len(ys) > 1 else ys[0])
        if model._without_targets:
            several = isinstance(x, list) and (len(x) == 2 or not isinstance(feed, Batches))  # a data set's batch of three comes as it is
            data = (x,) if several else x  # not x, y and weights
        elif any(w is not None for w in weights):
            data = (*data, weights if len(weights) > 1 else weights[0])
        return data, [a for a in (*ys, *weights) if a is not None]

    def _advance(self, rows: int) -> None:
        self.ops.launch(feeding.ADVANCE, self.feed.position, self.model.rng.step, rows, int(self.training))

    # ------------------------------------------------------------------ recording
    def _key(self, rows: int) -> Any:
        """By which a recording is looked up."""
        return rows

    def _recording(self, rows: int) -> Recording | None:
        """What can be replayed now."""
        key = self._key(rows)
        if key not in self._known:
            self._known[key] = None
            return None
        known = self._known[key]
        if self.model.run_eagerly or isinstance(known, str):
            return None
        if known is None or not known.holds():
            known = self._known[key] = renewed(known, lambda: self._record(rows))
        return known if isinstance(known, Recording) else None

    def _record(self, rows: int) -> Recording | str:
        ops, feed = self.ops, self.feed
        places = [*feed.loss_targets]
        looked = [feed.look(ops, x, rows, feed.orders.get(i)) for i, x in enumerate(feed.xs)]
        looked += [feed.look(ops, a, rows) for a in (*(feed.targets[k] for k in places), *feed.row_weights) if a is not None]
        parts: list[Gathered] = []

        def seen(part: Any) -> Gathered:
            parts.append(Gathered(part, ops, looked[len(parts)].astype(part.dtype).reshape(part.shape)))
            return parts[-1]

        found = self._recorded(rows, seen)
        if isinstance(found, str):
            return found
        found.program.repeated = self.training and rows == feed.batch
        labels = zip(parts[len(feed.xs) :], places, strict=False)
        self._labels[rows] = [(part.checks, k) for part, k in labels if part.checks and feed.targets[k].dtype == np.int32]
        if self._labels[rows] and not feed.complete:
            found.trace.before.append(lambda: self._check_next(rows))
        return self._checked(found, rows)

    def _recorded(self, rows: int, seen: Callable[[Any], Any], fed: Sequence[Fed] = ()) -> Recording | str:
        """A recording of a step on such a batch, each part of it as the step is to see it; or why there is none."""
        model, ops, block, number = self.model, self.ops, Block(), self.model.rng.step

        def step() -> Any:
            found = self._call(rows, seen, block)
            if isinstance(found, dict) and isinstance(loss := found.get("loss"), Tensor):
                each = loss.array.reshape(-1)
                ops.launch(feeding.ACCUMULATE, each, ops.asarray(np.ones(each.size, each.dtype)), number, self._finite)
            self._advance(rows)
            if not alike(before, attributes(model)):
                raise NotRecorded("sets attributes of the model")
            return found

        before, put_back = attributes(model), keep(model)
        found = record(step, self.step, ops, block, fed, number, lambda: attributes(model))
        if isinstance(found, str):  # the step will run after all, and set them itself
            put_back()
        return found

    def _check_next(self, rows: int) -> None:
        for checks, place in self._labels[rows]:
            _check(checks, self.feed.look(self.ops, self.feed.targets[place], rows))

    def _checked(self, found: Recording, rows: int) -> Recording | str:
        """The recording, where all labels are there and those who take them take them as they are; or why it is none. Raises ValueError for
        labels that are refused."""
        if self.feed.complete:
            for checks, place in self._labels[rows]:
                labels = self.ops.to_numpy(self.feed.targets[place])
                if labels.ndim == 1:  # one is checked like the other
                    kinds = np.unique(labels)
                    labels = np.resize(kinds, -(-kinds.size // rows) * rows)
                try:
                    for end in range(rows, len(labels) + rows, rows):
                        end = min(end, len(labels))
                        _check(checks, labels[end - rows : end])
                except NotRecorded as error:
                    return str(error)
        return found


class LooseRuns(OwnRuns):
    """Steps on items whose parts have not one number of rows: each part is an argument, as of a `gpunn.function`."""

    def _key(self, rows: int) -> Any:
        return self.feed.current.form

    def _data(self, rows: int, seen: Callable[[Any], Any]) -> tuple[Any, list[Any]]:
        item = self.feed.current
        return packed(item.data, map(seen, item.arrays)), []

    def _recording(self, rows: int) -> Recording | None:
        found = super()._recording(rows)
        if found is not None:
            found.fill(self.feed.current.arrays)
        self._known[self._key(rows)] = self._known.pop(self._key(rows))
        if len(self._known) > MOST:
            self._known.pop(next(iter(self._known)))
        return found

    def _record(self, rows: int) -> Recording | str:
        fed = [Fed(a, self.ops) for a in self.feed.current.arrays]
        waiting = iter(fed)
        return self._recorded(rows, lambda _: next(waiting), fed)


def _check(checks: list[Recipe], labels: np.ndarray) -> None:
    for check in checks:
        same_numbers(check, labels)


def _numbers(model: Any, step: Any, found: Any) -> Logs:
    try:
        return Logs({str(name): float(value) for name, value in found.items()})
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"Model {model.name!r}: {step.__name__} must return a dict of numbers by name, {{'loss': ...}}. Received: {found!r}."
        ) from error
