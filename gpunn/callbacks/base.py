"""Callback: Keras's hooks, called in Keras's order.

Reading a batch's logs costs a read from the device, so they are read only when somebody looks at them; and a batch hook makes `fit` come
back to Python after every step. A callback that is content with being called a few times a second sets ``every_batch = False``.
"""

from typing import Any

HOOKS = (
    "on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end", "on_test_begin",
    "on_test_end", "on_test_batch_begin", "on_test_batch_end", "on_predict_begin", "on_predict_end", "on_predict_batch_begin",
    "on_predict_batch_end",
)
OLD_HOOKS = ("on_batch_begin", "on_batch_end")  # of train batches


class Callback:
    """Base class; a subclass overrides the hooks it wants.

    Attributes: ``model``, ``params`` (epochs, steps, verbose); ``every_batch``: whether batch hooks must run after each single step;
    ``last``: whether its hooks run after those of all other callbacks.

    Beyond Keras's hooks a subclass may give `check(model)`, which refuses what cannot work before `fit` has changed anything; `close()`,
    called at the end of `fit` even where an error ended it; and `get_state()` and `set_state(state)`, by which `BackupAndRestore` keeps
    what a callback must remember from epoch to epoch: a dict of numbers, strings, lists and NumPy arrays; and `batch_size(epoch)`.
    """

    every_batch = True
    last = False

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def check(self, model: Any) -> None:
        """Raise ValueError here for what cannot work in a `fit` of this model."""

    def close(self) -> None:
        """Let go of files and screens: after `on_train_end`, or where an error ended the training without it."""

    def get_state(self) -> dict[str, Any]:
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave; called after `on_train_begin`."""

    def batches_left(self) -> int | None:
        """With ``every_batch = False``: in how many train batches the next call must come at the latest; None where it does not matter."""
        return None

    def batch_size(self, epoch: int) -> int | None:
        """How many rows a batch of this epoch has; asked after `on_epoch_begin`. None: as many as before."""
        return None

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
