"""BackupAndRestore: a training that is killed and started again ends as if nothing had happened."""

import os
import pathlib
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gpunn.callbacks.base import Callback
from gpunn.callbacks.batches import Saving

FORMAT = "gpunn-backup-1"


@dataclass
class Resumed:
    """Where a training goes on: the epoch, the logs of the one before, whether a callback had ended it there.

    ``again``: for a backup made within an epoch, what puts it back once more after `on_epoch_begin`, which may have changed the model.
    """

    epoch: int
    logs: dict[str, Any]
    ended: bool
    again: Callable[[], None] | None = None


class BackupAndRestore(Saving):
    """Keeps the state of a training in `backup_dir`; `fit` started again with the same arguments goes on there and ends bit-identically.

    Kept are the weights, the optimizer's state and rate, the random state, which layers learn, the place in the epoch with its sums so far,
    the history, and the state of the other callbacks that have one (`Callback.get_state`). Differs from Keras in that the history is whole
    and a backup within an epoch goes on at its batch. The file is written beside the old one and takes its place in one operation, so a
    process may be killed at any moment. Callbacks see `on_train_begin` and, within an epoch, its `on_epoch_begin` again.

    Arguments: ``backup_dir``, for this training alone; ``save_freq``, "epoch" or a number of batches; ``double_checkpoint``, keep the one
    before the last too, for a file that is damaged later; ``delete_checkpoint`` when training has ended.

    Raises ValueError for an empty `backup_dir`, another `save_freq`, and, when `fit` begins, for a backup that is damaged or belongs to
    another model or other data.
    """

    last = True

    def __init__(
        self, backup_dir: Any, save_freq: Any = "epoch", double_checkpoint: bool = False, delete_checkpoint: bool = True
    ):
        super().__init__()
        if not os.fspath(backup_dir):
            raise ValueError("BackupAndRestore: backup_dir must name a folder. Received: an empty name.")
        self.backup_dir = pathlib.Path(backup_dir)
        self.save_every(save_freq, "BackupAndRestore")
        self.double_checkpoint, self.delete_checkpoint = bool(double_checkpoint), bool(delete_checkpoint)
        self._training: Any = None
        self._others: list[Any] = []

    @property
    def path(self) -> pathlib.Path:
        """The file of the last backup."""
        return self.backup_dir / "backup.npz"

    @property
    def _previous(self) -> pathlib.Path:
        return self.backup_dir / "backup.previous.npz"

    # ------------------------------------------------------------------ going on
    def resume(self, training: Any, callbacks: list[Any]) -> Resumed | None:
        """Called by `fit` after `on_train_begin`: puts a backup back. None where there is none."""
        self._training, self._others = training, [c for c in callbacks if c is not self and _keeps(c)]
        for left_over in self.backup_dir.glob(".backup*.tmp"):  # of a process that was killed as it wrote
            left_over.unlink(missing_ok=True)
        if not self.path.exists() and not self._previous.exists():
            return None
        state = self._read()

        def put() -> None:
            self._put(state)

        put()
        within = state["training"]["done"] > 0
        return Resumed(state["epoch"], state["logs"], state["stopped"] and not within, put if within else None)

    def _read(self) -> dict[str, Any]:
        from gpunn.models import archive

        try:
            config, arrays = archive.read(self.path)
        except ValueError:
            if not self._previous.exists():
                raise
            warnings.warn(f"The backup {self.path} is damaged or missing; the one before it is used.", stacklevel=2)
            config, arrays = archive.read(self._previous)
        if config.get("format") != FORMAT:
            raise ValueError(f"{self.path}: expected a backup in the format {FORMAT}. Received: {config.get('format')!r}.")
        state: dict[str, Any] = archive.unflatten(config["state"], arrays)
        return state

    def _put(self, state: dict[str, Any]) -> None:
        from gpunn.models.state import put

        kinds, saved = [type(c).__name__ for c in self._others], [kind for kind, _ in state["callbacks"]]
        if kinds != saved:
            raise ValueError(f"{self.path}: expected the callbacks {', '.join(saved)}. Received: {', '.join(kinds)}.")
        try:
            self._training.check_place(state["training"])
            put(self.model, state["model"])
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from error
        self._training.set_place(state["training"])
        self.model.stop_training = state["stopped"]
        for callback, (_, kept) in zip(self._others, state["callbacks"], strict=True):
            callback.set_state(kept)
        if self._every is not None and state["every"] is not None:
            self._every.set_state(state["every"])
        self._epoch = state["epoch"]

    # ------------------------------------------------------------------ keeping
    def _save_batch(self, batch: int, logs: Any) -> None:
        self._save({})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch + 1
        if self._every is None:
            self._save(dict(logs or {}))

    def _save(self, logs: dict[str, Any]) -> None:
        from gpunn.models import archive
        from gpunn.models.state import take

        state = {
            "epoch": self._epoch, "logs": logs, "stopped": bool(self.model.stop_training), "model": take(self.model),
            "training": self._training.place(), "every": None if self._every is None else self._every.get_state(),
            "callbacks": [[type(c).__name__, c.get_state()] for c in self._others],
        }
        arrays: dict[str, Any] = {}
        config = {"format": FORMAT, "state": archive.flatten(state, arrays, "BackupAndRestore")}
        if self.double_checkpoint and self.path.exists():
            copy = self.backup_dir / f".backup.previous.{os.getpid()}.tmp"
            shutil.copyfile(self.path, copy)
            os.replace(copy, self._previous)
        archive.write(self.path, config, arrays)

    def on_train_end(self, logs: Any = None) -> None:
        if self.delete_checkpoint:
            for path in (self._previous, self.path):
                path.unlink(missing_ok=True)
            if self.backup_dir.is_dir() and not any(self.backup_dir.iterdir()):
                self.backup_dir.rmdir()

    def close(self) -> None:
        self._training, self._others = None, []


def _keeps(callback: Any) -> bool:
    """Whether a callback has a state of its own."""
    return getattr(type(callback), "get_state", Callback.get_state) is not Callback.get_state
