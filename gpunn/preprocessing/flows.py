"""Batches of images that an ImageDataGenerator changes: from arrays, from folders, from a table of files."""

import os
import pathlib
import threading
import warnings
from typing import Any

import numpy as np

from gpunn import random
from gpunn.datasets.image_folder import INTERPOLATIONS, MODES, SUFFIXES, ImageFolder, index_folder
from gpunn.datasets.labels import warn_of_flips
from gpunn.preprocessing.transforms import top_of
from gpunn.utils import Sequence, to_categorical

CLASS_MODES = ("categorical", "binary", "sparse", "input", None)
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
        if subset not in ("training", "validation") or not share:
            raise ValueError(
                "Argument subset of flow: expected 'training' or 'validation', and a validation_split of the generator. "
                f"Received: {subset!r} and {share!r}."
            )
        cut = int(len(parts[0]) * share)
        y = parts[1]
        if y is not None and not ignore and not np.array_equal(np.unique(y[:cut]), np.unique(y[cut:])):
            raise ValueError(
                "Training and validation subsets have different classes after the split: rows sorted by their labels must be shuffled "
                "first (or pass ignore_class_split=True)."
            )
        return [None if a is None else a[:cut] if subset == "validation" else a[cut:] for a in parts]

    def images(self, rows: np.ndarray) -> np.ndarray:
        return self.x[rows]

    def labelled(self, x: np.ndarray, rows: np.ndarray) -> Any:
        if self.y is None:
            return x
        batch = (x, self.y[rows])
        return batch if self.sample_weight is None else (*batch, self.sample_weight[rows])


class _Files(Iterator):
    """Images in files. Attributes: ``filenames``, ``filepaths``, ``classes``, ``class_indices``."""

    def __init__(
        self, generator: Any, paths: list[str], labels: Any, names: list[str], class_mode: str | None, target_size: Any, color_mode: str,
        interpolation: str, fit: str, batch_size: int, shuffle: bool, seed: int | None, save: tuple[Any, str, str], weights: Any = None,
    ):
        for name, value, known in (("color_mode", color_mode, tuple(MODES)), ("interpolation", interpolation, tuple(INTERPOLATIONS))):
            if value not in known:
                raise ValueError(f"Argument {name}: expected one of {known}. Received: {value!r}.")
        super().__init__(generator, len(paths), batch_size, shuffle, seed, save)
        size = (int(target_size[0]), int(target_size[1]))
        self.filepaths, self.classes, self.class_mode, self.target_size = paths, labels, class_mode, size
        self.class_indices = {name: number for number, name in enumerate(names)}
        self.sample_weight = weights
        self._folder = ImageFolder(paths, None, names, None, color_mode, int(batch_size), size, False, 0, INTERPOLATIONS[interpolation], fit)

    @property
    def num_classes(self) -> int:
        return len(self.class_indices)

    @property
    def samples(self) -> int:
        return self.n

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (*self.target_size, MODES[self._folder.mode][1])

    def images(self, rows: np.ndarray) -> np.ndarray:
        return np.stack([self._folder.image(self.filepaths[i]) for i in rows])

    def labelled(self, x: np.ndarray, rows: np.ndarray) -> Any:
        if self.class_mode is None:
            return x
        if self.class_mode == "input":
            y = x.copy()
        elif self.class_mode == "categorical":
            y = to_categorical(self.classes[rows], self.num_classes).astype(x.dtype)
        else:
            y = self.classes[rows] if self.class_mode in ("sparse", "raw") else self.classes[rows].astype(x.dtype)
        return (x, y) if self.sample_weight is None else (x, y, self.sample_weight[rows])


class DirectoryIterator(_Files):
    """Batches of images in folders. See `ImageDataGenerator.flow_from_directory`."""

    def __init__(
        self, directory: Any, image_data_generator: Any, target_size: Any = (256, 256), color_mode: str = "rgb", classes: Any = None,
        class_mode: str | None = "categorical", batch_size: int = 32, shuffle: bool = True, seed: int | None = None,
        save_to_dir: Any = None, save_prefix: str = "", save_format: str = "png", follow_links: bool = False, subset: str | None = None,
        interpolation: str = "nearest", keep_aspect_ratio: bool = False,
    ):
        if class_mode not in CLASS_MODES:
            raise ValueError(f"Argument class_mode: expected one of {CLASS_MODES}. Received: {class_mode!r}.")
        root = pathlib.Path(directory)
        if not root.is_dir():
            raise ValueError(f"Argument directory: expected a folder. Received: {os.fspath(directory)!r}.")
        names, paths, numbers = index_folder(root, "inferred", classes, follow_links)
        share = image_data_generator._validation_split
        if subset is not None:
            if subset not in ("training", "validation") or not share:
                raise ValueError(
                    "Argument subset: expected 'training' or 'validation', and a validation_split of the generator. "
                    f"Received: {subset!r} and {share!r}."
                )
            kept = _share_of_each(numbers, share, subset == "validation")
            paths, numbers = [paths[i] for i in kept], np.asarray(numbers)[kept]
        if not paths:
            raise ValueError(f"Argument directory: no images were found in {os.fspath(directory)!r}. Expected files that end in {SUFFIXES}.")
        self.directory = os.fspath(directory)
        self.filenames = [os.path.relpath(path, root) for path in paths]
        save = (save_to_dir, save_prefix, save_format)
        super().__init__(
            image_data_generator, paths, numbers, names, class_mode, target_size, color_mode, interpolation,
            "crop" if keep_aspect_ratio else "stretch", batch_size, shuffle, seed, save,
        )
        print(f"Found {len(paths)} images belonging to {len(names)} classes.")


def _share_of_each(numbers: Any, share: float, first: bool) -> np.ndarray:
    """The first share of every class's files, or the rest of them."""
    kept = []
    for number in np.unique(numbers):
        places = np.flatnonzero(numbers == number)
        cut = int(share * len(places))
        kept.append(places[:cut] if first else places[cut:])
    return np.concatenate(kept) if kept else np.zeros(0, int)


class DataFrameIterator(_Files):
    """Batches of images named in a pandas table. See `ImageDataGenerator.flow_from_dataframe`."""

    def __init__(
        self, dataframe: Any, directory: Any, image_data_generator: Any, x_col: str = "filename", y_col: Any = "class",
        weight_col: str | None = None, target_size: Any = (256, 256), color_mode: str = "rgb", classes: Any = None,
        class_mode: str | None = "categorical", batch_size: int = 32, shuffle: bool = True, seed: int | None = None,
        save_to_dir: Any = None, save_prefix: str = "", save_format: str = "png", subset: str | None = None,
        interpolation: str = "nearest", validate_filenames: bool = True,
    ):
        if class_mode not in (*CLASS_MODES, "raw"):
            raise ValueError(f"Argument class_mode: expected one of {(*CLASS_MODES, 'raw')}. Received: {class_mode!r}.")
        columns = [x_col] if class_mode in (None, "input") else [x_col, *(y_col if isinstance(y_col, (list, tuple)) else [y_col])]
        missing = [c for c in [*columns, *([] if weight_col is None else [weight_col])] if c not in dataframe.columns]
        if missing:
            raise ValueError(f"Argument dataframe: expected columns {missing}. Received: {list(dataframe.columns)}.")
        table = dataframe
        full = [os.path.join(directory or "", str(name)) for name in table[x_col]]
        if validate_filenames:
            good = np.array([p.lower().endswith(SUFFIXES) and os.path.isfile(p) for p in full], bool)
            if not good.all():
                warnings.warn(f"Found {int((~good).sum())} names in column {x_col!r} without an image file. They are left out.", stacklevel=3)
            table, full = table[good], [p for p, there in zip(full, good, strict=True) if there]
        share = image_data_generator._validation_split
        if subset is not None and share:
            cut = int(share * len(full))
            part = slice(0, cut) if subset == "validation" else slice(cut, None)
            table, full = table.iloc[part], full[part]
        if not full:
            raise ValueError("Argument dataframe: no images are left to read. Received: a table without files that are there.")
        labels, names = self._labels(table, y_col, classes, class_mode)
        self.filenames = [str(name) for name in table[x_col]]
        weights = None if weight_col is None else table[weight_col].to_numpy(np.float32)
        super().__init__(
            image_data_generator, full, labels, names, class_mode, target_size, color_mode, interpolation, "stretch", batch_size, shuffle,
            seed, (save_to_dir, save_prefix, save_format), weights,
        )

    @staticmethod
    def _labels(table: Any, y_col: Any, classes: Any, class_mode: str | None) -> tuple[Any, list[str]]:
        if class_mode in (None, "input"):
            return None, []
        if class_mode == "raw":
            return table[list(y_col) if isinstance(y_col, tuple) else y_col].to_numpy(), []
        names = sorted(table[y_col].unique()) if classes is None else list(classes)
        unknown = sorted(set(table[y_col]) - set(names))
        if unknown or (class_mode == "binary" and len(names) != 2):
            raise ValueError(
                f"Argument y_col: expected labels of the classes {names}" + (", two of them" if class_mode == "binary" else "")
                + f". Received also: {unknown}."
            )
        number = {name: i for i, name in enumerate(names)}
        return np.array([number[label] for label in table[y_col]], np.int32), [str(n) for n in names]
