"""What ``fit(verbose=1)`` and ``verbose=2`` show: a progress bar drawn with rich, a line an epoch."""

import time
from typing import Any

from gpunn.callbacks.base import Callback
from gpunn.kernels import compiling


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
        print(f"Epoch {epoch + 1}/{self.params['epochs']} - {values(logs)}")


class ProgbarLogger(Callback):
    """A bar for the epoch that runs; when it ends, its logs. Batches are not read: the bar moves a few times a second by their count.

    `fit` adds one itself unless ``verbose`` is 0 or 2. One given by hand shows nothing with ``verbose=0``, as in Keras. Needs rich
    (``pip install "gpunn[cli]"``).
    """

    every_batch = False

    def __init__(self) -> None:
        super().__init__()
        self._bar: Any = None
        self._task: Any = None
        self._began = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        if self.params.get("verbose") == 0:
            return
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        count = TextColumn("{task.fields[count]}")  # of how many is not always known
        self._bar = Progress(TextColumn("{task.description}"), BarColumn(), count, TimeRemainingColumn(), auto_refresh=False,
            transient=True)
        self._bar.start()
        compiling.listeners.append(self._compiling)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._began = time.perf_counter()
        if self._bar is not None:
            self._task = self._bar.add_task(f"Epoch {epoch + 1}/{self.params['epochs']}", total=self.params["steps"], count="")
            self._bar.refresh()

    def _compiling(self, done: int, count: int) -> None:
        if self._task is not None:
            self._bar.update(self._task, count="" if done == count else compiling.words(done, count), refresh=True)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=batch + 1, count=f"{batch + 1}/{self.params['steps'] or '?'}", refresh=True)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._bar is not None:
            self._bar.remove_task(self._task)
            self._task = None
            took = time.perf_counter() - self._began
            line = f"Epoch {epoch + 1}/{self.params['epochs']} - {took:.1f}s - {values(logs)}"
            self._bar.console.print(line, highlight=False, markup=False)

    def on_train_end(self, logs: Any = None) -> None:
        self.close()

    def close(self) -> None:
        if self._bar is not None:
            compiling.listeners.remove(self._compiling)
            self._bar.stop()
            self._bar = self._task = None
