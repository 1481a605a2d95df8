"""Batches: as objects that give them by number, and what one is made of."""

from typing import Any


class Sequence:
    """Batches by number, for `fit`, `evaluate` and `predict`; Keras's ``utils.Sequence`` and ``utils.PyDataset``.

    A subclass gives ``__len__``, the number of batches, and ``__getitem__(number)``, a batch (x, y) or (x, y, sample_weight); perhaps
    ``on_epoch_begin`` and ``on_epoch_end``. `fit` shuffles the numbers anew for each epoch unless ``shuffle=False``.

    workers: threads that make batches ahead, in order all the same; 0: each is made when it is needed, by the thread that trains.
    max_queue_size: how many batches may wait. use_multiprocessing is accepted; threads are used.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10):
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} gives no __getitem__(index).")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} gives no __len__().")

    @property
    def num_batches(self) -> int | None:
        """Batches in a pass; None for a data set without end. A subclass may keep an attribute of this name, which is then its own."""
        return vars(self).get("num_batches") or len(self)

    @num_batches.setter
    def num_batches(self, value: Any) -> None:
        vars(self)["num_batches"] = value

    def on_epoch_begin(self) -> None:
        """Before an epoch's first batch."""

    def on_epoch_end(self) -> None:
        """After an epoch's last batch."""


PyDataset = Sequence


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """What a data set gives for a batch: x, (x, y) or (x, y, sample_weight). An x alone that is a list or a tuple becomes (x,)."""
    if y is None:
        return x if not isinstance(x, (list, tuple)) else (x,)
    return (x, y) if sample_weight is None else (x, y, sample_weight)
