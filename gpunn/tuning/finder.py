"""The learning-rate range test: train a little at ever higher rates, look where the loss falls, put the model back.

L. N. Smith, Cyclical Learning Rates for Training Neural Networks (2017), section 3.3; the suggestion is the point of steepest fall.
"""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunn.callbacks import Callback
from gpunn.callbacks.monitor import number, refuse_schedule, whole

MODES = ("exponential", "linear")


@dataclass
class Phases:
    """Indices into the sweep: the loss falls from ``fall`` on, is lowest at ``lowest``, and rises from ``rise`` on (None: never)."""

    fall: int
    lowest: int
    rise: int | None


class LRFinder:
    """Sweeps the learning rate of a compiled model from `min_lr` to `max_lr`, one batch a rate.

    Arguments: ``model``; ``min_lr``, ``max_lr``; ``steps``, how many rates; ``mode``, "exponential" (equal factors) or "linear" (equal
    steps); ``smoothing``, the weight in [0, 1) of a neighbour's loss in the smoothed curve, its powers of those further off;
    ``stop_factor``: the sweep ends when the loss is not finite, or above `stop_factor` times the lowest so far and well above the first.

    Attributes after `run`: ``learning_rates``, ``losses`` (of each batch), ``smoothed``, as arrays; ``stopped``, whether it ended early.
    Raises ValueError for arguments out of range, a model that is not compiled, or an optimizer whose rate follows a schedule.
    """

    def __init__(
        self, model: Any, min_lr: float = 1e-6, max_lr: float = 10.0, steps: int = 100, mode: str = "exponential", smoothing: float = 0.75,
        stop_factor: float = 4.0,
    ):
        where = "LRFinder"
        self.min_lr, self.max_lr = number("min_lr", min_lr, where, 0.0), number("max_lr", max_lr, where, 0.0)
        if not 0 < self.min_lr < self.max_lr:
            raise ValueError(f"{where}: expected 0 < min_lr < max_lr. Received: min_lr={min_lr!r}, max_lr={max_lr!r}.")
        self.steps, self.smoothing = whole("steps", steps, where, 10), number("smoothing", smoothing, where, 0.0)
        if self.smoothing >= 1:
            raise ValueError(f"{where}: smoothing must be in [0, 1). Received: smoothing={smoothing!r}.")
        self.stop_factor = number("stop_factor", stop_factor, where, 1.0)
        if mode not in MODES:
            raise ValueError(f"{where}: mode must be one of {', '.join(MODES)}. Received: mode={mode!r}.")
        self.model, self.mode, self.stopped = model, mode, False
        self.learning_rates = self.losses = self.smoothed = np.zeros(0)

    # ------------------------------------------------------------------ the sweep
    def run(self, x: Any, y: Any = None, batch_size: int | None = None, **fit: Any) -> "LRFinder":
        """Sweep over batches of this data; other arguments are `fit`'s (sample_weight, class_weight, shuffle). -> itself.

        Afterwards weights, optimizer, random state and history are as before, bit for bit, also where an error ended the sweep.
        """
        from gpunn.models.state import put, take

        model = self.model
        model._need_setup("LRFinder.run")
        refuse_schedule(model, "LRFinder")
        reserved = sorted(set(fit) & {"epochs", "steps_per_epoch", "callbacks", "verbose", "initial_epoch", "nb_epoch"})
        if reserved:
            raise ValueError(f"LRFinder.run sets {', '.join(reserved)} itself.")
        history, stop = model.history, model.stop_training
        if not model.built:
            model.fit(x, y, batch_size=batch_size, epochs=0, verbose=0, **fit)  # builds, and refuses what does not fit
        before = take(model)
        sweep = _Sweep(self._rates(), self._diverged)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "The loss became NaN", RuntimeWarning)
                model.fit(x, y, batch_size=batch_size, epochs=self.steps, steps_per_epoch=1, callbacks=[sweep], verbose=0, **fit)
        finally:
            put(model, before)
            model.history, model.stop_training = history, stop
        self.losses = np.array(sweep.losses)
        self.learning_rates, self.stopped = self._rates()[: len(self.losses)], len(self.losses) < self.steps
        self.smoothed = self._smooth(self.losses)
        return self

    def _rates(self) -> np.ndarray:
        space = np.geomspace if self.mode == "exponential" else np.linspace
        return space(self.min_lr, self.max_lr, self.steps)

    def _diverged(self, losses: list[float]) -> bool:
        if not math.isfinite(losses[-1]):
            return True
        recent = [float(np.median(losses[max(0, i - 2) : i + 1])) for i in range(len(losses))]  # one bad batch is no divergence
        return recent[-1] > self._limit(recent)

    def _limit(self, losses: Any) -> float:
        """The loss above which a sweep has diverged."""
        first, best = float(np.mean(losses[:5])), float(np.min(losses))
        return max(best + (self.stop_factor - 1) * abs(best), first + (first - best) / 2)

    def _smooth(self, losses: np.ndarray) -> np.ndarray:
        """Averages with weights that fall to both sides, so that nothing is shifted; a loss beyond the limit counts as the limit."""
        finite = np.isfinite(losses)
        if not finite.any():
            return losses
        capped = np.where(finite, np.minimum(losses, self._limit(losses[finite])), self._limit(losses[finite]))
        place = np.arange(len(losses))
        weight = self.smoothing ** np.abs(place[:, None] - place)
        return np.asarray(weight @ capped / weight.sum(axis=1))

    # ------------------------------------------------------------------ what it says
    def phases(self) -> Phases:
        """Where the loss falls and where it rises again. Raises ValueError before `run`, and where the loss never falls."""
        if not len(self.losses):
            raise ValueError("LRFinder: call run(x, y) first.")
        s = self.smoothed
        lowest = int(np.argmin(s))
        level = float(np.median(s[: max(3, lowest // 4)]))
        depth = level - float(s[lowest])
        noise = float(np.median(np.abs(np.diff(self.losses[: lowest + 1])))) if lowest else math.inf
        if not depth > max(noise, 0.02 * abs(level)):
            raise ValueError(
                f"LRFinder: the loss never fell between the rates {self.learning_rates[0]:.3g} and {self.learning_rates[-1]:.3g}: "
                "nothing can be suggested. Sweep other rates, or more steps."
            )
        above = np.flatnonzero(s[: lowest + 1] > level - 0.1 * depth)
        behind = np.flatnonzero(s[lowest:] > s[lowest] + 0.25 * depth)
        fall = int(above[-1]) if len(above) else 0
        return Phases(min(fall, lowest - 1), lowest, lowest + int(behind[0]) if len(behind) else None)

    def suggestion(self) -> float:
        """The rate at which the smoothed loss falls fastest: a good first choice. Raises ValueError where it never falls."""
        phases, axis = self.phases(), self._axis()
        slope = np.gradient(self.smoothed, axis)[phases.fall : phases.lowest + 1]
        return float(self.learning_rates[phases.fall + int(np.argmin(slope))])

    def range(self) -> tuple[float, float]:
        """The rates between which the loss falls: bounds for a schedule. Raises ValueError where it never falls."""
        phases = self.phases()
        return float(self.learning_rates[phases.fall]), float(self.learning_rates[phases.lowest])

    def _axis(self) -> np.ndarray:
        return np.log(self.learning_rates) if self.mode == "exponential" else self.learning_rates

    def plot(self, path: Any = None) -> Any:
        """The curve with its phases and the suggestion, as a matplotlib Figure; written to `path` where given."""
        from gpunn.tuning.pictures import range_test

        return range_test(self, path)


class _Sweep(Callback):
    """Sets the next rate before each step and keeps the loss after it; an "epoch" is one batch."""

    def __init__(self, rates: np.ndarray, diverged: Any):
        super().__init__()
        self.rates, self.diverged = rates, diverged
        self.losses: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.model.optimizer.learning_rate = float(self.rates[epoch])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.losses.append(float(logs["loss"]))
        self.model.stop_training = self.diverged(self.losses)


def lr_range_test(
    model: Any, x: Any, y: Any = None, lr_min: float = 1e-6, lr_max: float = 10.0, steps: int = 100, batch_size: int | None = None,
    **fit: Any,
) -> LRFinder:
    """An `LRFinder` that has run over this data. Arguments are its and `fit`'s."""
    return LRFinder(model, lr_min, lr_max, steps).run(x, y, batch_size, **fit)
