"""The progress bar of ``fit(verbose=1)``, drawn with rich. One line stays for every epoch."""

import time
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gpunn.callbacks import Callback


class ProgressBar(Callback):
    """A bar for the epoch that runs; when it ends, its logs. Batches are not read: the bar moves a few times a second by their count."""

    every_batch = False

    def __init__(self) -> None:
        super().__init__()
        self._bar: Any = None
        self._task: Any = None
        self._began = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        count = TextColumn("{task.completed:.0f}/{task.total:.0f}")
        self._bar = Progress(TextColumn("{task.description}"), BarColumn(), count, TimeRemainingColumn(), auto_refresh=False,
            transient=True)
        self._bar.start()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._began = time.perf_counter()
        self._task = self._bar.add_task(f"Epoch {epoch + 1}/{self.params['epochs']}", total=self.params["steps"])
        self._bar.refresh()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._bar.update(self._task, completed=batch + 1, refresh=True)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        values = " - ".join(f"{name}: {value:.4f}" for name, value in (logs or {}).items())
        self._bar.remove_task(self._task)
        took = time.perf_counter() - self._began
        self._bar.console.print(f"Epoch {epoch + 1}/{self.params['epochs']} - {took:.1f}s - {values}", highlight=False)

    def on_train_end(self, logs: Any = None) -> None:
        self._bar.stop()
