"""BatchSizeSchedule: a batch size of its own for every epoch."""

from collections.abc import Callable, Mapping
from typing import Any

from gpunn.callbacks.base import Callback
from gpunn.callbacks.monitor import whole


class BatchSizeSchedule(Callback):
    """Sets the batch size at the beginning of every epoch. Not in Keras.

    Smith, Kindermans, Ying and Le (2018), Don't decay the learning rate, increase the batch size: where a schedule would divide the rate
    by a factor, multiplying the batch by it lowers the noise of the updates as much, with fewer updates.

    Arguments: ``schedule``, a function of the epoch (from 0) that gives a number of rows, or a mapping from the epochs at which the size
    changes to the sizes: ``{0: 128, 10: 640, 20: 3200}``, by which the epochs before the first keep `fit`'s ``batch_size``; ``verbose``,
    1 for a message at each change. The size of each epoch goes into its logs as ``batch_size``.

    A size above the number of rows means all of them. Raises ValueError for a schedule that is neither or gives no whole number of at
    least 1, and, from `fit`, with ``steps_per_epoch`` and for batches that somebody else makes.
    """

    def __init__(self, schedule: Callable[[int], int] | Mapping[int, int], verbose: int = 0):
        super().__init__()
        if isinstance(schedule, Mapping):
            sizes = {whole("epoch", e, "BatchSizeSchedule"): whole("size", n, "BatchSizeSchedule", 1) for e, n in schedule.items()}
            self.schedule: Any = lambda epoch: sizes.get(max((e for e in sizes if e <= epoch), default=-1))
        elif callable(schedule):
            self.schedule = schedule
        else:
            raise ValueError(f"BatchSizeSchedule: schedule must be a function of the epoch, or a mapping. Received: schedule={schedule!r}.")
        self.verbose = verbose
        self._size: int | None = None

    def batch_size(self, epoch: int) -> int | None:
        size = self.schedule(epoch)
        if size is None:
            return None
        size = whole(f"the size for epoch {epoch}", size, "BatchSizeSchedule", 1)
        if self.verbose > 0 and size != self._size:
            print(f"\nEpoch {epoch + 1}: BatchSizeSchedule setting batch size to {size}.")
        self._size = size
        return size

    def on_train_begin(self, logs: Any = None) -> None:
        self._size = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None and self._size is not None:
            logs["batch_size"] = float(self._size)
