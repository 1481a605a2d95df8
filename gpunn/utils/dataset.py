"""Dataset: rows and batches through plain steps, as TensorFlow's ``tf.data.Dataset`` has them, on NumPy."""

import glob
import itertools
import math
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gpunn import random
from gpunn.backend.traced import refuse
from gpunn.results import dressed
from gpunn.utils import element_spec as specs
from gpunn.utils.element_spec import INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, Described, Elements
from gpunn.utils.interleaved import interleaved
from gpunn.utils.padded import padded
from gpunn.utils.structures import arrays, called, first_leaf, mapped

__all__ = ["AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", "Dataset"]
AUTOTUNE = -1
Items = Callable[[], Iterator[Any]]


class Dataset(Described):
    """Elements one after another: arrays, or tuples and dicts of them. `fit`, `evaluate` and `predict` take one of batches.

    Made by `from_tensor_slices`, `from_generator`, `range`, `zip`; every method gives another one and leaves this as it is. Nothing is
    worked out before somebody iterates, and anew by each who does; `shuffle` then draws another order. Functions given to `map` and
    `filter` take NumPy arrays.
    """

    def __init__(self, items: Items, count: float | None, arrays: Any = None, spec: Any = None):
        """items: makes an iterator of elements or, with `arrays`, of numbers of their rows; count: None where nobody knows, or infinite;
        spec: see `Described`."""
        self._items, self._count, self._arrays, self._spec = items, count, arrays, spec

    # ------------------------------------------------------------------ where elements come from
    @classmethod
    def from_tensor_slices(cls, tensors: Any, name: str | None = None) -> "Dataset":
        """The rows of an array, or of several in tuples and dicts. Raises ValueError where they have not one number of rows."""
        arrays = mapped(np.asarray, tensors)
        lengths: list[int] = []
        mapped(lambda a: lengths.append(len(a)), arrays)
        if len(set(lengths)) != 1:
            raise ValueError(f"Dataset.from_tensor_slices: expected arrays of as many rows each. Received: {lengths}.")
        return cls(lambda: iter(range(lengths[0])), lengths[0], arrays)

    @classmethod
    def from_tensors(cls, tensors: Any, name: str | None = None) -> "Dataset":
        """One element."""
        element = mapped(np.asarray, tensors)
        return cls(lambda: iter([element]), 1)

    @classmethod
    def from_generator(
        cls, generator: Callable[..., Any], output_types: Any = None, output_shapes: Any = None, args: Any = None,
        output_signature: Any = None, name: str | None = None,
    ) -> "Dataset":
        """What a function's iterator gives, as arrays of the types of `output_types` or `output_signature`, if given."""
        if not callable(generator):
            raise TypeError(f"Dataset.from_generator: expected a function that returns an iterator. Received: {type(generator).__name__}.")
        types = output_types if output_signature is None else mapped(lambda spec: spec.dtype, output_signature)

        def items() -> Iterator[Any]:
            for element in generator(*(args or ())):
                yield mapped(np.asarray, element) if types is None else mapped(lambda kind, v: np.asarray(v, kind), types, element)

        return cls(items, None, spec=specs.declared(output_signature, output_types, output_shapes))

    @classmethod
    def list_files(cls, file_pattern: Any, shuffle: bool | None = None, seed: int | None = None, name: str | None = None) -> "Dataset":
        """The paths that a pattern, or several, stand for, in random order unless told otherwise. Raises ValueError where there is none."""
        patterns = [os.fspath(p) for p in ([file_pattern] if isinstance(file_pattern, (str, os.PathLike)) else np.atleast_1d(file_pattern))]
        found = sorted(path for pattern in patterns for path in glob.glob(str(pattern)))
        if not found:
            raise ValueError(f"Dataset.list_files: expected a pattern of files that are there. Received: {file_pattern!r}.")
        paths = cls.from_tensor_slices(np.array(found))
        return paths if shuffle is False else paths.shuffle(len(found), seed)

    @classmethod
    def range(cls, *args: int, output_type: Any = "int64", name: str | None = None) -> "Dataset":
        """Numbers, as Python's range has them."""
        return cls.from_tensor_slices(np.arange(*args, dtype=output_type))

    @classmethod
    def zip(cls, *args: Any, datasets: Any = None, name: str | None = None) -> "Dataset":
        """Elements of several side by side, in a tuple (or a dict) as they are given."""
        given = datasets if datasets is not None else args[0] if len(args) == 1 else args
        parts: list[Dataset] = []
        mapped(parts.append, given)
        counts = [part._count for part in parts]

        def items() -> Iterator[Any]:
            for elements in zip(*parts, strict=False):
                rest = iter(elements)
                yield mapped(lambda _: next(rest), given)  # noqa: B023

        return cls(items, None if None in counts else min(c for c in counts if c is not None), spec=specs.side_by_side(given))

    # ------------------------------------------------------------------ reading
    def _elements(self) -> Iterator[Any]:
        if self._arrays is None:
            return self._items()
        return (mapped(lambda a: a[i], self._arrays) for i in self._items())  # noqa: B023  used at once

    def __iter__(self) -> Iterator[Any]:
        for e in self._elements():
            refuse("takes what is next of a data set")
            yield e if isinstance(e, Dataset) else mapped(lambda v: dressed(np.asarray(v)), e)

    def as_numpy_iterator(self) -> "Elements":
        """The elements as NumPy arrays and numbers."""
        return Elements(mapped(lambda v: np.asarray(v)[()], e) for e in self._elements())

    # ------------------------------------------------------------------ order and number
    def _same(self, items: Items, count: float | None) -> "Dataset":
        return Dataset(items, count, self._arrays, self._spec)

    def shuffle(
        self, buffer_size: int, seed: int | None = None, reshuffle_each_iteration: bool = True, name: str | None = None
    ) -> "Dataset":
        """In random order: each is drawn among the next `buffer_size`. By default the order follows from `set_random_seed`."""
        if buffer_size < 1:
            raise ValueError(f"Dataset.shuffle: expected a buffer_size of at least 1. Received: {buffer_size}.")
        key, passes = [random.current_seed(), random.next_stream()] if seed is None else [seed], itertools.count()

        def items() -> Iterator[Any]:
            rng = np.random.default_rng([*key, next(passes) if reshuffle_each_iteration else 0])
            source = self._items()
            kept = list(itertools.islice(source, buffer_size))
            if len(kept) < buffer_size:  # all of them
                yield from (kept[i] for i in rng.permutation(len(kept)))
                return
            for item in source:
                place = int(rng.integers(buffer_size))
                kept[place], out = item, kept[place]
                yield out
            yield from (kept[i] for i in rng.permutation(len(kept)))

        return self._same(items, self._count)

    def repeat(self, count: int | None = None, name: str | None = None) -> "Dataset":
        """So many times; None or -1: without end."""
        forever = count is None or count < 0

        def items() -> Iterator[Any]:
            for _ in itertools.repeat(None) if forever else itertools.repeat(None, count or 0):
                empty = True
                for item in self._items():
                    empty = False
                    yield item
                if empty:
                    return

        if self._count == 0 or count == 0:
            return self._same(items, 0)
        return self._same(items, math.inf if forever else self._count and self._count * (count or 0))

    def take(self, count: int, name: str | None = None) -> "Dataset":
        """The first ones; -1: all."""
        if count < 0:
            return self
        return self._same(lambda: itertools.islice(self._items(), count), None if self._count is None else min(self._count, count))

    def skip(self, count: int, name: str | None = None) -> "Dataset":
        """All but the first ones; -1: none."""
        left = None if self._count is None else max(0, self._count - count)
        return self._same(lambda: itertools.islice(self._items(), count, None), left) if count >= 0 else self.take(0)

    def shard(self, num_shards: int, index: int, name: str | None = None) -> "Dataset":
        """Every `num_shards`-th, from the one of this index on."""
        left = None if self._count is None or self.endless else len(range(index, int(self._count), num_shards))
        return self._same(lambda: itertools.islice(self._items(), index, None, num_shards), math.inf if self.endless else left)

    def concatenate(self, dataset: "Dataset", name: str | None = None) -> "Dataset":
        """These, then those."""
        counts = (self._count, dataset._count)
        return Dataset(
            lambda: itertools.chain(self._elements(), dataset._elements()),
            None if None in counts else counts[0] + counts[1], spec=self._spec,  # type: ignore[operator]
        )

    def cache(self, filename: str = "", name: str | None = None) -> "Dataset":
        """Elements are worked out once and kept in memory."""
        if self._arrays is not None:
            return self
        kept: list[Any] = []
        done = False

        def items() -> Iterator[Any]:
            nonlocal done
            if done:
                yield from kept
                return
            fresh = []
            for item in self._items():
                fresh.append(item)
                yield item
            kept[:], done = fresh, True

        return self._same(items, self._count)

    def prefetch(self, buffer_size: int, name: str | None = None) -> "Dataset":
        """As it is: `fit` takes batches ahead in any case."""
        return self

    def with_options(self, options: Any, name: str | None = None) -> "Dataset":
        """As it is."""
        return self

    # ------------------------------------------------------------------ batches and functions
    def batch(
        self, batch_size: int, drop_remainder: bool = False, num_parallel_calls: Any = None, deterministic: Any = None,
        name: str | None = None,
    ) -> "Dataset":
        """So many elements at a time, put together along a new first axis; the last batch may be short, or is left out."""
        if batch_size < 1:
            raise ValueError(f"Dataset.batch: expected a batch_size of at least 1. Received: {batch_size}.")

        def items() -> Iterator[Any]:
            source = self._items()
            while (some := list(itertools.islice(source, batch_size))) and not (drop_remainder and len(some) < batch_size):
                yield mapped(lambda *rows: np.stack(rows), *some) if self._arrays is None else mapped(lambda a: a[some], self._arrays)

        count = self._count
        if count is not None and count != math.inf:
            count = count // batch_size if drop_remainder else -(-count // batch_size)
        return Dataset(items, count, spec=specs.batched(self, batch_size if drop_remainder else None))

    def padded_batch(
        self, batch_size: int, padded_shapes: Any = None, padding_values: Any = None, drop_remainder: bool = False, name: str | None = None
    ) -> "Dataset":
        """Batches of arrays of different lengths: each axis is filled up to the longest of the batch, or to `padded_shapes`, with 0, "" or
        `padding_values`."""
        count = self.batch(batch_size, drop_remainder)._count
        return Dataset(
            lambda: padded(self._elements(), batch_size, padded_shapes, padding_values, drop_remainder), count,
            spec=specs.filled_up(self, batch_size if drop_remainder else None, padded_shapes),
        )

    def unbatch(self, name: str | None = None) -> "Dataset":
        """The rows of each element, one by one."""

        def items() -> Iterator[Any]:
            for element in self._elements():
                for i in range(len(first_leaf(element))):
                    yield mapped(lambda a: a[i], element)  # noqa: B023

        return Dataset(items, None)

    def window(
        self, size: int, shift: int | None = None, stride: int = 1, drop_remainder: bool = False, name: str | None = None
    ) -> "Dataset":
        """A `Dataset` of `size` elements from every `shift`-th on, `stride` apart: for `flat_map`."""

        def items() -> Iterator[Any]:
            kept, first = list(self._elements()), 0
            while first < len(kept):
                inside = kept[first : first + (size - 1) * stride + 1 : stride]
                if len(inside) < size and drop_remainder:
                    return
                yield Dataset(lambda inside=inside: iter(inside), len(inside))  # type: ignore[misc]
                first += shift or size

        return Dataset(items, None)

    def map(
        self, map_func: Callable[..., Any], num_parallel_calls: Any = None, deterministic: Any = None, name: str | None = None
    ) -> "Dataset":
        """A function of each element, whose parts it takes one by one where that is a tuple."""
        return specs.as_open(Dataset(lambda: (arrays(called(map_func, e)) for e in self), self._count), self)

    def flat_map(self, map_func: Callable[..., "Dataset"], name: str | None = None) -> "Dataset":
        """The elements of the datasets that a function makes of each element."""
        return Dataset(lambda: (inner for e in self for inner in called(map_func, e)._elements()), None)

    def interleave(
        self, map_func: Callable[..., "Dataset"], cycle_length: int | None = None, block_length: int = 1, *unused: Any, **options: Any
    ) -> "Dataset":
        """As `flat_map`, but `block_length` elements of each of `cycle_length` datasets (1 if not given) in turn; one that ends gives its
        turns to the next. Raises ValueError for a `block_length` below 1."""
        if block_length < 1:
            raise ValueError(f"Dataset.interleave: expected block_length of 1 or more. Received: {block_length!r}.")
        cycle = max(cycle_length or 1, 1)
        return Dataset(lambda: interleaved((called(map_func, e)._elements() for e in self), cycle, block_length), None)

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> "Dataset":
        """Those of which a function is true."""
        return Dataset(lambda: (e for e in self._elements() if bool(called(predicate, e))), None, spec=self._spec)

    def enumerate(self, start: int = 0, name: str | None = None) -> "Dataset":
        """(number, element)."""
        return Dataset(
            lambda: ((np.asarray(n, np.int64), e) for n, e in enumerate(self._elements(), start)), self._count,
            spec=lambda: (specs.TensorSpec((), "int64"), self.element_spec),
        )

    def apply(self, transformation_func: Callable[["Dataset"], "Dataset"]) -> "Dataset":
        """What a function makes of this."""
        return transformation_func(self)

    def reduce(self, initial_state: Any, reduce_func: Callable[[Any, Any], Any], name: str | None = None) -> Any:
        """``state = f(state, element)`` over all of them."""
        for element in self:
            initial_state = reduce_func(initial_state, element)
        return initial_state
