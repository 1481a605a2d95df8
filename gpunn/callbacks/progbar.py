"""What ``fit(verbose=1)`` and ``verbose=2`` show: a progress bar, a line an epoch; and what `evaluate` shows."""

import time
from typing import Any

from gpunn.callbacks import bars
from gpunn.callbacks.base import Callback
from gpunn.kernels import compiling
from gpunn.printed import show


def values(logs: Any) -> str:
    """``loss: 0.1234 - accuracy: 0.9876``, small numbers as Keras writes them (``learning_rate: 1.0000e-04``)."""
    return " - ".join(f"{name}: {_number(value)}" for name, value in (logs or {}).items())


def _number(value: Any) -> str:
    try:
        return f"{value:.4f}" if value == 0 or not abs(value) <= 1e-3 else f"{value:.4e}"
    except (TypeError, ValueError):  # a callback has put something else into the logs
        return str(value)


class EpochLines(Callback):
    """One line an epoch: ``verbose=2`` everywhere, and ``verbose=1`` where no progress bar is installed."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        show(f"Epoch {epoch + 1}/{self.params['epochs']} - {values(logs)}")


class PassBar(Callback):
    """A bar for an evaluation or a prediction that takes longer than `SOON`, unless ``verbose`` is 2; a line when an evaluation ends."""

    every_batch = False
    SOON = 0.5  # seconds

    def __init__(self, verbose: Any):
        super().__init__()
        self._bar: Any = None
        self._draws = verbose != 2 and bars.drawn()

    def on_test_begin(self, logs: Any = None) -> None:
        self._began = time.perf_counter()
        if self._draws:
            compiling.listeners.append(self._compiling)

    on_predict_begin = on_test_begin

    def _compiling(self, done: int, count: int) -> None:
        self._say("" if done == count else compiling.words(done, count))

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._draws and time.perf_counter() - self._began > self.SOON:
            self._say(f"{batch + 1}/{self.params['steps'] or '?'}", batch + 1)

    on_predict_batch_end = on_test_batch_end

    def _say(self, words: str, done: int | None = None) -> None:
        if self._bar is None:
            self._bar = bars.bar()
            self._bar.begin("", self.params["steps"])
        self._bar.say(words, done)

    def on_test_end(self, logs: Any = None) -> None:
        self.close()
        steps = f"{self.params['steps']}/{self.params['steps']} - " if self.params["steps"] else ""
        show(f"{steps}{time.perf_counter() - self._began:.1f}s - {values(logs)}")

    def close(self) -> None:
        if self._compiling in compiling.listeners:
            compiling.listeners.remove(self._compiling)
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class ProgbarLogger(Callback):
    """A bar for the epoch that runs; when it ends, its logs. Batches are not read: the bar moves a few times a second by their count.

    `fit` adds one itself unless ``verbose`` is 0 or 2. One given by hand shows nothing with ``verbose=0``, as in Keras. Needs rich
    (``pip install "gpunn[cli]"``).
    """

    every_batch = False

    def __init__(self) -> None:
        super().__init__()
        self._bar: Any = None
        self._began = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        if self.params.get("verbose") == 0:
            return
        self._bar = bars.bar()
        compiling.listeners.append(self._compiling)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._began = time.perf_counter()
        if self._bar is not None:
            self._bar.begin(f"Epoch {epoch + 1}/{self.params['epochs']}", self.params["steps"])

    def _compiling(self, done: int, count: int) -> None:
        if (bar := self._bar) is not None:  # another thread may compile when this training ends
            bar.say("" if done == count else compiling.words(done, count))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._bar is not None:
            self._bar.say(f"{batch + 1}/{self.params['steps'] or '?'}", batch + 1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._bar is not None:
            took = time.perf_counter() - self._began
            self._bar.end(f"Epoch {epoch + 1}/{self.params['epochs']} - {took:.1f}s - {values(logs)}")

    def on_train_end(self, logs: Any = None) -> None:
        self.close()

    def close(self) -> None:
        if self._bar is not None:
            compiling.listeners.remove(self._compiling)
            self._bar.close()
            self._bar = None
