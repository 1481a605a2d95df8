"""``tensorflow_datasets``: the sets that `gpunn.datasets` has, under that library's names, as ``tf.data`` data sets."""

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunn.utils.dataset import Dataset

__all__ = ["Builder", "Info", "as_numpy", "builder", "disable_progress_bar", "enable_progress_bar", "list_builders", "load"]
SETS = ("cifar10", "cifar100", "fashion_mnist", "mnist")
SPLITS = ("train", "test")
PART = re.compile(r"(\w+)(?:\[(?:(-?\d+)(%?))?:(?:(-?\d+)(%?))?\])?")


@dataclass(frozen=True)
class Split:
    num_examples: int


@dataclass(frozen=True)
class Image:
    """``info.features["image"]``."""

    shape: tuple[int, ...]
    dtype: Any = np.uint8


@dataclass(frozen=True)
class ClassLabel:
    """``info.features["label"]``."""

    names: tuple[str, ...]
    shape: tuple[int, ...] = ()
    dtype: Any = np.int64

    @property
    def num_classes(self) -> int:
        return len(self.names)

    def int2str(self, number: int) -> str:
        return self.names[int(number)]

    def str2int(self, name: str) -> int:
        """Raises ValueError for a name that no class has."""
        return self.names.index(name)


@dataclass(frozen=True)
class Info:
    """What ``with_info=True`` gives besides."""

    name: str
    features: dict[str, Any]
    splits: dict[str, Split]
    supervised_keys: tuple[str, str] = ("image", "label")


class Builder:
    """One set: `as_dataset` and ``info``. Read, or downloaded, as `gpunn.datasets` does it. Raises ValueError for an unknown name."""

    def __init__(self, name: str):
        self.name = name.partition(":")[0]
        if self.name not in SETS:
            raise ValueError(f"tensorflow_datasets, as gpunn serves it, has: {', '.join(SETS)}. Received: {name!r}.")
        module = importlib.import_module(f"gpunn.datasets.{self.name}")
        self._parts = {}
        for split, (x, y) in zip(SPLITS, module.load_data(), strict=True):
            self._parts[split] = {"image": x if x.ndim == 4 else x[..., None], "label": y.reshape(-1).astype(np.int64)}
        image, label = self._parts["train"]["image"], self._parts["train"]["label"]
        names = getattr(module, "class_names", None) or tuple(str(i) for i in range(int(label.max()) + 1))
        self.info = Info(
            self.name, {"image": Image(image.shape[1:]), "label": ClassLabel(tuple(names))},
            {split: Split(len(part["label"])) for split, part in self._parts.items()},
        )

    def download_and_prepare(self, **unused: Any) -> None:
        """Nothing left to do."""

    def as_dataset(
        self, split: Any = None, batch_size: int | None = None, shuffle_files: bool = False, as_supervised: bool = False, **unused: Any,
    ) -> Any:
        """A `gpunn.utils.dataset.Dataset` of dicts, or with `as_supervised` of pairs, of uint8 images (height, width, channels) and int64
        labels. split: "train", "test", parts of them ("train[:80%]", "test[100:]"), sums ("train+test"), several in a list, each then one
        of a list; None for all, in a dict. batch_size: -1 gives whole arrays. Raises ValueError for another split."""
        if split is None:
            return {name: self.as_dataset(name, batch_size, shuffle_files, as_supervised) for name in SPLITS}
        if not isinstance(split, str):
            return [self.as_dataset(one, batch_size, shuffle_files, as_supervised) for one in split]
        parts = [self._rows(one.strip()) for one in split.split("+")]
        rows: Any = {key: np.concatenate([part[key] for part in parts]) if len(parts) > 1 else parts[0][key] for key in parts[0]}
        rows = (rows["image"], rows["label"]) if as_supervised else rows
        if batch_size == -1:
            return rows
        found = Dataset.from_tensor_slices(rows)
        return found if batch_size is None else found.batch(batch_size)

    def _rows(self, split: str) -> dict[str, np.ndarray]:
        match = PART.fullmatch(split)
        if match is None or match[1] not in SPLITS:
            raise ValueError(f"{self.name}: expected a split such as 'train', 'test[:20%]' or 'train[:1000]'. Received: {split!r}.")
        part = self._parts[match[1]]
        total = len(part["label"])
        ends = [
            None if number is None else round(total * int(number) / 100) if percent else int(number)
            for number, percent in ((match[2], match[3]), (match[4], match[5]))
        ]
        return {key: rows[slice(*ends)] for key, rows in part.items()}


def load(
    name: str, *, split: Any = None, data_dir: Any = None, batch_size: int | None = None, shuffle_files: bool = False,
    download: bool = True, as_supervised: bool = False, with_info: bool = False, **unused: Any,
) -> Any:
    """A set by its name; see `Builder`. ``with_info=True`` gives a pair with its `Info`. `data_dir` is not looked into: sets lie where
    `gpunn.datasets` looks for them."""
    made = Builder(name)
    found = made.as_dataset(split, batch_size, shuffle_files, as_supervised)
    return (found, made.info) if with_info else found


def builder(name: str, **unused: Any) -> Builder:
    return Builder(name)


def as_numpy(dataset: Any) -> Any:
    """The elements as NumPy arrays; arrays as they are."""

    def elements() -> Iterator[Any]:
        yield from dataset.as_numpy_iterator()

    return elements() if isinstance(dataset, Dataset) else dataset


def list_builders() -> list[str]:
    return list(SETS)


def disable_progress_bar() -> None:
    """gpunn shows one only for a download."""


enable_progress_bar = disable_progress_bar
