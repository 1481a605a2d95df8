"""TerminateOnNaN and LambdaCallback."""

import math
from collections.abc import Callable
from typing import Any

from gpunn.callbacks.base import HOOKS, OLD_HOOKS, Callback


class TerminateOnNaN(Callback):
    """Stops training at the first batch whose loss is NaN or infinite. It reads the loss after every step, which costs time.

    With `raise_error` a RuntimeError ends the training at once, and no callback's `on_train_end` is called.
    """

    def __init__(self, raise_error: bool = False):
        super().__init__()
        self.raise_error = bool(raise_error)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(f"NaN or Inf loss encountered at batch {batch}. Loss value: {loss}. Terminating training immediately.")
        print(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True


class LambdaCallback(Callback):
    """Functions given by hook name: ``LambdaCallback(on_epoch_end=lambda epoch, logs: ...)``. Raises ValueError for unknown hooks."""

    def __init__(self, **hooks: Callable[..., Any] | None):
        super().__init__()
        unknown = sorted(set(hooks) - {*HOOKS, *OLD_HOOKS})
        if unknown:
            raise ValueError(f"Unknown hooks {unknown}. Expected some of: {', '.join(HOOKS)}.")
        for name, function in hooks.items():
            if function is None:
                continue
            if not callable(function):
                raise ValueError(f"LambdaCallback: {name} must be a function. Received: {name}={function!r}.")
            setattr(self, name, function)
