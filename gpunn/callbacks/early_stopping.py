"""EarlyStopping: the end of training when a monitored value no longer improves."""

from typing import Any

from gpunn.callbacks.monitor import Monitor, number, whole


class EarlyStopping(Monitor):
    """Stops training after `patience` epochs without an improvement of `monitor`. Keras's arguments and rules.

    Arguments: ``monitor``; ``min_delta``, less than which is no improvement; ``patience``, epochs; ``verbose``, 1 for a message; ``mode``,
    "min", "max" or "auto"; ``baseline``, a value that must be beaten for the patience to begin anew; ``restore_best_weights`` at the end,
    from the best epoch (also where training ended by itself); ``start_from_epoch``, the epochs before it are not looked at.

    Attributes: ``stopped_epoch`` (from 0; 0 also where training was not stopped), ``best``, ``best_epoch``, ``wait``.
    Raises ValueError for arguments that are no numbers, and see `Monitor`.
    """

    def __init__(
        self, monitor: str = "val_loss", min_delta: float = 0, patience: int = 0, verbose: int = 0, mode: str = "auto",
        baseline: float | None = None, restore_best_weights: bool = False, start_from_epoch: int = 0,
    ):
        super().__init__(monitor, mode, min_delta)
        self.patience = whole("patience", patience, "EarlyStopping")
        self.start_from_epoch = whole("start_from_epoch", start_from_epoch, "EarlyStopping")
        self.baseline = None if baseline is None else number("baseline", baseline, "EarlyStopping")
        self.verbose, self.restore_best_weights = verbose, bool(restore_best_weights)
        self.on_train_begin()

    def on_train_begin(self, logs: Any = None) -> None:
        super().on_train_begin(logs)
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list[Any] | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        current = self.value(logs, "Early stopping conditioned on metric")
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:  # also where nothing ever beats NaN
            self._keep(epoch)
        self.wait += 1
        if self.improved(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self._keep(epoch)
            if self.baseline is None or self.improved(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _keep(self, epoch: int) -> None:
        self.best_weights, self.best_epoch = self.model.get_weights(), epoch

    def on_train_end(self, logs: Any = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def get_state(self) -> dict[str, Any]:
        names = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")
        return {name: getattr(self, name) for name in names}

    def set_state(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
