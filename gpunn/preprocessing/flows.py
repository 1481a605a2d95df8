"""Batches of images that an ImageDataGenerator changes: from arrays; `file_flows` has those from files."""

import pathlib
import threading
from typing import Any

import numpy as np

from gpunn import random
from gpunn.backend.traced import refuse
from gpunn.datasets.labels import warn_of_flips
from gpunn.preprocessing.transforms import top_of
from gpunn.training.changes import InStep
from gpunn.utils import Sequence

ORDER, DRAWN = random.ORDER + 3, random.ORDER + 4  # streams of row orders and of changes


class Iterator(Sequence):
    """Batches by number for `fit`, and without end for ``next``. Every pass has its own order of the rows, and its own changes.

    Attributes: ``n`` (rows), ``batch_size``, ``shuffle``, ``seed``, ``batch_index``, ``total_batches_seen``.
    """

    top = 255.0

    def __init__(self, generator: Any, n: int, batch_size: int, shuffle: bool, seed: int | None, save: tuple[Any, str, str]):
        super().__init__(workers=1)
        if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise ValueError(f"Argument batch_size: expected a positive integer. Received: {batch_size!r}.")
        self.image_data_generator, self.n, self.batch_size, self.shuffle = generator, n, int(batch_size), bool(shuffle)
        self.seed = random.current_seed() if seed is None else int(seed)
        self.own = 0 if seed is not None else random.next_stream() << 8  # flows without a seed draw apart
        self.batch_index = self.total_batches_seen = 0
        self.save_to_dir, self.save_prefix, self.save_format = save
        self._passes = -1
        self._lock = threading.Lock()
        self._order = np.arange(n)

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def on_epoch_begin(self) -> None:
        """Another order in every pass, which follows from the seed."""
        self._passes += 1
        self.batch_index = 0
        if self.shuffle:
            self._order = random.permutation(self.n, self.seed, ORDER + self.own, self._passes)

    def reset(self) -> None:
        """``next`` begins a new pass."""
        self.batch_index = 0

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise ValueError(f"There are {len(self)} batches. Received: index {index}.")
        index %= len(self)
        if self._passes < 0:
            self.on_epoch_begin()
        self.total_batches_seen += 1
        rows = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        step = self._passes * len(self) + index
        x = self.image_data_generator.batch(self.images(rows), (step, self.seed, DRAWN + self.own), self.top)
        if self.save_to_dir is not None:
            self._save(x, rows, step)
        return self.labelled(x, rows)

    def __iter__(self) -> "Iterator":
        return self

    def __next__(self) -> Any:
        refuse("takes what is next of a flow")
        with self._lock:
            if self.batch_index == 0:
                self.on_epoch_begin()
            index, self.batch_index = self.batch_index, (self.batch_index + 1) % len(self)
        return self[index]

    def images(self, rows: np.ndarray) -> np.ndarray:
        """The images of these rows, as they are."""
        raise NotImplementedError

    def labelled(self, x: np.ndarray, rows: np.ndarray) -> Any:
        """What a batch is beside its images."""
        raise NotImplementedError

    def _save(self, x: np.ndarray, rows: np.ndarray, step: int) -> None:
        from gpunn.preprocessing.files import array_to_img

        folder = pathlib.Path(self.save_to_dir)
        for image, row in zip(x, rows, strict=True):
            array_to_img(image, scale=True).save(folder / f"{self.save_prefix}_{row}_{step}.{self.save_format}")


class NumpyArrayIterator(Iterator):
    """Batches of arrays: x, (x, y) or (x, y, sample_weight). See `ImageDataGenerator.flow`."""

    def __init__(
        self, x: Any, y: Any, image_data_generator: Any, batch_size: int = 32, shuffle: bool = False, sample_weight: Any = None,
        seed: int | None = None, save_to_dir: Any = None, save_prefix: str = "", save_format: str = "png",
        ignore_class_split: bool = False, subset: str | None = None,
    ):
        x = np.asarray(x)
        if x.ndim != 4 or len(x) == 0:
            raise ValueError(f"Argument x of flow: expected images, an array (rows, height, width, channels). Received: shape {x.shape}.")
        if x.dtype.kind not in "iubf":
            raise ValueError(f"Argument x of flow: expected an array of numbers. Received: dtype {x.dtype}.")
        if y is not None and image_data_generator.flips:
            warn_of_flips(y)
        parts = [x]
        for name, value in (("y", y), ("sample_weight", sample_weight)):
            values = None if value is None else np.asarray(value)
            if values is not None and (values.ndim == 0 or len(values) != len(x)):
                raise ValueError(f"Argument {name} of flow: expected as many rows as x, {len(x)}. Received: shape {values.shape}.")
            parts.append(values)
        if subset is not None:
            parts = self._subset(parts, subset, image_data_generator._validation_split, ignore_class_split)
        self.x, self.y, self.sample_weight = parts
        self.x = self.x if self.x.dtype == np.uint8 else self.x.astype(image_data_generator.dtype, copy=False)
        self.top = top_of(self.x)
        super().__init__(image_data_generator, len(self.x), batch_size, shuffle, seed, (save_to_dir, save_prefix, save_format))

    @staticmethod
    def _subset(parts: list[Any], subset: str, share: float, ignore: bool) -> list[Any]:
        check_subset(subset, share)
        cut = int(len(parts[0]) * share)
        y = parts[1]
        if y is not None and not ignore and not np.array_equal(np.unique(y[:cut]), np.unique(y[cut:])):
            raise ValueError(
                "Training and validation subsets have different classes after the split: rows sorted by their labels must be shuffled "
                "first (or pass ignore_class_split=True)."
            )
        return [None if a is None else a[:cut] if subset == "validation" else a[cut:] for a in parts]

    def in_step(self) -> InStep | None:
        """The arrays and the changes, for `fit` to make them part of its recorded step; None where a batch needs the host: with a
        preprocessing_function, samplewise standards, zca_whitening, shifts from a list, pictures to save, or without labels. The changes
        are drawn from the model's random state then (or from the flow's seed), and the rows take the order of any array in `fit`."""
        generator = self.image_data_generator
        if not generator.launches_only or self.save_to_dir is not None or self.y is None:
            return None

        def change(ops: Any, x: Any, rng: Any) -> Any:
            source = (rng.step, self.seed if self.own == 0 else rng.seed, DRAWN)
            return generator.scaled(ops, generator.change(ops, x, source, self.top))

        return InStep(self.x, self.y, self.sample_weight, self.batch_size, self.shuffle, change)

    def images(self, rows: np.ndarray) -> np.ndarray:
        return self.x[rows]

    def labelled(self, x: np.ndarray, rows: np.ndarray) -> Any:
        if self.y is None:
            return x
        batch = (x, self.y[rows])
        return batch if self.sample_weight is None else (*batch, self.sample_weight[rows])


def check_subset(subset: Any, share: float) -> None:
    """Raises ValueError for a subset that is none, or where nothing was set aside."""
    if subset not in ("training", "validation") or not share:
        raise ValueError(
            "Argument subset: expected 'training' or 'validation', and a validation_split of the generator. "
            f"Received: {subset!r} and {share!r}."
        )
