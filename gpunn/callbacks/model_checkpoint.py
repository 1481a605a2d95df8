"""ModelCheckpoint: the model, or its weights, in a file after epochs or batches."""

import os
from typing import Any

from gpunn.callbacks.batches import Saving
from gpunn.callbacks.monitor import Monitor, number
from gpunn.logs import Logs


class ModelCheckpoint(Monitor, Saving):
    """Saves the model (`Model.save`) or its weights (`Model.save_weights`). Keras's arguments and rules; a file is the old or the new one.

    Arguments: ``filepath``, a name in which ``{epoch}`` (from 1), ``{batch}`` (from 1) and entries of the logs are filled in, as in
    "{epoch:02d}-{val_loss:.2f}.keras" (its ending says the format, see `Model.save`); ``monitor`` and ``mode``; ``verbose``, 1 for a
    message; ``save_best_only``, when the monitored value has improved; ``save_weights_only``; ``save_freq``, "epoch" or a number of
    batches; ``initial_value_threshold``, the value that counts as the best before the first epoch.

    Raises ValueError for another `save_freq` and a format that does not hold what is saved, ImportError where its package is missing,
    KeyError for a name in the path that is not in the logs, and see `Monitor`.
    """

    def __init__(
        self, filepath: Any, monitor: str = "val_loss", verbose: int = 0, save_best_only: bool = False, save_weights_only: bool = False,
        mode: str = "auto", save_freq: Any = "epoch", initial_value_threshold: float | None = None,
    ):
        threshold = initial_value_threshold
        super().__init__(
            monitor, mode, best=None if threshold is None else number("initial_value_threshold", threshold, "ModelCheckpoint")
        )
        self.filepath, self.verbose = os.fspath(filepath), verbose
        self.save_best_only, self.save_weights_only = bool(save_best_only), bool(save_weights_only)
        self.save_every(save_freq, "ModelCheckpoint")

    def check(self, model: Any) -> None:
        from gpunn.models.saving import format_of  # models stand above callbacks

        format_of(self.filepath, self.save_weights_only)
        if self.save_best_only:
            super().check(model)

    def _save_batch(self, batch: int, logs: Any) -> None:
        self._save(self._epoch, batch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._every is None:
            self._save(epoch, None, logs)

    def _save(self, epoch: int, batch: int | None, logs: Any) -> None:
        path = self._path(epoch, batch, {} if logs is None else logs)
        if not self._wanted(epoch, logs, path):
            return
        if os.path.isdir(path):
            raise OSError(f"ModelCheckpoint: filepath must name a file. Received: {path!r}, which is a directory.")
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: finished saving model to {path}")

    def _path(self, epoch: int, batch: int | None, logs: Any) -> str:
        fields = _Fields(logs, {"epoch": epoch + 1} | ({} if batch is None else {"batch": batch + 1}))
        try:
            return self.filepath.format_map(fields)
        except KeyError as error:
            names = ", ".join([*fields.own, *logs])
            words = f"Failed to format this callback filepath: {self.filepath!r}. There is no {error}. Names are: {names}."
            raise KeyError(words) from error

    def _wanted(self, epoch: int, logs: Any, path: str) -> bool:
        """Whether to save now; says why where `verbose` asks for it."""
        if not self.save_best_only:
            self._say(f"\nEpoch {epoch + 1}: saving model to {path}")
            return True
        current = self.value(logs, "Can save best model only with")
        if current is None:  # Keras saves then
            return True
        before = "None" if self.best is None else f"{self.best:.5f}"
        if not self.improved(current, self.best):
            self._say(f"\nEpoch {epoch + 1}: {self.monitor} did not improve from {before}")
            return False
        self._say(f"\nEpoch {epoch + 1}: {self.monitor} improved from {before} to {current:.5f}, saving model to {path}")
        self.best = current
        return True

    def _say(self, words: str) -> None:
        if self.verbose > 0:
            print(words)

    def get_state(self) -> dict[str, Any]:
        return {"best": self.best, "every": None if self._every is None else self._every.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        self.best = state["best"]
        if self._every is not None and state["every"] is not None:
            self._every.set_state(state["every"])


class _Fields:
    """What a path may name; the logs are looked at only where it names one of theirs."""

    def __init__(self, logs: Any, own: dict[str, int]):
        self.logs, self.own = logs if isinstance(logs, Logs) else Logs(logs), own

    def __getitem__(self, name: str) -> Any:
        return self.own[name] if name in self.own else self.logs[name]
