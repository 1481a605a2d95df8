"""A callback that keeps what a run did: the numbers of every epoch, and its speed.  It also stops a run whose loss is not a number."""

import math
import statistics
import time
from typing import Any

import gpunn


class Record(gpunn.callbacks.Callback):
    """The run's history as plain floats, filled epoch by epoch, so that an interrupted run still has it.

    Attributes:
        history: name of a metric -> one float an epoch.
        rates: training images per second of each epoch, validation left out.
        broken: the epoch (from 1) whose loss was not finite; ``None`` if all were.
    """

    def __init__(self, images: int) -> None:
        super().__init__()
        self.images = images
        self.history: dict[str, list[float]] = {}
        self.rates: list[float] = []
        self.broken: int | None = None
        self._begin = 0.0
        self._trained: float | None = None

    @property
    def names(self) -> list[str]:
        """The metrics in the order of a table: training before validation, the loss first."""
        return sorted(self.history, key=lambda name: (name.startswith("val_"), not name.endswith("loss")))

    @property
    def epochs(self) -> int:
        """Epochs completed."""
        return len(self.rates)

    @property
    def images_per_second(self) -> float | None:
        """The median epoch: the first one also compiles, a disturbed one is an outlier."""
        return statistics.median(self.rates) if self.rates else None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._begin, self._trained = time.perf_counter(), None

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._trained = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        ended = self._trained if self._trained is not None else time.perf_counter()
        self.rates.append(self.images / max(ended - self._begin, 1e-9))
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        loss = self.history.get("loss", [0.0])[-1]
        if not math.isfinite(loss):
            self.broken = epoch + 1
            self.model.stop_training = True
