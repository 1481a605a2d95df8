"""Watching one training of a study: evaluations and noise at rising distances, with a clock that stands still meanwhile."""

import math
import time
from dataclasses import dataclass, field
from typing import Any

from gpunn.callbacks import Callback
from gpunn.studies.noise import NoiseMeter
from gpunn.training.loop import Evaluation

RATIO = 1.15  # from one evaluation to the next, in steps
NOISE_EVERY = 2  # evaluations


@dataclass
class Point:
    """The model after so many steps: epochs and seconds of training so far, loss and accuracy on the validation rows."""

    step: int
    epoch: float
    seconds: float
    loss: float
    accuracy: float


@dataclass
class Reached:
    """When the target was first seen reached."""

    step: int
    epoch: float
    seconds: float


@dataclass
class Limits:
    """What ends a run: steps, seconds, the target accuracy where ``at_target``."""

    steps: int | None = None
    seconds: float | None = None
    target: float | None = None
    at_target: bool = False


@dataclass
class Trace:
    """What a watch has seen."""

    points: list[Point] = field(default_factory=list)
    reached: Reached | None = None
    diverged: bool = False
    images_per_second: float = math.nan


class Watch(Callback):
    """Evaluates on the validation rows after 1, 2, 3 ... steps, each time RATIO times as many, and at the end of every epoch.

    The clock runs while train steps run, and only then; the first step, which also records the program, counts as long as the next.
    """

    every_batch = False

    def __init__(self, validation: tuple[Any, Any], limits: Limits, size: int, meter: NoiseMeter | None):
        super().__init__()
        self.validation, self.limits, self.size, self.meter = validation, limits, size, meter
        self.trace = Trace()
        self._rows = self._per_epoch = 0
        self._steps = self._base = 0
        self._next = 1
        self._clock = self._since = 0.0
        self._counted = 0  # steps on the clock
        self._evaluation: Any = None
        self._count = 0

    def on_train_begin(self, logs: Any = None) -> None:
        model = self.model
        rows = model._check(*self.validation, None, None, "Watch")
        self._evaluation = Evaluation(model, rows, min(1024, len(rows)))
        self._per_epoch = self.params["steps"]

    # ------------------------------------------------------------------ the clock
    @property
    def seconds(self) -> float:
        return self._clock

    def _pause(self) -> None:
        self.model.backend.synchronize()
        took, ran = time.perf_counter() - self._since, self._steps - self._counted
        if not self._counted:
            self._counted = self._steps  # the first step
            return
        if self._counted == 1 and self._clock == 0:
            self._clock = took / ran
            for point in self.trace.points:
                point.seconds = self._clock
            if self.trace.reached is not None:
                self.trace.reached.seconds = self._clock
        self._clock += took
        self._counted = self._steps

    def _go(self) -> None:
        self._since = time.perf_counter()

    # ------------------------------------------------------------------ hooks
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._base = self._steps
        self._go()

    def batches_left(self) -> int:
        if not self._counted:
            return 1
        ends = [self._next] + ([] if self.limits.steps is None else [self.limits.steps])
        return max(1, min(ends) - self._steps)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._steps = self._base + batch + 1
        self._pause()
        limits = self.limits
        over = (limits.steps is not None and self._steps >= limits.steps) or (
            limits.seconds is not None and self.seconds >= limits.seconds
        )
        if self._steps >= self._next or over:
            self._look()
            self._next = max(self._steps + 1, math.ceil(RATIO * self._steps))
        if over:
            self.model.stop_training = True
        self._go()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if not self.trace.points or self.trace.points[-1].step < self._steps:
            self._look()

    def on_train_end(self, logs: Any = None) -> None:
        if self._clock > 0 and self._steps > 1:
            passes, steps = divmod(self._steps, self._per_epoch)
            rows = passes * self._rows + steps * self.size
            self.trace.images_per_second = rows / self.seconds

    def rows(self, rows: int) -> "Watch":
        """Of the training data."""
        self._rows = rows
        return self

    def _look(self) -> None:
        found = self._evaluation.run()
        loss, accuracy = float(found["loss"]), float(found["accuracy"])
        point = Point(self._steps, self._steps / self._per_epoch, self.seconds, loss, accuracy)
        self.trace.points.append(point)
        if not math.isfinite(loss):
            self.trace.diverged = True
            self.model.stop_training = True
            return
        if self.limits.target is not None and self.trace.reached is None and accuracy >= self.limits.target:
            self.trace.reached = Reached(point.step, point.epoch, point.seconds)
            if self.limits.at_target:
                self.model.stop_training = True
        if self.meter is not None and self._count % NOISE_EVERY == 0:
            self.meter.measure(self._steps)
        self._count += 1
