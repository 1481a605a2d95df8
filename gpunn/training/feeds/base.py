"""What a step gathers from, and how a feed hands out an epoch."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from gpunn import random
from gpunn.kernels import data as feeding

Pieces = list[tuple[int, int]]  # (rows a batch, how many such batches), in order
MANY = 16  # classes a row: counting them would take longer than sorting
Handout = Generator[tuple[int, int], None, None]


class Feed(ABC):
    """Arrays on the device that steps gather from: rows of each input, targets and which of them each loss and each metric takes, weights
    (of each loss, or None), an order, and the position in it.

    ``batch``: rows of a whole batch; ``rest``: of the short last one, or 0; ``count``: batches in a pass, ``rows``: rows in a pass, both
    None where nobody knows.
    """

    xs: list[Any]
    targets: list[Any]
    loss_targets: list[int]
    metric_targets: list[int]
    row_weights: list[Any]
    order: Any
    position: Any
    orders: Mapping[int, Any] = MappingProxyType({})  # of inputs, by their number, whose rows lie in places of their own
    batch: int
    rest: int = 0
    count: Any = None
    rows: Any = None
    change: Any = None  # ``change(ops, x) -> x``: launches on a gathered batch
    complete = False  # whether all rows are there at once
    change_target: Any = None  # ``change_target(ops, y) -> y``: the same for the loss's targets, after it

    def take_arrays(self, like: Any, arrays: list[Any]) -> None:
        """Arrays of the device, as `Rows.arrays` of `like` has them, become those that steps gather from."""
        n, m = len(like.xs), len(like.xs) + len(like.targets)
        self.xs, self.targets = arrays[:n], arrays[n:m]
        weights = iter(arrays[m:])
        self.row_weights = [None if w is None else next(weights) for w in like.row_weights]
        self.loss_targets, self.metric_targets = list(like.loss_targets), list(like.metric_targets)

    @property
    def weights(self) -> Any:
        """Of the first loss."""
        return self.row_weights[0]

    # ------------------------------------------------------------------ what a step records
    def gather_inputs(self, ops: Any, rows: int, dtype: Any) -> list[Any]:
        return [self.gather(ops, rows, dtype, i) for i in range(len(self.xs))]

    def gather(self, ops: Any, rows: int, dtype: Any, index: int = 0) -> Any:
        x = self.xs[index]
        out, order = ops.empty((rows, *x.shape[1:]), dtype), self.orders.get(index, self.order)
        ops.launch(feeding.GATHER["uint8" if x.dtype == np.uint8 else "float"], x, order, self.position, 1.0, out)
        return out if self.change is None else self.change(ops, out)

    def gather_target(self, ops: Any, index: int, rows: int) -> Any:
        target = self.targets[index]
        out = ops.empty((rows, *target.shape[1:]), target.dtype)
        if target.dtype == np.int32:
            kernel = feeding.PICK_LABELS if target.ndim == 1 else feeding.PICK_ROWS
            ops.launch(kernel, target, self.order, self.position, out)
        else:
            ops.launch(feeding.GATHER["float"], target, self.order, self.position, 1.0, out)
        return out if index or self.change_target is None else self.change_target(ops, out)

    def gather_weights(self, ops: Any, rows: int, loss: int = 0) -> Any:
        """One weight a row, or one a position of each, in a row; None where there are none."""
        weights = self.row_weights[loss]
        if weights is None:
            return None
        out = ops.empty((rows, *weights.shape[1:]), weights.dtype)
        if out.ndim == 1:
            ops.launch(feeding.PICK_WEIGHTS, weights, self.order, self.position, out)
        else:
            ops.launch(feeding.GATHER["float"], weights, self.order, self.position, 1.0, out)
        return out.reshape(-1)

    def look(self, ops: Any, array: Any, rows: int, order: Any = None) -> np.ndarray:
        """On the host, what the next step will gather of an array."""
        at = int(ops.to_numpy(self.position)[0])
        with ops.here():
            found = array[(self.order if order is None else order)[at : at + rows]]
        return ops.to_numpy(found)

    # ------------------------------------------------------------------ what an epoch asks
    @abstractmethod
    def begin(self, seed: int, epoch: int, shuffle: Any) -> None:
        """A new pass, in the order of this epoch; `shuffle` is True, False or "batch"."""

    @abstractmethod
    def pieces(self, first: int, steps: int | None) -> Handout:
        """Batches `first` to `first + steps` of the pass (all that are left, for None), a piece at a time: when a piece is handed out its
        rows are where the next steps will gather them. To be closed by whoever stops early. Batches that somebody else makes are taken and
        thrown away up to the `first`."""

    def resize(self, batch: int) -> None:
        """Batches of another size from the next pass on. Raises ValueError for a feed whose batches somebody else makes."""
        raise ValueError("Batches that come ready made keep their size. Give fit arrays to change batch_size during training.")

    def refill(self, rows: Any) -> None:
        """Other rows of the same shapes in place of these, where a feed can: that of arrays on the device."""
        raise NotImplementedError(f"{type(self).__name__} takes no other rows.")


def shuffled(rows: int, batch: int, seed: int, epoch: int, shuffle: Any) -> np.ndarray:
    """The rows of an epoch as int32: shuffled, whole batches of them for "batch", or as they come."""
    if shuffle == "batch":
        return whole_batches(random.permutation(-(-rows // batch), seed, random.ORDER, epoch), batch, rows)
    return random.permutation(rows, seed, random.ORDER, epoch) if shuffle else np.arange(rows, dtype=np.int32)


def ordered_fast(rows: int, batch: int, seed: int, epoch: int, labels: Any, classes: int) -> np.ndarray:
    """`shuffled` and then `grouped` by labels of the host (None: as shuffled), in compiled code: the same order. Needs Numba."""
    from gpunn.kernels import orders_native

    order = np.empty(rows, np.int32)
    orders_native.shuffle(rows, np.uint64(seed), random.ORDER, epoch, order)
    if labels is None:
        return order
    if classes > MANY * rows:
        return grouped(order, labels, batch, classes)
    orders_native.group(order, np.ascontiguousarray(labels), batch, classes)
    return order


def whole_batches(order: np.ndarray, batch: int, rows: int) -> np.ndarray:
    """Rows batch by batch in this order of batches; the short last batch stays last, so that all others begin at a multiple of `batch`."""
    if rows % batch:
        order = np.append(order[order != len(order) - 1], len(order) - 1)
    out = (order[:, None].astype(np.int64) * batch + np.arange(batch)).reshape(-1)
    return out[:rows].astype(np.int32)


def grouped(order: Any, labels: Any, batch: int, classes: int | None = None) -> Any:
    """The same batches, with the rows of each in order of their label: rows of a class are zero in the same places, which products skip.

    Sorted where the labels are: on a device, with an order that is there, too. `classes`: more than the largest label."""
    place = np.arange(len(order), dtype=np.int64, like=labels) // batch
    keys = (place * (int(labels.max()) + 1 if classes is None else classes) + labels[order]) << 32 | order
    keys.sort()
    return (keys & 0xFFFFFFFF).astype(np.int32)
