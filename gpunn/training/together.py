"""Epochs of several replicas at once: passes over the same rows, each in an order of its own, their steps run as one program."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gpunn.logs import Logs
from gpunn.training.feeds.choice import make
from gpunn.training.feeds.resident import Resident
from gpunn.training.loop import Evaluation, Training
from gpunn.training.pace import Pace


class Together:
    """Passes of one kind, one a replica, made by ``make_pass(model, feed)``.

    Raises ValueError for rows that are not all on the device. ``stack``: of the models' backend, with a place for each.
    """

    def __init__(self, stack: Any, models: Sequence[Any], rows: Any, batch: int, make_pass: Callable[[Any, Any], Any]):
        feed = make(stack.ops, rows, batch)
        if not isinstance(feed, Resident):
            raise ValueError(f"Replicas train on rows that are all in memory of the device. Received: a {type(feed).__name__} feed.")
        self.stack, self.passes = stack, []
        section = stack.section()
        for r, model in enumerate(models):
            with section(r):
                self.passes.append(make_pass(model, feed.twin()))
        self._programs: dict[int, Any] = {}
        self.pace = Pace()

    def chosen(self, stack: Any, kept: Sequence[int]) -> Any:
        """The same with some of the replicas, where these may stay where they are."""
        other = object.__new__(type(self))
        other.stack, other.passes, other._programs, other.pace = stack, [self.passes[r] for r in kept], {}, self.pace
        return other

    def _run(self, steps: int | None = None) -> None:
        """The batches of a pass, from the first, on; the host is free to look between chunks."""
        moved = [p._forget() for p in self.passes]  # of every one
        if any(moved):
            self._programs.clear()
        for pieces in zip(*[p.feed.pieces(0, steps) for p in self.passes], strict=True):
            rows, left = pieces[0]
            while left:
                left -= self.pace.run(partial(self._step, rows), left)

    def _step(self, rows: int, steps: int) -> None:
        program = self.record(rows)
        for portion in self._portions(steps):
            program.run(portion)

    def _portions(self, steps: int) -> Any:
        yield steps

    def record(self, rows: int) -> Any:
        """The program of a batch of `rows` rows of every replica."""
        if rows not in self._programs:
            section, programs = self.stack.section(), []
            for r, p in enumerate(self.passes):
                with section(r):
                    programs.append(p.record(rows))
            self._programs[rows] = self.stack.program(programs)
        return self._programs[rows]

    def logs(self) -> list[Logs]:
        """Of each replica."""
        read = self.stack.read([p.sums for p in self.passes])
        return [p.logs(sums) for p, sums in zip(self.passes, read, strict=True)]


class Trainings(Together):
    """The epochs of a joint `fit`."""

    def __init__(self, stack: Any, models: Sequence[Any], rows: Any, batch: int, shuffle: Any):
        super().__init__(stack, models, rows, batch, lambda model, feed: Training(model, rows, batch, shuffle, feed=feed))

    def _portions(self, steps: int) -> Any:
        for each in zip(*[p.model.optimizer.portions(steps) for p in self.passes], strict=True):
            yield each[0]

    def epoch(self) -> list[Logs]:
        """One epoch of each replica; -> its mean loss and metrics."""
        passes = self.passes
        if passes[0].shuffle:
            def order(r: int) -> Any:
                model = passes[r].model
                return passes[r].feed.order_of(model.rng.seed, model.epochs_seen, passes[r].shuffle)

            on_host = passes[0].feed.ordered_on_host
            for p, found in zip(passes, self.stack.each(order) if on_host else map(order, range(len(passes))), strict=True):
                p.ops.write(p.feed.order, found)
        for p in passes:
            p.model.epochs_seen += 1
            p.reset()
        self._run()
        logs = self.logs()
        for p in passes:
            if p.bad_step is not None:
                p.bad_step -= int(p.ops.to_numpy(p.model.rng.step)[0]) - p.steps
        return logs


class Evaluations(Together):
    """Losses and metrics of the replicas over the same rows."""

    def __init__(self, stack: Any, models: Sequence[Any], rows: Any, batch: int):
        super().__init__(stack, models, rows, batch, lambda model, feed: Evaluation(model, rows, batch, feed=feed))

    def run(self) -> list[Logs]:
        for p in self.passes:
            p.feed.begin(0, 0, False)
            p.reset()
        self._run()
        return self.logs()
