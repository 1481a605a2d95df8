"""Progbar: a bar for loops of one's own."""

import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from gpunn.callbacks.progbar import values as written


class Progbar:
    """A bar of `target` steps (None: nobody knows how many), with values beside it.

    verbose: 1, a bar drawn with rich (without it, or where the output is no terminal, the last line); 2, a line at the end; 0, nothing.
    interval: seconds between two drawings. Values are means over the steps; at the end, as Keras has it, those of the last call. What is
    named in `stateful_metrics`, or not named in `stateless_metrics`, is shown as it comes.
    """

    def __init__(
        self, target: int | None, width: int = 20, verbose: int = 1, interval: float = 0.05, stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None, unit_name: str = "step",
    ):
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("Progbar: expected stateful_metrics or stateless_metrics. Received: both.")
        self.target, self.width, self.verbose, self.interval, self.unit_name = target, width, verbose, interval, unit_name
        self._as_they_come = set(stateful_metrics or ())
        self._means = None if stateless_metrics is None else set(stateless_metrics)
        self._sums: dict[str, list[float]] = {}  # each one's sum and number
        self._seen, self._began, self._drawn = 0, time.perf_counter(), 0.0
        self._bar: Any = None

    @property
    def values(self) -> dict[str, float]:
        """What is shown beside the bar."""
        return {name: total / max(1, count) for name, (total, count) in self._sums.items()}

    def update(self, current: int, values: Iterable[tuple[str, Any]] | None = None, finalize: bool | None = None) -> None:
        """So many steps are done, the last of them with these values. finalize: whether it was the last; by default, at `target`."""
        done = self.target is not None and current >= self.target if finalize is None else finalize
        for name, value in values or ():
            number = float(np.mean(value))
            steps = max(current - self._seen, 1)
            if done or name in self._as_they_come or (self._means is not None and name not in self._means):
                self._sums[name] = [number, 1]
            else:
                total, count = self._sums.get(name, (0.0, 0))
                self._sums[name] = [total + number * steps, count + steps]
        self._seen = current
        now = time.perf_counter()
        if self.verbose == 1 and (done or now - self._drawn >= self.interval):
            self._drawn = now
            self._draw(current)
        if done:
            self._end(current, now)

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """`n` more steps are done."""
        self.update(self._seen + n, values)

    def _draw(self, current: int) -> None:
        if self._bar is None:
            try:
                from rich.console import Console
                from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
            except ImportError:
                return
            console = Console()
            columns = (BarColumn(self.width), TextColumn("{task.description}"), TimeRemainingColumn())
            self._bar = Progress(*columns, console=console, auto_refresh=False, transient=True, disable=not console.is_terminal)
            self._bar.start()
            self._task = self._bar.add_task("", total=self.target)
        self._bar.update(self._task, completed=current, description=self._count(current) + written(self.values), refresh=True)

    def _count(self, current: int) -> str:
        return f"{current}/{self.target or 'Unknown'} " + ("- " if self._sums else "")

    def _end(self, current: int, now: float) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self.verbose:
            line = f"{current}/{self.target or 'Unknown'} - {now - self._began:.0f}s"
            print(line + (f" - {written(self.values)}" if self._sums else ""))
