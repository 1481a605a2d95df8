"""Progress in the terminal: one row for every finished epoch, and below them a bar for the one that runs.

Nothing is drawn, and nothing of the step is read, more than a few times a second: reading the loss of a batch costs a device read.  The
batch hook only compares a clock; it exists in :class:`LiveRows` alone, so that a run whose output goes to a file has no batch hook at all.
"""

import math
import time
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

import gpunn
from gpunn.cli.record import Record
from gpunn.cli.shell import number
from gpunn.kernels import compiling

REDRAW = 0.12  # seconds between two drawings, at least
_WIDTH = 12  # characters of a column, at least


class EpochRows(gpunn.callbacks.Callback):
    """Prints one row an epoch.  A context manager: what has not been printed yet is printed on leaving it."""

    def __init__(self, console: Console, record: Record, epochs: int) -> None:
        super().__init__()
        self.console, self.record, self.epochs = console, record, epochs
        self._rows: list[Text] = []
        self._best: float | None = None
        self._next = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._flush()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        names = self.record.names
        if epoch == 0:
            self._rows.append(Text(self._head("epoch", "images/s") + "".join(_cell(_title(n), n) for n in names), style="bold"))
        self._rows.append(self._row(epoch, names))
        if self._due():
            self._show(0)

    def _show(self, steps: int) -> None:
        """Bring the screen up to date; ``steps`` steps of the next epoch are done."""
        self._flush()

    def _row(self, epoch: int, names: list[str]) -> Text:
        row = Text(self._head(f"{epoch + 1}/{self.epochs}", f"{self.record.rates[-1]:,.0f}"), style="dim")
        for name in names:
            value = self.record.history[name][-1]
            row.append(_cell(number(value), name), style=self._style(name, value))
        return row

    def _style(self, name: str, value: float) -> str:
        if not math.isfinite(value):
            return "not dim bold red"
        if name != "val_accuracy":
            return "not dim"
        if self._best is not None and value <= self._best:
            return "not dim"
        self._best = value
        return "not dim green"  # the best so far

    def _head(self, epoch: str, rate: str) -> str:
        return f"{epoch:>{max(2 * len(str(self.epochs)) + 2, 6)}}{rate:>12}"

    def _due(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + REDRAW
        return True

    def _flush(self) -> None:
        if self._rows:
            self.console.print(Text("\n").join(self._rows), soft_wrap=True)
            self._rows = []


class LiveRows(EpochRows):
    """The rows, and below them a bar for the epoch that runs.  The bar is gone when the context is left."""

    every_batch = False  # a call after each chunk of steps is enough; one after every step would cost the engine its speed

    def __init__(self, console: Console, record: Record, epochs: int, batch_size: int) -> None:
        super().__init__(console, record, epochs)
        self.batch_size = batch_size
        self._steps = -(-record.images // batch_size)
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=None, complete_style="cyan", finished_style="cyan"),
            TextColumn("[dim]{task.fields[speed]}[/]"), TextColumn("[dim]{task.fields[left]}[/]"),
            console=console, auto_refresh=False, transient=True, expand=True,
        )
        self._task = TaskID(0)
        self._first: tuple[float, float] | None = None  # time and epochs done at the first sign of life: before it, kernels were compiled

    def __enter__(self) -> Self:
        self._task = self._bar.add_task("getting ready", total=self._steps, speed="", left="")
        self._bar.start()
        compiling.listeners.append(self._compiling)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        compiling.listeners.remove(self._compiling)
        super().__exit__(kind, error, trace)
        self._bar.stop()

    def _compiling(self, done: int, count: int) -> None:
        self._bar.update(self._task, description=compiling.words(done, count))
        self._bar.refresh()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._due():
            self._show(0)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._due():
            self._show(batch + 1)

    def _show(self, steps: int) -> None:
        # The loss of the running epoch is not asked for: that would be a device read.
        now, done = time.monotonic(), self.record.epochs + steps / self._steps
        if self._first is None and steps:
            self._first = now, done
        speed, left = self._pace(now, done)
        self._bar.update(
            self._task, completed=steps, description=f"epoch {min(self.record.epochs + 1, self.epochs)}/{self.epochs}",
            speed="" if speed is None else f"{speed:,.0f} images/s", left="" if left is None else f"{_duration(left)} left",
        )
        self._flush()
        self._bar.refresh()

    def _pace(self, now: float, done: float) -> tuple[float | None, float | None]:
        """Images per second and seconds left, both None until there is something to measure."""
        if self._first is None or done <= self._first[1]:
            return None, None
        rate = (done - self._first[1]) / max(now - self._first[0], 1e-9)  # epochs a second
        return rate * self.record.images, (self.epochs - done) / rate


def _cell(text: str, name: str) -> str:
    """``text`` in the column of the metric ``name``."""
    return f"{text:>{max(_WIDTH, len(_title(name)) + 2)}}"


def _title(name: str) -> str:
    """``val_accuracy`` -> ``val accuracy``"""
    return name.replace("_", " ")


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(math.ceil(seconds), 60)
    return f"{minutes}:{seconds:02d}"
