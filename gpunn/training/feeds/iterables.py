"""Batches that somebody else makes: generators, iterables such as PyTorch's DataLoader, and sequences with a length and an index."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gpunn.training.feeds.base import shuffled
from gpunn.training.feeds.sources import check_hdf5

ARRAYS = ("__array__", "__dlpack__", "__cuda_array_interface__", "__array_interface__", "dtype")


class Batched:
    """Where batches come from. ``count``: batches in a pass, None where nobody knows; ``passes``: whether a pass can be begun again;
    ``endless``: whether a pass is known to have no end;
    ``beside``: whether batches may be made in a thread beside the steps; ``ahead``: how many may wait."""

    kind = "a generator"
    count: int | None = None
    passes = False
    endless = False

    def __init__(self, given: Any, workers: int, ahead: int):
        self.given, self.beside, self.ahead = given, workers > 0, ahead

    def begin(self, order: Callable[[int], Any]) -> Iterator[Any]:
        """A pass over the batches; ``order(n)`` gives the order of n of them."""
        return self.given

    def epoch_ends(self) -> None:
        """Called after each epoch."""


class FromIterable(Batched):
    """Anything that can be iterated again and again."""

    passes = True

    def __init__(self, given: Any, workers: int, ahead: int):
        super().__init__(given, workers, ahead)
        self.kind, self.endless = f"a {type(given).__name__}", bool(getattr(given, "endless", False))
        try:
            self.count = len(given)
        except TypeError:  # a loader over a stream has none
            self.count = None

    def begin(self, order: Callable[[int], Any]) -> Iterator[Any]:
        return iter(self.given)


class FromSequence(Batched):
    """Objects with ``__getitem__`` and ``__len__``, as Keras's Sequence and PyDataset: batch by batch, in an order of ours. With several
    workers as many threads make batches, which are taken in that order all the same."""

    passes = True

    def __init__(self, given: Any, workers: int, ahead: int):
        super().__init__(given, workers, ahead)
        self.kind, self.workers = f"a {type(given).__name__}", workers
        self.count = given.num_batches if hasattr(given, "num_batches") else len(given)

    def begin(self, order: Callable[[int], Any]) -> Iterator[Any]:
        if hasattr(self.given, "on_epoch_begin"):
            self.given.on_epoch_begin()
        numbers = itertools.count() if self.count is None else map(int, order(self.count))
        return self._together(numbers) if self.workers > 1 else map(self.given.__getitem__, numbers)

    def _together(self, numbers: Iterator[int]) -> Iterator[Any]:
        with ThreadPoolExecutor(self.workers, "gpunn batches") as pool:
            waiting = [pool.submit(self.given.__getitem__, i) for i in itertools.islice(numbers, self.ahead)]
            try:
                while waiting:
                    yield waiting.pop(0).result()
                    waiting += [pool.submit(self.given.__getitem__, i) for i in itertools.islice(numbers, 1)]
            finally:
                for future in waiting:
                    future.cancel()

    def epoch_ends(self) -> None:
        if hasattr(self.given, "on_epoch_end"):
            self.given.on_epoch_end()
            if self.count is not None:
                self.count = self.given.num_batches if hasattr(self.given, "num_batches") else len(self.given)


def batched(value: Any, workers: int | None = None, ahead: int | None = None) -> Batched | None:
    """Where batches come from when `value` gives them; None for arrays (and for whatever else is no source of batches).

    Raises ValueError for a data set of single rows, and for HDF5 that is no open dataset.
    """
    check_hdf5(value, "x")
    if value is None or isinstance(value, (Sequence, Mapping, Set, memoryview)) or any(hasattr(value, name) for name in ARRAYS):
        return None
    if any(c.__name__ == "Dataset" and c.__module__.startswith("torch.utils.data") for c in type(value).__mro__):
        raise ValueError(f"Argument x: expected batches. Received: a {type(value).__name__}, which gives rows. Wrap it in a DataLoader.")
    if workers is None:
        workers = getattr(value, "workers", 1) if hasattr(value, "__getitem__") else 1
    if ahead is None:
        ahead = getattr(value, "max_queue_size", 10)
    if hasattr(value, "__getitem__") and (hasattr(value, "__len__") or hasattr(value, "num_batches")):
        return FromSequence(value, workers, ahead)
    if hasattr(value, "__next__"):
        return Batched(value, workers, ahead)
    return FromIterable(value, workers, ahead) if hasattr(value, "__iter__") else None


def order_of(seed: int, epoch: int, shuffle: Any) -> Callable[[int], Any]:
    """The order of batches in an epoch, drawn as that of rows is."""
    return lambda n: shuffled(n, 1, seed, epoch, bool(shuffle))
