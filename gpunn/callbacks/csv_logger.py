"""CSVLogger: a row an epoch in a CSV file."""

import csv
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from gpunn.callbacks.base import Callback


class CSVLogger(Callback):
    """Writes the logs of every epoch as a row: ``epoch`` (from 0), then the names in order of the alphabet, as Keras writes them.

    The columns are those of the first epoch; where it had no validation, a ``val_`` column stands beside each, and "NA" where a later epoch
    lacks a value. Every row is on disk when its epoch ends. A resumed training (`BackupAndRestore`) goes on in the same file.

    Arguments: ``filename``; ``separator``; ``append`` to a file that is there, which is otherwise replaced.
    """

    def __init__(self, filename: Any, separator: str = ",", append: bool = False):
        super().__init__()
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(f"CSVLogger: separator must be one character. Received: separator={separator!r}.")
        self.filename, self.separator, self.append = os.fspath(filename), separator, bool(append)
        self.keys: list[str] | None = None
        self._file: Any = None
        self._begun, self._kept = False, 0

    def on_train_begin(self, logs: Any = None) -> None:
        self.close()
        self.keys, self._begun = None, False
        with open(self.filename, "a", encoding="utf-8"):  # fails before training where it cannot be written; a resumed one needs its rows
            pass
        self._kept = os.path.getsize(self.filename) if self.append else 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = logs or {}
        if self.keys is None:
            names = sorted(logs)
            missing = not any(name.startswith("val_") for name in names)
            self.keys = names + [f"val_{name}" for name in names if missing]
        file = self._open()
        writer = csv.writer(file, delimiter=self.separator)
        if file.tell() == 0:
            writer.writerow(["epoch", *self.keys])
        writer.writerow([epoch, *(_cell(logs.get(name, "NA")) for name in self.keys)])
        file.flush()

    def _open(self) -> Any:
        if self._file is None:
            self._file = open(self.filename, "a" if self.append or self._begun else "w", newline="")
            self._begun = True
        return self._file

    def on_train_end(self, logs: Any = None) -> None:
        self._open()  # a training without epochs replaces the file too
        self.close()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def get_state(self) -> dict[str, Any]:
        return {"keys": self.keys, "begun": self._begun, "bytes": self._kept if self._file is None else self._file.tell()}

    def set_state(self, state: dict[str, Any]) -> None:
        self.close()
        self.keys, self._begun, self._kept = state["keys"], state["begun"], state["bytes"]
        if os.path.getsize(self.filename) > state["bytes"]:
            os.truncate(self.filename, state["bytes"])  # rows of epochs that run again


def _cell(value: Any) -> Any:
    """A list or array in one cell, as Keras writes it."""
    if isinstance(value, Iterable) and not isinstance(value, str) and np.ndim(value) > 0:  # type: ignore[arg-type]
        return f'"[{", ".join(map(str, value))}]"'
    return value
