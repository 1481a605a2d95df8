"""Batches of images in files that an ImageDataGenerator changes: from folders, from a table of names."""

import os
import pathlib
import warnings
from typing import Any

import numpy as np

from gpunn.datasets.folders import index_folder
from gpunn.datasets.image_folder import INTERPOLATIONS, MODES, SUFFIXES, ImageFolder
from gpunn.preprocessing.flows import Iterator, check_subset
from gpunn.utils import to_categorical

CLASS_MODES = ("categorical", "binary", "sparse", "input", None)


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
        how = INTERPOLATIONS[interpolation]
        self._folder = ImageFolder(paths, None, names, None, color_mode, int(batch_size), size, False, 0, how, fit)

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
        names, paths, numbers = index_folder(root, "inferred", classes, follow_links, SUFFIXES, some=True)
        if class_mode == "binary" and len(names) > 2:
            raise ValueError(f"Argument class_mode: 'binary' is for two classes. Received: {len(names)}, {names}.")
        share = image_data_generator._validation_split
        if subset is not None:
            check_subset(subset, share)
            kept = _share_of_each(numbers, share, subset == "validation")
            paths, numbers = [paths[i] for i in kept], np.asarray(numbers)[kept]
        if not paths:
            where = os.fspath(directory)
            raise ValueError(f"Argument directory: no images were found in {where!r}. Expected files that end in {SUFFIXES}.")
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
                lost = int((~good).sum())
                warnings.warn(f"Found {lost} names in column {x_col!r} without an image file. They are left out.", stacklevel=3)
            table, full = table[good], [p for p, there in zip(full, good, strict=True) if there]
        share = image_data_generator._validation_split
        if subset is not None:
            check_subset(subset, share)
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
