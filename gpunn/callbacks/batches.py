"""Doing something every N train batches without a call after each."""

from typing import Any

from gpunn.callbacks.base import Callback


class Every:
    """Counts train batches across epochs; `due` says when N of them have run since it last said so."""

    def __init__(self, batches: int):
        self.batches, self._since, self._seen = batches, 0, 0

    def epoch(self) -> None:
        """A new epoch counts its batches from 0 again."""
        self._seen = 0

    def due(self, batch: int) -> bool:
        self._since += batch + 1 - self._seen
        self._seen = batch + 1
        if self._since < self.batches:
            return False
        self._since = 0
        return True

    def left(self) -> int:
        return self.batches - self._since

    def get_state(self) -> list[int]:
        return [self._since, self._seen]

    def set_state(self, state: list[int]) -> None:
        self._since, self._seen = state


def frequency(name: str, value: Any, where: str) -> Any:
    """"epoch", or an `Every` for a number of batches. Raises ValueError for anything else."""
    if value == "epoch":
        return value
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"Unrecognized {name} of {where}: {value!r}. Expected 'epoch' or a number of batches of at least 1.")
    return Every(value)


class Saving(Callback):
    """Saves after epochs or after every so many train batches: a subclass calls `save_every` in its constructor and gives `_save_batch`."""

    every_batch = False

    def save_every(self, save_freq: Any, where: str) -> None:
        self.save_freq, every = save_freq, frequency("save_freq", save_freq, where)
        self._every = every if isinstance(every, Every) else None
        if self._every is not None:
            self.on_train_batch_end = self._after_batch  # type: ignore[method-assign]
        self._epoch = 0

    def batches_left(self) -> int | None:
        return None if self._every is None else self._every.left()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch
        if self._every is not None:
            self._every.epoch()

    def _after_batch(self, batch: int, logs: Any = None) -> None:
        if self._every is not None and self._every.due(batch):
            self._save_batch(batch, logs)

    def _save_batch(self, batch: int, logs: Any) -> None:
        raise NotImplementedError
