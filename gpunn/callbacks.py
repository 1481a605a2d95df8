"""Callbacks: Keras's hooks, called in Keras's order.

Reading a batch's logs costs a read from the device, so they are read only when somebody looks at them; and a batch hook makes `fit` come
back to Python after every step. A callback that is content with being called a few times a second sets ``every_batch = False``.
"""

import math
from collections.abc import Callable
from typing import Any

from gpunn.logs import Logs

HOOKS = (
    "on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end", "on_test_begin",
    "on_test_end", "on_test_batch_begin", "on_test_batch_end", "on_predict_begin", "on_predict_end", "on_predict_batch_begin",
    "on_predict_batch_end",
)
_TRAIN_BATCH = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
_TEST_BATCH = ("on_test_batch_begin", "on_test_batch_end")
_PREDICT_BATCH = ("on_predict_batch_begin", "on_predict_batch_end")


class Callback:
    """Base class; a subclass overrides the hooks it wants.

    Attributes: ``model``, ``params`` (epochs, steps, verbose); ``every_batch``: whether batch hooks must run after each single step.
    """

    every_batch = True

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def on_train_begin(self, logs: Any = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Any = None) -> None:
        """After the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """After an epoch and its validation; logs hold the epoch's means."""

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Old name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Old name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs: Any = None) -> None:
        """Before an evaluation."""

    def on_test_end(self, logs: Any = None) -> None:
        """After an evaluation."""

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a batch of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a batch of an evaluation."""

    def on_predict_begin(self, logs: Any = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Any = None) -> None:
        """After a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a batch of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a batch of a prediction."""


class History(Callback):
    """What `fit` returns: ``history`` (name -> a value an epoch) and ``epoch``."""

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = Logs()
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self


class TerminateOnNaN(Callback):
    """Stops training at the first batch whose loss is NaN or infinite. It reads the loss after every step, which costs time."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True


class LambdaCallback(Callback):
    """Functions given by hook name: ``LambdaCallback(on_epoch_end=lambda epoch, logs: ...)``. Raises ValueError for unknown hooks."""

    def __init__(self, **hooks: Callable[..., Any]):
        super().__init__()
        unknown = sorted(set(hooks) - set(HOOKS))
        if unknown:
            raise ValueError(f"Unknown hooks {unknown}. Expected some of: {', '.join(HOOKS)}.")
        for name, function in hooks.items():
            setattr(self, name, function)


class EpochLines(Callback):
    """What ``fit(verbose=1)`` shows where no progress bar is installed, and ``verbose=2`` everywhere: one line an epoch."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        values = " - ".join(f"{k}: {v:.4f}" for k, v in (logs or {}).items())
        print(f"Epoch {epoch + 1}/{self.params['epochs']} - {values}")


class CallbackList:
    """Calls a list of callbacks. In `fit` a `History` is always among them.

    Attributes: ``every_batch``, whether a callback wants the hooks of every single train batch; ``every_chunk``, whether one wants at least
    some of them; ``test_batches`` and ``predict_batches``, whether one has hooks there. Raises ValueError for what is not a callback.
    """

    def __init__(self, callbacks: Any, model: Any, params: dict[str, Any], verbose: Any = 0, history: bool = False):
        given = [] if callbacks is None else list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
        for c in given:
            if isinstance(c, type) or not all(hasattr(c, name) for name in ("set_model", "set_params", *HOOKS)):
                raise ValueError(f"Argument callbacks: expected Callback objects. Received: {c!r}.")
        self.history = next((c for c in given if isinstance(c, History)), None)
        if history and self.history is None:
            self.history = History()
            given.append(self.history)
        if verbose in (1, 2, "auto"):
            given.append(_progress(verbose))
        self.callbacks = given
        for c in given:
            c.set_model(model)
        for c in given:
            c.set_params(params)
        batchers = [c for c in given if _overrides(c, _TRAIN_BATCH)]
        self.every_batch = any(getattr(c, "every_batch", True) for c in batchers)
        self.every_chunk = bool(batchers)
        self.test_batches = any(_overrides(c, _TEST_BATCH) for c in given)
        self.predict_batches = any(_overrides(c, _PREDICT_BATCH) for c in given)

    def __getattr__(self, hook: str) -> Callable[..., None]:
        if hook not in HOOKS:
            raise AttributeError(hook)

        def call(*arguments: Any) -> None:
            if not (arguments and isinstance(arguments[-1], dict)):
                arguments = (*arguments, {})
            for c in self.callbacks:
                getattr(c, hook)(*arguments)

        return call


def _progress(verbose: Any) -> Callback:
    import importlib.util

    if verbose == 2 or importlib.util.find_spec("rich") is None:
        return EpochLines()
    from gpunn.progress import ProgressBar

    return ProgressBar()


def _overrides(callback: Any, hooks: tuple[str, ...]) -> bool:
    """Whether a callback has any of these hooks of its own."""
    for hook in hooks:
        mine = getattr(callback, hook, None)
        if mine is not None and getattr(mine, "__func__", mine) is not getattr(Callback, hook):
            return True
    return False
