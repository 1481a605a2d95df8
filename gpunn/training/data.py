"""The door: arrays handed to fit, evaluate and predict are checked and converted here, once."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Rows:
    """Checked host arrays of one data set: inputs, targets (the loss's first), row weights or None, and the target each metric takes."""

    x: np.ndarray
    targets: list[np.ndarray]
    weights: np.ndarray | None
    metric_targets: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.x)


def host(value: Any, name: str) -> np.ndarray:
    """A NumPy array from NumPy, anything with ``__array__`` or DLPack, lists, or pandas. Raises ValueError for what is not numeric."""
    if not isinstance(value, np.ndarray):
        try:
            if hasattr(value, "__array__") or not hasattr(value, "__dlpack__"):
                value = np.asarray(value)
            else:
                value = np.from_dlpack(value)
        except (TypeError, ValueError, RuntimeError) as error:  # ragged lists, a tensor that tracks gradients, ...
            raise ValueError(f"Argument {name}: expected an array of numbers. Received: {type(value).__name__} ({error}).") from error
    return _numeric(value, name)


def from_device(value: Any, name: str, ops: Any) -> Any:
    """Targets and weights on the device of `ops` as a host array: they are few, and their checks name rows and classes."""
    here = ops.adopt(value, name)
    return value if here is None else ops.to_numpy(here)


def _numeric(value: Any, name: str) -> Any:
    if value.dtype.kind not in "iubf":
        raise ValueError(f"Argument {name}: expected an array of numbers. Received: dtype {value.dtype} and shape {value.shape}.")
    return value


def not_finite(name: str, where: str, row: int) -> ValueError:
    return ValueError(f"Argument {name} of {where}: expected finite numbers. Received: NaN or infinity in row {row}.")


def inputs(x: Any, row_shape: tuple[int, ...] | None, dtype: str, where: str, name: str = "x", ops: Any = None) -> Any:
    """Input rows: uint8 is kept (a step converts it as it gathers), everything else becomes the model's type.

    What is on the device of `ops` already stays there and is checked there; everything else comes back as an array of the host.
    Raises ValueError for no rows, rows of another shape than the model takes, or a value that is not finite (naming its row).
    """
    here = None if ops is None else ops.adopt(x, name)
    x = host(x, name) if here is None else _numeric(here, name)
    if x.ndim == 0 or len(x) == 0:
        raise ValueError(f"Argument {name} of {where}: expected at least one row. Received: shape {x.shape}.")
    if x.ndim == 1 and (row_shape is None or row_shape == (1,)):
        x = x.reshape(-1, 1)
    if row_shape is not None and x.shape[1:] != row_shape:
        raise ValueError(f"Argument {name} of {where}: expected shape {(None, *row_shape)}. Received: {x.shape}.")
    if here is not None:
        x = ops.asarray(x, np.uint8 if x.dtype == np.uint8 else dtype)
        if x.dtype != np.uint8 and (row := ops.first_not_finite(x)) is not None:
            raise not_finite(name, where, row)
        return x
    if x.dtype == np.uint8:
        return np.ascontiguousarray(x)
    with np.errstate(over="ignore"):  # a float64 too large for float32 becomes infinite, and is refused as such
        x = np.ascontiguousarray(x, dtype)
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
        raise not_finite(name, where, int(np.argmax(bad)))


def same_length(x: np.ndarray, y: Any, name: str, where: str) -> None:
    n = np.shape(y)[0] if np.shape(y) else None
    if n != len(x):
        raise ValueError(f"Argument {name} of {where}: expected as many rows as x, {len(x)}. Received: {n}.")


def row_weights(
    sample_weight: Any, class_weight: Any, y: Any, rows: int, dtype: str, where: str, places: tuple[int, ...] = (), labels: Any = None
) -> np.ndarray | None:
    """sample_weight times the class weight of each row, or None. Raises ValueError for weights that do not fit.

    `places`: the shape of the values a row has, where it has several: weights may then be (rows,) or (rows, *places), and classes are those
    of `labels`, one for each value.
    """
    weights = None
    if sample_weight is not None:
        weights = host(sample_weight, "sample_weight").astype(dtype)
        full = (rows, *places)
        if weights.shape not in ((rows,), (rows, 1), full, (*full, 1)):
            wanted = f"({rows},)" + (f" or {full}" if places else "")
            raise ValueError(f"Argument sample_weight of {where}: expected shape {wanted}. Received: {weights.shape}.")
        weights = np.ascontiguousarray(weights.reshape(full if weights.size == np.prod(full) else (rows,)))
        check_finite(weights, "sample_weight", where)
    if class_weight is not None:
        y = np.asarray(y)
        if labels is not None and places:
            y = labels
        elif y.ndim > 2:
            raise ValueError(f"Argument class_weight of {where}: expected one label a row. Received: targets of shape {y.shape}.")
        one_hot = y.ndim == 2 and y.shape[1] > 1 and y is not labels
        classes = y.argmax(axis=1) if one_hot else np.rint(y.astype(np.float64)).reshape(y.shape if y is labels else (-1,))
        fits = isinstance(class_weight, dict) and all(isinstance(k, (int, np.integer)) and np.isfinite(w) for k, w in class_weight.items())
        if not fits:
            raise ValueError(
                f"Argument class_weight of {where}: expected a dict from integer classes to weights. Received: {class_weight!r}."
            )
        factor = np.ones(classes.shape, dtype)  # Keras: a class that is not named weighs 1
        for c, w in class_weight.items():
            factor[classes == c] = w
        if weights is not None:
            factor = factor * weights.reshape(*weights.shape, *(1,) * (factor.ndim - weights.ndim))
        weights = np.ascontiguousarray(factor)
    return weights


def split(x: Any, y: Any, sample_weight: Any, share: float) -> tuple[tuple[Any, Any, Any], tuple[Any, Any, Any]]:
    """The last `share` of the rows, before any shuffling, for validation (Keras's rule). Raises ValueError when a part would be empty."""
    if isinstance(share, bool) or not isinstance(share, (int, float, np.number)) or not 0 < share < 1:
        raise ValueError(f"Argument validation_split of fit: expected a share between 0 and 1. Received: {share!r}.")
    x, y = host(x, "x"), host(y, "y")
    if x.ndim == 0:
        raise ValueError(f"Argument x of fit: expected at least one row. Received: shape {x.shape}.")
    same_length(x, y, "y", "fit")
    cut = int(np.floor(len(x) * (1.0 - share)))
    if cut == 0 or cut == len(x):
        raise ValueError(f"Argument validation_split of fit: {share} of {len(x)} rows leaves a part empty.")
    w = None if sample_weight is None else host(sample_weight, "sample_weight")
    if w is not None:
        same_length(x, w, "sample_weight", "fit")
    return (x[:cut], y[:cut], None if w is None else w[:cut]), (x[cut:], y[cut:], None if w is None else w[cut:])


def validation(data: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight or None) from validation_data. Raises ValueError for anything but a tuple of two or three."""
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise ValueError(f"Argument validation_data of fit: expected (x, y) or (x, y, sample_weight). Received: {type(data).__name__}.")
    return data[0], data[1], data[2] if len(data) == 3 else None
