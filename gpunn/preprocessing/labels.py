"""Labels: numbers for names, one-hot and multi-hot rows, weights that balance classes, splits that keep their shares."""

from typing import Any

import numpy as np

from gpunn import random
from gpunn.utils import to_categorical

__all__ = ["class_weights", "number_classes", "stratified_split", "to_categorical", "to_multi_hot"]


def number_classes(labels: Any) -> tuple[np.ndarray, list[Any]]:
    """(numbers, names): labels of any kind as int32 numbers of classes, and the classes in order."""
    names, numbers = np.unique(np.asarray(labels), return_inverse=True)
    return numbers.reshape(np.shape(labels)).astype(np.int32), names.tolist()


def to_multi_hot(labels: Any, num_classes: int | None = None) -> np.ndarray:
    """Rows of several labels each, as (rows, classes) of 0 and 1: targets for one sigmoid output a class with binary cross-entropy.

    labels: for each row a list of class numbers, perhaps an empty one. Raises ValueError for numbers that are negative or not below
    num_classes.
    """
    rows = [np.asarray(row, np.int64).reshape(-1) for row in labels]
    largest = max((int(row.max()) for row in rows if row.size), default=-1)
    classes = largest + 1 if num_classes is None else int(num_classes)
    if largest >= classes or any(row.size and row.min() < 0 for row in rows):
        smallest = min((int(row.min()) for row in rows if row.size), default=0)
        raise ValueError(f"Labels must be from 0 to {classes - 1}. Received: {smallest} ... {largest}.")
    out = np.zeros((len(rows), classes))
    for place, row in zip(out, rows, strict=True):
        place[row] = 1
    return out


def class_weights(y: Any, class_weight: Any = "balanced", classes: Any = None) -> dict[Any, float]:
    """``{label: weight}``: rows / (labels * rows of the label), as scikit-learn's compute_class_weight with "balanced"; a dict is completed
    with ones, None gives ones.

    y: labels of any kind that sorts (whole numbers, strings, ...), one a row, or one-hot rows, which stand for class numbers; classes:
    those that must be there (default: those of y). Keys are the labels, whole numbers as int. Raises ValueError for labels that are
    missing or of several kinds, for classes that y does not have, and for a dict of others.

    `fit` knows classes by number, so that names are numbered first::

        numbers, names = number_classes(y)
        model.fit(x, numbers, class_weight=class_weights(numbers))   # weights of names[0], names[1], ...
    """
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] > 1:
        labels = labels.argmax(axis=1)
    labels = labels.reshape(-1)
    try:
        missing = labels[labels != labels]  # NaN
        found, counts = np.unique(labels, return_counts=True)
    except TypeError as error:
        kinds = sorted({type(label).__name__ for label in labels.tolist()})
        raise ValueError(f"Argument y: expected labels of one kind, none missing. Received: labels of type {', '.join(kinds)}.") from error
    if len(missing):
        raise ValueError(f"Argument y: expected a label for every row. Received: {len(missing)} rows without (NaN).")
    number = dict(zip(map(_key, found.tolist()), counts.tolist(), strict=True))
    wanted = list(number) if classes is None else [_key(c) for c in np.asarray(classes).tolist()]
    if set(wanted) != set(number):
        raise ValueError(f"Argument classes: expected the classes of y, {list(number)}. Received: {wanted}.")
    if class_weight is None or isinstance(class_weight, dict):
        given = {_key(label): float(weight) for label, weight in (class_weight or {}).items()}
        if unknown := [label for label in given if label not in number]:
            raise ValueError(f"Argument class_weight: expected weights of classes of y, {list(number)}. Received: one of {unknown[0]!r}.")
        return {c: given.get(c, 1.0) for c in wanted}
    if class_weight != "balanced":
        raise ValueError(f"Argument class_weight: expected 'balanced', a dict or None. Received: {class_weight!r}.")
    return {c: len(labels) / (len(number) * number[c]) for c in wanted}


def _key(label: Any) -> Any:
    """Whole numbers as int, whatever type they came in."""
    return int(label) if isinstance(label, int) or (isinstance(label, float) and label.is_integer()) else label


def stratified_split(*arrays: Any, y: Any, test_size: float = 0.25, seed: int | None = None) -> tuple[Any, ...]:
    """Arrays cut in two, every class of y in both parts in the same share: first_train, first_test, second_train, ..., y_train, y_test.

    test_size: the share of the test part, between 0 and 1. Rows of a part are in a random order that follows from the seed. Raises
    ValueError for arrays of different lengths, a share that cannot be, and a class too small to be cut.
    """
    labels = np.asarray(y)
    given = [np.asarray(a) for a in arrays]
    if any(a.ndim == 0 or len(a) != len(labels) for a in given):
        raise ValueError(f"Expected arrays of {len(labels)} rows, as y has. Received: {[a.shape for a in given]}.")
    if not 0 < test_size < 1:
        raise ValueError(f"Argument test_size: expected a share between 0 and 1. Received: {test_size!r}.")
    kinds = labels.argmax(axis=1) if labels.ndim == 2 and labels.shape[1] > 1 else labels.reshape(-1)
    names, numbers, counts = np.unique(kinds, return_inverse=True, return_counts=True)
    exact = counts * test_size
    held = np.floor(exact).astype(int)
    left = round(test_size * len(labels)) - int(held.sum())
    held[np.argsort(-(exact - held), kind="stable")[: max(left, 0)]] += 1
    held = np.minimum(np.maximum(held, 1), counts - 1)
    if (held < 1).any():
        small = names[held < 1].tolist()
        raise ValueError(f"Argument y: expected at least two rows of every class. Received: one of {small}.")
    order = random.permutation(len(labels), random.current_seed() if seed is None else int(seed), random.ORDER + 5)
    rank = np.empty(len(order), int)  # of each row among its class's, in the random order
    for number in range(len(names)):
        mine = order[numbers[order] == number]
        rank[mine] = np.arange(len(mine))
    test = rank < held[numbers]
    parts = [[a[order[~test[order]]], a[order[test[order]]]] for a in (*given, labels)]
    return tuple(part for both in parts for part in both)
