"""Callbacks that set the learning rate: LearningRateScheduler and ReduceLROnPlateau."""

import inspect
from collections.abc import Callable
from typing import Any

from gpunn.callbacks.base import Callback
from gpunn.callbacks.monitor import Monitor, number, refuse_schedule, whole


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of every epoch to ``schedule(epoch, rate)``, or ``schedule(epoch)`` if it takes one argument.

    Epochs count from 0. The rate of each epoch goes into its logs as ``learning_rate``. Raises ValueError for a schedule that cannot be
    called or gives no number, and for an optimizer whose rate follows a schedule already.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0):
        super().__init__()
        if not callable(schedule):
            raise ValueError(f"LearningRateScheduler: schedule must be a function of the epoch. Received: schedule={schedule!r}.")
        self.schedule, self.verbose = schedule, verbose

    def check(self, model: Any) -> None:
        refuse_schedule(model, "LearningRateScheduler")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        optimizer = self.model.optimizer
        given = (epoch, float(optimizer.learning_rate)) if _takes_two(self.schedule) else (epoch,)
        rate = self.schedule(*given)
        try:
            if isinstance(rate, (str, bool)):
                raise TypeError
            rate = float(rate)
        except (TypeError, ValueError):
            raise ValueError(f"LearningRateScheduler: the schedule must give a number. Received: {rate!r} for epoch {epoch}.") from None
        optimizer.learning_rate = rate
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        log_rate(logs, self.model)


class ReduceLROnPlateau(Monitor):
    """Multiplies the learning rate by `factor` after `patience` epochs without an improvement of `monitor`. Keras's arguments and rules.

    Arguments: ``monitor``; ``factor``, in (0, 1); ``patience``, epochs; ``verbose``, 1 for a message; ``mode``; ``min_delta``, less than
    which is no improvement; ``cooldown``, epochs after a cut in which none is counted; ``min_lr``, below which the rate never goes.
    The rate of each epoch goes into its logs as ``learning_rate``.

    Raises ValueError for arguments outside these bounds, for an optimizer whose rate follows a schedule already, and see `Monitor`.
    """

    def __init__(
        self, monitor: str = "val_loss", factor: float = 0.1, patience: int = 10, verbose: int = 0, mode: str = "auto",
        min_delta: float = 1e-4, cooldown: int = 0, min_lr: float = 0.0,
    ):
        super().__init__(monitor, mode, min_delta)
        where = "ReduceLROnPlateau"
        self.factor = number("factor", factor, where, 0.0)
        if self.factor >= 1.0 or self.factor == 0.0:
            raise ValueError(f"{where} does not support a factor outside (0, 1). Received: factor={factor!r}.")
        self.patience, self.cooldown = whole("patience", patience, where), whole("cooldown", cooldown, where)
        self.min_lr, self.verbose = number("min_lr", min_lr, where, 0.0), verbose
        self.on_train_begin()

    def check(self, model: Any) -> None:
        super().check(model)
        refuse_schedule(model, "ReduceLROnPlateau")

    def on_train_begin(self, logs: Any = None) -> None:
        super().on_train_begin(logs)
        self.wait = self.cooldown_counter = 0
        self.best: float | None = None

    def in_cooldown(self) -> bool:
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        log_rate(logs, self.model)
        current = self.value(logs, "Learning rate reduction is conditioned on metric")
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improved(current, self.best):
            self.best, self.wait = current, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and self._reduce(epoch):
                self.cooldown_counter, self.wait = self.cooldown, 0

    def _reduce(self, epoch: int) -> bool:
        """Cut the rate; False where it is as low as it may be."""
        optimizer = self.model.optimizer
        before = float(optimizer.learning_rate)
        if before <= self.min_lr:
            return False
        optimizer.learning_rate = rate = max(before * self.factor, self.min_lr)
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {rate}.")
        return True

    def get_state(self) -> dict[str, Any]:
        return {"wait": self.wait, "cooldown_counter": self.cooldown_counter, "best": self.best}

    def set_state(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


def log_rate(logs: Any, model: Any) -> None:
    """Put the rate in force into the logs."""
    if logs is not None:
        logs["learning_rate"] = float(model.optimizer.learning_rate)


def _takes_two(schedule: Callable[..., float]) -> bool:
    """Whether a schedule can be called with epoch and rate; one that says nothing about its arguments is called with the epoch alone."""
    try:
        inspect.signature(schedule).bind(0, 0.0)
    except (TypeError, ValueError):
        return False
    return True
