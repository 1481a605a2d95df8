"""A bar for what is under way, with words beside it and lines above: in a terminal by rich, in a notebook by one output that changes."""

import functools
import importlib.util
from typing import Any

from gpunn import config


def drawn() -> bool:
    """Whether there is a bar: rich, which draws it, is an extra, and lines may go to a logger."""
    return config.is_interactive_logging_enabled() and _installed()


@functools.cache  # looking for it takes as long as a prediction of few rows
def _installed() -> bool:
    return importlib.util.find_spec("rich") is not None


def bar() -> Any:
    """One for where this process writes to. Raises ImportError without rich."""
    from rich.console import Console

    return NotebookBar() if Console().is_jupyter else TerminalBar()


class TerminalBar:
    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"), TimeRemainingColumn()
        self._bar = Progress(*columns, auto_refresh=False, transient=True)
        self._task: Any = None
        self._bar.start()

    def begin(self, title: str, total: int | None) -> None:
        """A new one, empty."""
        self._task = self._bar.add_task(title, total=total, words="")
        self._bar.refresh()

    def say(self, words: str, done: int | None = None) -> None:
        """Other words, and how much is done."""
        if self._task is not None:
            self._bar.update(self._task, completed=done, words=words, refresh=True)

    def end(self, line: str) -> None:
        """The bar goes; a line stays."""
        self._bar.remove_task(self._task)
        self._task = None
        self._bar.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        self._bar.stop()


class NotebookBar:
    """The same as HTML in a cell's output: rich's own bar asks a notebook for widgets, which many do not have."""

    def __init__(self) -> None:
        from IPython.display import HTML, display

        self._html, self._shown = HTML, display(HTML(""), display_id=True)
        self._title, self._done = "", 0
        self._total: int | None = None

    def begin(self, title: str, total: int | None) -> None:
        self._title, self._total, self._done = title, total, 0
        self.say("")

    def say(self, words: str, done: int | None = None) -> None:
        self._done = self._done if done is None else done
        place = f'value="{self._done}" max="{self._total}"' if self._total else ""  # without them it moves to and fro
        self._shown.update(self._html(f"{self._title} <progress {place}></progress> {words}"))

    def end(self, line: str) -> None:
        print(line)

    def close(self) -> None:
        self._shown.update(self._html(""))
