"""The door: arrays handed to fit, evaluate and predict are checked and converted here, once."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Rows:
    """Checked host arrays of one data set: inputs, targets (one array a consumer), row weights or None."""

    x: np.ndarray
    targets: list[np.ndarray]
    weights: np.ndarray | None

    def __len__(self) -> int:
        return len(self.x)


def host(value: Any, name: str) -> np.ndarray:
    """A NumPy array from NumPy, anything with ``__array__`` or DLPack, lists, or pandas. Raises ValueError for what is not numeric."""
    if not isinstance(value, np.ndarray):
        if hasattr(value, "__array__") or not hasattr(value, "__dlpack__"):
            value = np.asarray(value)
        else:
            value = np.from_dlpack(value)
    if value.dtype.kind not in "iubf":
        raise ValueError(f"Argument {name}: expected an array of numbers. Received: dtype {value.dtype} and shape {value.shape}.")
    return value


def inputs(x: Any, row_shape: tuple[int, ...] | None, dtype: str, where: str, name: str = "x") -> np.ndarray:
    """Input rows: uint8 is kept (a step converts it as it gathers), everything else becomes the model's type.

    Raises ValueError for no rows, rows of another shape than the model takes, or a value that is not finite (naming its row).
    """
    x = host(x, name)
    if x.ndim == 0 or len(x) == 0:
        raise ValueError(f"Argument {name} of {where}: expected at least one row. Received: shape {x.shape}.")
    if x.ndim == 1 and (row_shape is None or row_shape == (1,)):
        x = x.reshape(-1, 1)
    if row_shape is not None and x.shape[1:] != row_shape:
        raise ValueError(f"Argument {name} of {where}: expected shape {(None, *row_shape)}. Received: {x.shape}.")
    x = np.ascontiguousarray(x) if x.dtype == np.uint8 else np.ascontiguousarray(x, dtype)
    check_finite(x, name, where)
    return x


def check_finite(x: np.ndarray, name: str, where: str) -> None:
    """Raises ValueError naming the first row with NaN or infinity."""
    if x.dtype.kind != "f":
        return
    with np.errstate(all="ignore"):
        if np.isfinite(x.sum()):  # one pass at memory speed; NaN and infinity stay in a sum
            return
    bad = ~np.isfinite(x.reshape(len(x), -1)).all(axis=1)
    if bad.any():
        raise ValueError(f"Argument {name} of {where}: expected finite numbers. Received: NaN or infinity in row {int(np.argmax(bad))}.")


def same_length(x: np.ndarray, y: Any, name: str, where: str) -> None:
    n = len(y) if hasattr(y, "__len__") else np.shape(y)[0] if np.shape(y) else None
    if n != len(x):
        raise ValueError(f"Argument {name} of {where}: expected as many rows as x, {len(x)}. Received: {n}.")


def row_weights(sample_weight: Any, class_weight: Any, y: Any, rows: int, dtype: str, where: str) -> np.ndarray | None:
    """sample_weight times the class weight of each row, or None. Raises ValueError for weights that do not fit."""
    weights = None
    if sample_weight is not None:
        weights = host(sample_weight, "sample_weight").astype(dtype)
        if weights.shape not in ((rows,), (rows, 1)):
            raise ValueError(f"Argument sample_weight of {where}: expected shape ({rows},). Received: {weights.shape}.")
        weights = np.ascontiguousarray(weights.reshape(rows))
        check_finite(weights, "sample_weight", where)
    if class_weight is not None:
        y = np.asarray(y)
        classes = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)
        table = dict(class_weight)
        missing = sorted({int(c) for c in np.unique(classes)} - {int(k) for k in table})
        if missing and not all(isinstance(k, (int, np.integer)) for k in table):
            raise ValueError(f"Argument class_weight of {where}: expected integer classes as keys. Received: {list(table)}.")
        factor = np.ones(rows, dtype)  # Keras: a class that is not named weighs 1
        for c, w in table.items():
            factor[classes == c] = w
        weights = factor if weights is None else weights * factor
    return weights


def split(x: Any, y: Any, sample_weight: Any, share: float) -> tuple[tuple[Any, Any, Any], tuple[Any, Any, Any]]:
    """The last `share` of the rows, before any shuffling, for validation (Keras's rule). Raises ValueError when a part would be empty."""
    if not 0 < share < 1:
        raise ValueError(f"Argument validation_split of fit: expected a share between 0 and 1. Received: {share!r}.")
    x = host(x, "x")
    cut = int(np.floor(len(x) * (1.0 - share)))
    if cut == 0 or cut == len(x):
        raise ValueError(f"Argument validation_split of fit: {share} of {len(x)} rows leaves a part empty.")
    y = y if isinstance(y, np.ndarray) else np.asarray(y)
    w = None if sample_weight is None else np.asarray(sample_weight)
    return (x[:cut], y[:cut], None if w is None else w[:cut]), (x[cut:], y[cut:], None if w is None else w[cut:])


def validation(data: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight or None) from validation_data. Raises ValueError for anything but a tuple of two or three."""
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise ValueError(f"Argument validation_data of fit: expected (x, y) or (x, y, sample_weight). Received: {type(data).__name__}.")
    return data[0], data[1], data[2] if len(data) == 3 else None
