"""The gradient noise scale: from how many rows on a larger batch no longer saves steps.

S. McCandlish, J. Kaplan, D. Amodei, OpenAI Dota Team (2018), An Empirical Model of Large-Batch Training. The simple noise scale is
tr(Sigma) / |G|^2, with G the gradient over all rows and Sigma the covariance of single rows' gradients.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from gpunn.callbacks import Callback
from gpunn.callbacks.monitor import number, whole
from gpunn.studies.gradients import Gradients


def two_batch(small: int, big: int, of_small: float, of_big: float, rows: int) -> tuple[float, float]:
    """(|G|^2, tr(Sigma)) from the expected squared norms of the gradients of batches of two sizes: appendix A.1 of the paper.

    Batches are drawn from `rows` rows without putting back, which makes the variance of a batch's mean (rows - b) / (rows - 1) of the
    paper's; both estimates are unbiased with that. They are noisy: |G|^2 may come out negative, and only means of many are worth dividing.
    """
    trace = (of_small - of_big) / (1 / small - 1 / big) * (rows - 1) / rows
    square = (big * of_big - small * of_small) / (big - small) + trace / (rows - 1)
    return square, trace


@dataclass
class Running:
    """Means of both estimates over the last measurements, weights falling by `decay` from one to the next."""

    decay: float = 0.9
    square: float = 0.0
    trace: float = 0.0
    weight: float = 0.0

    def add(self, square: float, trace: float) -> None:
        keep = self.decay
        self.square, self.trace = keep * self.square + (1 - keep) * square, keep * self.trace + (1 - keep) * trace
        self.weight = keep * self.weight + 1 - keep

    @property
    def scale(self) -> float:
        """tr(Sigma) / |G|^2; infinite where |G|^2 is too small to be told from 0."""
        return math.inf if self.square <= 0 else max(0.0, self.trace / self.square)


@dataclass
class Measurement:
    """One measurement: before which step, both estimates, and the running noise scale then."""

    step: int
    square: float
    trace: float
    scale: float


@dataclass
class NoiseMeter:
    """Measures a model's noise scale now and then: `count` batches of `small` rows against all of them as one batch of count * small.

    The gradients stay on the device; two small sums are read.
    """

    gradients: Gradients
    small: int = 32
    count: int = 16
    running: Running = field(default_factory=Running)
    values: list[Measurement] = field(default_factory=list)

    def __post_init__(self) -> None:
        rows = len(self.gradients.rows)
        self.small = max(1, min(self.small, rows // 2))
        self.count = max(2, min(self.count, rows // self.small))

    def measure(self, step: int) -> Measurement:
        with self.gradients as g:
            of_small, of_big = g.moments(self.small, self.count, len(self.values))
        square, trace = two_batch(self.small, self.small * self.count, of_small, of_big, len(self.gradients.rows))
        self.running.add(square, trace)
        self.values.append(Measurement(step, square, trace, self.running.scale))
        return self.values[-1]


class GradientNoiseScale(Callback):
    """Measures the gradient noise scale every `every` batches of a training.

    Arguments: ``x``, ``y``, the rows that batches are drawn from, some thousand of the training data; ``every``, train batches; ``small``,
    ``count``: the two batch sizes are small and small * count; ``decay`` of the running means, in [0, 1); ``log``, whether an epoch's last
    value goes into its logs as ``noise_scale``.

    Attributes: ``values``, a `Measurement` each time; ``scale``, the running noise scale. A measurement costs `count` steps without
    updates of `small` rows. Raises ValueError for arguments out of range, and from `fit` for data that do not fit the model.
    """

    every_batch = False

    def __init__(self, x: Any, y: Any, every: int = 50, small: int = 32, count: int = 16, decay: float = 0.9, log: bool = False):
        super().__init__()
        where = "GradientNoiseScale"
        self.x, self.y, self.log = x, y, log
        self.every, self.small = whole("every", every, where, 1), whole("small", small, where, 1)
        self.count = whole("count", count, where, 2)
        self.decay = number("decay", decay, where, 0.0)
        if self.decay >= 1 or self.small * self.count > len(x):
            raise ValueError(
                f"{where}: decay must be below 1, and small * count at most the {len(x)} rows of x. Received: decay={decay!r}, "
                f"small={small!r}, count={count!r}."
            )
        self._meter: Any = None
        self._steps = self._next = self._base = 0

    @property
    def values(self) -> list[Measurement]:
        return [] if self._meter is None else list(self._meter.values)

    @property
    def scale(self) -> float:
        return math.nan if self._meter is None or not self._meter.values else self._meter.running.scale

    def on_train_begin(self, logs: Any = None) -> None:
        self._meter = NoiseMeter(Gradients(self.model, self.x, self.y), self.small, self.count, Running(self.decay))
        self._steps = self._base = 0
        self._next = self.every

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._base = self._steps

    def batches_left(self) -> int:
        return max(1, self._next - self._steps)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._steps = self._base + batch + 1
        if self._steps >= self._next:
            self._next = self._steps + self.every
            self._meter.measure(self._steps)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.log and logs is not None:
            logs["noise_scale"] = self.scale
