"""Files in folders, one folder for each class: found, mixed, and cut into two parts."""

import os
import pathlib
from collections.abc import Callable
from collections.abc import Sequence as ListLike
from typing import Any

import numpy as np

from gpunn.random import ORDER, permutation

LABEL_MODES = ("int", "categorical", "binary", None)
SUBSETS = ("training", "validation", "both", None)


def check_choices(*choices: tuple[str, Any, tuple[Any, ...]]) -> None:
    """(name of an argument, its value, those that there are). Raises ValueError for another one."""
    for name, value, known in choices:
        if value not in known:
            raise ValueError(f"Argument {name}: expected one of {known}. Received: {value!r}.")


def check_folder(directory: Any) -> pathlib.Path:
    """Raises ValueError for what is no folder."""
    root = pathlib.Path(directory)
    if not root.is_dir():
        raise ValueError(f"Argument directory: expected a folder. Received: {os.fspath(directory)!r}.")
    return root


def check_cut(validation_split: float | None, subset: str | None, shuffle: bool, seed: int | None) -> None:
    """Raises ValueError where the two do not go together, or two calls would cut different orders."""
    if (validation_split is None) != (subset is None) or (validation_split is not None and not 0 < validation_split < 1):
        raise ValueError(
            f"Arguments validation_split and subset: expected a share between 0 and 1 and one of {SUBSETS[:3]}, or neither. "
            f"Received: {validation_split!r} and {subset!r}."
        )
    if validation_split is not None and shuffle and seed is None:
        raise ValueError("Argument seed: expected an integer, as both subsets must be cut from the same order. Received: None.")


def found(
    root: pathlib.Path, labels: Any, label_mode: str | None, class_names: ListLike[str] | None, follow: bool, suffixes: tuple[str, ...],
    what: str, mixed_by: int | None, verbose: bool,
) -> tuple[list[str], list[str], np.ndarray | None]:
    """-> (names of classes, paths, the class of each or None), in the order of a seed, or of their names. Raises ValueError where there are
    none, or not two classes for "binary"."""
    names, paths, numbers = index_folder(root, labels, class_names, follow, suffixes)
    if label_mode == "binary" and len(names) != 2:
        raise ValueError(f"Argument label_mode: 'binary' needs two classes. Received: {len(names)}.")
    if not paths:
        raise ValueError(f"Argument directory: no {what} were found in {str(root)!r}. Expected files that end in {suffixes}.")
    if mixed_by is not None:
        order = permutation(len(paths), mixed_by, stream=ORDER + 2)
        paths, numbers = [paths[i] for i in order], None if numbers is None else numbers[order]
    if verbose:
        print(f"Found {len(paths)} files" + (f" belonging to {len(names)} classes." if numbers is not None else "."))
    return names, paths, numbers


def cut(count: int, validation_split: float | None, subset: str | None, made: Callable[[int, int], Any]) -> Any:
    """``made(first, end)`` of all files, or of a part; of both parts a pair. Raises ValueError where a part is empty."""
    if validation_split is None:
        return made(0, count)
    at = count - int(validation_split * count)
    if at in (0, count):
        raise ValueError(f"Argument validation_split: {validation_split} of {count} files leaves a part empty.")
    training, validation = made(0, at), made(at, count)
    return {"training": training, "validation": validation, "both": (training, validation)}[str(subset)]


def index_folder(
    root: pathlib.Path, labels: Any, given: ListLike[str] | None, follow: bool, suffixes: tuple[str, ...], some: bool = False
) -> tuple[list[str], list[str], np.ndarray | None]:
    """-> (names of classes, paths in order, the class of each or None). `given`: names of all folders, or with `some` of those to read."""

    def files(folder: pathlib.Path) -> list[str]:
        walk = sorted(os.walk(folder, followlinks=follow))
        return [os.path.join(at, f) for at, _, found in walk for f in sorted(found) if f.lower().endswith(suffixes)]

    if not isinstance(labels, str):
        paths = files(root)
        if labels is None:
            return [], paths, None
        if len(labels) != len(paths):
            raise ValueError(f"Argument labels: expected one a file, {len(paths)}. Received: {len(labels)}.")
        numbers = np.asarray(labels)
        if numbers.dtype.kind not in "iu" or numbers.min(initial=0) < 0:
            raise ValueError(f"Argument labels: expected numbers of classes from 0. Received: {numbers.dtype}.")
        return [str(n) for n in range(int(numbers.max(initial=-1)) + 1)], paths, numbers.astype(np.int32)
    if labels != "inferred":
        raise ValueError(f"Argument labels: expected 'inferred', a list of numbers or None. Received: {labels!r}.")
    folders = sorted(p.name for p in root.iterdir() if p.is_dir())
    names = folders if given is None else list(given)
    if some and (len(set(names)) < len(names) or not set(names) <= set(folders)):
        raise ValueError(f"Argument classes: expected names of folders, each once, of {folders}. Received: {names}.")
    if not some and set(names) != set(folders):
        raise ValueError(f"Argument class_names: expected the names of the folders, {folders}. Received: {names}.")
    paths, classes = [], []
    for number, name in enumerate(names):
        found = files(root / name)
        paths += found
        classes += [number] * len(found)
    return names, paths, np.array(classes, np.int32)
