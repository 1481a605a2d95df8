"""Epochs over recorded steps. The host looks at the device only between chunks of steps, and reads sums at an epoch's end."""

import weakref
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np

from gpunn.backend.errors import DeviceMemoryError
from gpunn.logs import LazyLogs, Logs
from gpunn.printed import warn
from gpunn.results import plain
from gpunn.training.data import Rows
from gpunn.training.door import check_batches
from gpunn.training.feeds.batches import MOST, Batches
from gpunn.training.feeds.choice import make
from gpunn.training.own_runs import own_runs
from gpunn.training.pace import Pace
from gpunn.training.step import OWN, SUMS, Measure, Sums, record_step, run_step_eagerly


class _Pass:
    """One data set, cut into whole batches and a short last one, with its sums on the device.

    ``sums``, one after the other: of each loss its own, and that of the short batch, where batches are added up apart; the number of rows;
    penalties; and what each metric owns.
    """

    training = False

    def __init__(self, model: Any, rows: Any, batch_size: int, feed: Any = None):
        self.model, self.ops = model, model.backend
        self.feed = make(self.ops, rows, batch_size) if feed is None else feed
        check_batches(model, self.feed)
        self.batch, self.rest, self.count = self.feed.batch, self.feed.rest, self.feed.count
        self.heads, self.measured, self._names = list(model._setup.heads), list(model._setup.measured), model._setup.names[1:]
        self.apart = any(head.loss.apart for head in self.heads)
        shapes = model.output_shapes(rows.row_shape)
        self.by_batch = isinstance(self.feed, Batches) and any(len(shapes[head.index]) > 2 for head in self.heads)  # of several lengths
        self._taken = [shapes[head.index][1:] for head in self.heads]
        first = OWN * len(self.heads) + 2
        self._fresh = np.concatenate([*[[0.0, 0.0, -1.0]] * first, *(m.fresh() for _, _, m in self.measured)])
        self.sums = self.ops.zeros(self._fresh.shape, "float64")
        self.own = own_runs(model, self.training, self.feed)
        self.reset()
        self._ends = np.cumsum([SUMS] * first + [m.size for _, _, m in self.measured])[:-1]
        self._programs: dict[int, Any] = {}
        self._kept: dict[int, Any] = {}  # (position, programs) by the position's id: of arrays that the feed had before
        self._held: tuple[Any, ...] = (None, None, None)  # storage, feed's arrays and the rate's form when they were recorded
        self.bad_step: int | None = None
        self.pace = Pace()

    def step(self, rows: int, steps: int) -> None:
        self._forget()
        for portion in self.model.optimizer.portions(steps) if self.training else (steps,):
            self._run(rows, portion)

    def _forget(self) -> bool:
        """Let go of recorded steps that no longer hold. -> whether there was something to let go of."""
        self.model._follow_flags()  # a callback may have frozen a layer, or trained another model that shares one
        held = (self.model.storage, self.feed.position, self.model.optimizer.form)
        if all(a is b for a, b in zip(self._held, held, strict=True)):
            return False
        if self.own is not None:
            self.own.forget()
        if self._held[0] is held[0] and self._held[2] is held[2]:  # other arrays of the feed, which may come back
            self._kept[id(self._held[1])] = self._held[1], self._programs
            self._programs = self._kept.pop(id(held[1]), (None, {}))[1]
            if len(self._kept) > MOST:
                self._kept.pop(next(iter(self._kept)))
        else:  # moved by another pass or a callback; or another schedule
            self._programs.clear()
            self._kept.clear()
        self._held = held
        return True

    def _run(self, rows: int, steps: int) -> None:
        if self.own is not None:
            self.own.run(rows, steps)
            return
        if rows not in self._programs and not (self.model.recordable and self.model._setup.recordable):
            for _ in range(steps):
                run_step_eagerly(self.model, self.feed, rows, self.training, self._places(rows))
            return
        try:
            self.record(rows).run(steps)
            return
        except DeviceMemoryError as error:
            asked, free = error.asked, error.free
        # out of the handler: what was recorded so far is free again
        self._programs.pop(rows, None)
        raise DeviceMemoryError(asked, free, self.ops.name, f"{self._smaller(rows)} The model is as it was.")

    def _smaller(self, rows: int) -> str:
        """In words, a batch whose step can be recorded."""
        wanted, rows = rows, rows // 2
        while rows:
            try:
                record_step(self.model, self.feed, rows, self.training, self._places(rows))
                return f"A step of {wanted} rows does not fit; a batch_size of {rows} does."
            except DeviceMemoryError:
                rows //= 2
        return f"A step of {wanted} rows does not fit, nor does one of a single row."

    def record(self, rows: int) -> Any:
        """The program of a batch of `rows` rows, recorded once."""
        if rows not in self._programs:
            self._programs[rows] = record_step(self.model, self.feed, rows, self.training, self._places(rows))
        return self._programs[rows]

    def _split(self, sums: Any) -> list[Any]:
        return [sums[start:end] for start, end in zip([0, *self._ends], [*self._ends, len(sums)], strict=True)]

    def _places(self, rows: int) -> Sums:
        if self.apart and not self.by_batch and rows not in (self.batch, self.rest):
            if self.rest:
                sizes = f"{self.batch}, {self.rest} and {rows}"
                raise ValueError(f"A loss that is summed over batches takes batches of two sizes at most. Received: {sizes} rows.")
            self.rest = rows
        losses, count, penalties, own = self._parts(self.sums)
        off = rows != self.batch and not self.by_batch
        places = [short if off and head.loss.apart else whole for head, (whole, short) in zip(self.heads, losses, strict=True)]
        counted = self.by_batch or any(head.loss.apart or self._reweighs(k) for k, head in enumerate(self.heads))
        metrics = [Measure(m, k, weighted, s) for (k, weighted, m), s in zip(self.measured, own, strict=True)]
        return Sums(places, metrics, penalties, count if counted else None, self._taken, self.by_batch)

    def _parts(self, sums: Any) -> tuple[list[tuple[Any, Any]], Any, Any, list[Any]]:
        """(those of each loss, of rows, of penalties, of each metric)."""
        every, n = self._split(sums), OWN * len(self.heads)
        return list(zip(every[:n:2], every[1:n:2], strict=True)), every[n], every[n + 1], every[n + 2 :]

    def _reweighs(self, k: int) -> bool:
        """Whether values of a loss count by weights, the sum of which is not the number of rows."""
        return self.heads[k].loss.reweighs or self.feed.row_weights[k] is not None or self.model._setup.plan.masks

    def _factor(self, k: int, rows: int) -> float:
        """What a loss's summed values of a batch of so many rows are multiplied by: its loss, once for each row."""
        loss = self.heads[k].loss
        return rows * loss.scale(loss.count((rows, *self._taken[k])))

    def reset(self) -> None:
        self.ops.write(self.sums, self._fresh)
        if self.own is not None:
            self.own.reset()
        for _, _, metric in self.measured:
            if metric.on_host:
                metric.reset_state()

    def logs(self, sums: Any = None) -> Logs:
        """Means over rows since the last reset, as Keras's trackers reckon them: one read, or none where the `sums` are on the host."""
        if self.own is not None:
            self.bad_step = self.own.bad_step
            return self.own.logs()
        losses, count, penalties, own = self._parts(self.ops.to_numpy(self.sums) if sums is None else sums)
        means = []
        for k, (head, (whole, short)) in enumerate(zip(self.heads, losses, strict=True)):
            total, weight = whole[0], whole[1]
            if self.by_batch:
                weight = count[1]
            elif head.loss.apart:  # the mean of the batches' losses, each weighted by its rows
                total, weight = total * self._factor(k, self.batch) + short[0] * self._factor(k, self.rest), count[1]
            elif self._reweighs(k):  # Keras divides by the number of rows, whatever their weights
                total, weight = total * self._factor(k, self.batch), count[1]
            means.append(float(total / weight if weight else 0.0))
        penalty = float(penalties[0] / penalties[1]) if penalties[1] else 0.0
        out = Logs(loss=sum(head.weight * mean for head, mean in zip(self.heads, means, strict=True)) + penalty)
        each = len(means) if len(means) > 1 else 0
        out.update(zip(self._names[:each], means[:each], strict=True))
        for name, (_, _, metric), sums in zip(self._names[each:], self.measured, own, strict=True):
            if not metric.on_host:
                metric.sums = sums.copy()
            out[name] = plain(metric.result())
        bad = [int(s[2]) for s in (*(s for pair in losses for s in pair), penalties) if s[2] >= 0]
        self.bad_step = min(bad) if bad else None
        return out

    def refill(self, rows: Rows) -> None:
        """Other rows of the same shapes, from the start."""
        self.feed.refill(rows)
        if self.own is not None:
            self.own.refilled()
        self.reset()


class Training(_Pass):
    """The epochs of one `fit`. With `steps` given an epoch has so many batches and the next one goes on behind them, as in Keras."""

    training = True

    def __init__(self, model: Any, rows: Any, batch_size: int, shuffle: Any, steps: int | None = None, feed: Any = None):
        super().__init__(model, rows, batch_size, feed)
        self.shuffle, self.steps = shuffle, steps or self.count
        self._given = [self.feed.rows, self.batch, self.steps, shuffle]  # what `fit` was told; the batch may change epoch by epoch
        self._next = 0  # batch of the data set with which the epoch begins
        self.done = 0  # batches of the epoch that have run

    def begin(self) -> None:
        """As a new `fit` finds it."""
        self._next = self.done = 0
        self.resize(self._given[1])

    def resize(self, batch: int | None) -> None:
        """Epochs from here on have batches of so many rows; None: as they are. A step of each size is recorded once.

        Raises ValueError where an epoch is not a whole pass over arrays.
        """
        if batch is None or min(batch, self.feed.rows or batch) == self.batch:
            return
        if self.steps != self.count:
            raise ValueError(f"With steps_per_epoch={self.steps} epochs do not begin with the data: the batch size cannot change.")
        self.feed.resize(batch)
        self.batch, self.rest, self.count = self.feed.batch, self.feed.rest, self.feed.count
        self.steps = self.count
        if self.apart:
            self._programs.clear()  # they add up a whole batch and a short one apart, each by its size

    def epoch(self, chain: Any) -> Logs:
        """One epoch; -> its mean loss and metrics. Batch callbacks are called after each step only when there are any."""
        model = self.model
        if self.done == 0:  # else a backup from within an epoch was put back
            if self._next == 0:
                self.feed.begin(model.rng.seed, model.epochs_seen, self.shuffle)
                model.epochs_seen += 1
            self.reset()
        with closing(self.feed.pieces(self._next + self.done, None if self.steps is None else self.steps - self.done)) as pieces:
            for rows, left in pieces:
                while left and not model.stop_training:
                    if chain.every_batch:
                        chain.on_train_batch_begin(self.done)
                    n = self.pace.run(partial(self.step, rows), left, chain.batches_left)
                    self.done, left = self.done + n, left - n
                    if chain.every_chunk:
                        _offer(self.logs, partial(chain.on_train_batch_end, self.done - 1))
                if model.stop_training:
                    break
        if self.steps is not None and self.done < self.steps and not model.stop_training:
            warn(
                f"Your input ran out of data: this epoch has {self.done} batches. Expected steps_per_epoch * epochs batches in all. "
                f"Received: steps_per_epoch={self.steps} and {self.count} batches of {self.batch} rows."
            )
        logs = self.logs()
        if self.bad_step is not None:
            self.bad_step -= int(self.ops.to_numpy(model.rng.step)[0]) - self.done
        self._next, self.done = 0 if self.count is None else (self._next + self.done) % self.count, 0
        return logs

    # ------------------------------------------------------------------ for a backup
    def place(self) -> dict[str, Any]:
        """Where the training stands: its batch in the data, and the sums of the epoch so far."""
        return {"next": self._next, "done": self.done, "sums": self.ops.to_numpy(self.sums), "data": self._given}

    def check_place(self, place: dict[str, Any]) -> None:
        """Raises ValueError where a place in the midst of a pass over the data belongs to another `fit`."""
        data = self._given
        if (place["next"] or place["done"]) and (place["data"] != data or place["sums"].shape != self.sums.shape):
            raise ValueError(f"expected a fit with rows, batch_size, steps an epoch and shuffle {place['data']}. Received: {data}.")

    def set_place(self, place: dict[str, Any]) -> None:
        """Go on from a place; the model's random state is that of then."""
        self._next, self.done = place["next"], place["done"]
        if self._next or self.done:
            self.feed.begin(self.model.rng.seed, self.model.epochs_seen - 1, self.shuffle)
            self.ops.write(self.sums, place["sums"])

    def once(self) -> Logs:
        """One step on the rows as they are."""
        self.step(self.batch, 1)
        return self.logs()


class Evaluation(_Pass):
    """Loss and metrics over a data set, without training; over the first `steps` batches where given."""

    def __init__(self, model: Any, rows: Any, batch_size: int, steps: int | None = None, feed: Any = None):
        super().__init__(model, rows, batch_size, feed)
        self.steps = steps if self.count is None else min(steps or self.count, self.count)

    def run(self, chain: Any = None) -> Logs:
        self.feed.begin(0, 0, False)
        self.reset()
        done = 0
        with closing(self.feed.pieces(0, self.steps)) as pieces:
            for rows, left in pieces:
                while left:
                    if single := chain is not None and chain.test_batches:
                        chain.on_test_batch_begin(done)
                    n = self.pace.run(partial(self.step, rows), 1 if single else left)
                    done, left = done + n, left - n
                    if chain is not None and chain.test_chunks:
                        _offer(self.logs, partial(chain.on_test_batch_end, done - 1))
        return self.logs()


def _offer(read: Callable[[], Logs], hook: Callable[[Logs], None]) -> None:
    """Call a batch hook with logs that are read when somebody looks, or has kept them to look when the next step will have run."""
    logs = LazyLogs(read)
    kept = weakref.ref(logs)
    hook(logs)
    del logs
    if (still := kept()) is not None:
        still.fill()
