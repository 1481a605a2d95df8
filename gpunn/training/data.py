"""The door: arrays handed to fit, evaluate and predict are checked and converted here, once."""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gpunn.backend.memory import available_memory
from gpunn.layers.open_shapes import fits
from gpunn.training.feeds import sources
from gpunn.training.finite import check_finite, not_finite

SMALL = 64 << 20  # bytes of targets in a file that are read at once


@dataclass
class Rows:
    """A checked data set: inputs, targets, row weights or None, and the target each metric takes.

    Each is an array of the host or of the device; inputs may be a `Source`, read a block at a time, and so may `later`, from which
    `makes` (see `ManyTargets`) makes targets block by block; `targets` then are those of the first rows. Of several inputs x is a list, of
    several losses `weights`; `loss_targets` says which target each loss takes.
    """

    x: Any
    targets: list[Any]
    weights: Any
    metric_targets: list[int] = field(default_factory=list)
    later: Any = None
    makes: Any = None
    divisible: bool = False  # whether it may be brought to the device block by block
    loss_targets: list[int] = field(default_factory=lambda: [0])

    def __len__(self) -> int:
        return len(self.xs[0])

    @property
    def xs(self) -> list[Any]:
        return self.x if isinstance(self.x, list) else [self.x]

    @property
    def row_weights(self) -> list[Any]:
        """For each loss."""
        return self.weights if isinstance(self.weights, list) else [self.weights]

    @property
    def arrays(self) -> list[Any]:
        """All that rows are made of: inputs, targets, and what weights there are."""
        return [*self.xs, *self.targets, *present(self.row_weights)]

    def copy(self) -> "Rows":
        """The same in arrays of their own."""
        x = [x.copy() for x in self.xs]
        weights = [None if w is None else w.copy() for w in self.row_weights]
        return replace(
            self, x=x if isinstance(self.x, list) else x[0], targets=[t.copy() for t in self.targets],
            weights=weights if isinstance(self.weights, list) else weights[0],
        )

    def steps(self, batch: int) -> int:
        """Batches in a pass."""
        return -(-len(self) // batch)

    @property
    def row_shape(self) -> Any:
        """Of each input a tuple; a list of them for several."""
        shapes = [tuple(x.shape[1:]) for x in self.xs]
        return shapes if isinstance(self.x, list) else shapes[0]

    @property
    def labels(self) -> Any:
        """Class numbers, one a row, or None."""
        first = self.targets[0] if self.targets and self.later is None else None
        return first if first is not None and first.dtype == np.int32 and first.ndim == 1 and not first.min() < 0 else None

    @property
    def nbytes(self) -> int:
        """What it would take in memory of the device."""
        each = sum(t.nbytes / max(1, len(t)) for t in (*self.targets, *present(self.row_weights)))
        return int(sum(x.nbytes for x in self.xs) + len(self) * (each + 4))


def present(arrays: list[Any]) -> list[Any]:
    return [a for a in arrays if a is not None]


def host(value: Any, name: str) -> np.ndarray:
    """A NumPy array from NumPy, anything with ``__array__`` or DLPack, lists, or pandas. Raises ValueError for what is not numeric."""
    if hasattr(value, "to_numpy") and (hasattr(value, "dtypes") or hasattr(value, "dtype")):
        value = _of_pandas(value, name)
    if not isinstance(value, np.ndarray):
        try:
            if hasattr(value, "__array__") or not hasattr(value, "__dlpack__"):
                value = np.asarray(value)
            else:
                value = np.from_dlpack(value)
        except (TypeError, ValueError, RuntimeError) as error:  # ragged lists, a tensor that tracks gradients, ...
            raise ValueError(f"Argument {name}: expected an array of numbers. Received: {type(value).__name__} ({error}).") from error
    return _numeric(value, name)


def _of_pandas(value: Any, name: str) -> Any:
    """Columns of numbers, of one type or of several, or of pandas's own types, where a missing value becomes NaN. Raises ValueError naming
    columns that are none."""
    kinds = dict(value.dtypes) if hasattr(value, "columns") else {value.name: value.dtype}
    wrong = {column: kind for column, kind in kinds.items() if getattr(kind, "kind", "O") not in "iubf"}
    if wrong:
        named = [f"({kind})" if column is None else f"{column!r} ({kind})" for column, kind in wrong.items()]
        shown = ", ".join(named[:5]) + (", ..." if len(wrong) > 5 else "")
        raise ValueError(f"Argument {name}: expected columns of numbers. Received: column {shown}.{_hint(name)}")
    array = np.asarray(value)
    return value.to_numpy(dtype="float64", na_value=np.nan) if array.dtype.kind == "O" else array


def targets(value: Any, name: str, ops: Any, lazy: bool = False) -> Any:
    """Targets or weights as an array where they are: of the device of `ops`, or of the host. With `lazy`, large ones in a file stay there;
    one number a row is always read, because checks and the order of an epoch want it."""
    sources.check_hdf5(value, name)
    here = ops.adopt(value, name)
    if here is not None:
        return _numeric(here, name)
    if lazy and sources.in_file(value) and value.ndim > 1 and value.dtype.kind in "iubf":
        wide = int(np.prod(value.shape[1:], dtype=np.int64))
        if wide > 1 and len(value) * wide * value.dtype.itemsize > SMALL:
            return sources.source(value, value.dtype, name, "fit")
    return host(value, name)


def _numeric(value: Any, name: str) -> Any:
    if value.dtype.kind not in "iubf":
        received = f"dtype {value.dtype} and shape {value.shape}"
        raise ValueError(f"Argument {name}: expected an array of numbers. Received: {received}.{_hint(name if value.ndim else '')}")
    return value


def _hint(name: str) -> str:
    """What to do with labels that are names."""
    return " Names of classes are numbered by gpunn.preprocessing.labels.number_classes." if name == "y" else ""


def _last_axis(x: Any, row_shape: tuple[int | None, ...]) -> Any:
    """With the last axis that a model expects, where it is one of length one that is missing or too many, as in Keras."""
    if row_shape and row_shape[-1] == 1 and fits(x.shape[1:], row_shape[:-1]):
        return x[..., None]
    return x[..., 0] if x.shape[-1:] == (1,) and fits(x.shape[1:-1], row_shape) else x


def inputs(
    x: Any, row_shape: tuple[int | None, ...] | None, dtype: str, where: str, name: str = "x", ops: Any = None, lazy: bool = False
) -> Any:
    """Input rows: uint8 is kept (a step converts it as it gathers), everything else becomes the model's type.

    What is on the device of `ops` already stays there and is checked there; with `lazy`, what is in a file, or too large to be converted in
    memory, becomes a `Source`, checked as it is read; everything else comes back as an array of the host.
    Raises ValueError for no rows, rows of another shape than the model takes, or a value that is not finite (naming its row).
    """
    here = None if ops is None else ops.adopt(x, name)
    in_file = lazy and here is None and sources.in_file(x)
    x = _numeric(x if in_file else here, name) if in_file or here is not None else host(x, name)
    if x.ndim == 0 or len(x) == 0:
        raise ValueError(f"Argument {name} of {where}: expected at least one row. Received: shape {x.shape}.")
    flat = x.ndim == 1 and (row_shape is None or row_shape == (1,))
    if flat and not in_file:
        x = x.reshape(-1, 1)
    if row_shape is not None and not in_file:
        x = _last_axis(x, row_shape)
    found = (len(x), 1) if flat else tuple(x.shape)
    if row_shape is not None and not fits(found[1:], row_shape):
        raise ValueError(f"Argument {name} of {where}: expected shape {(None, *row_shape)}. Received: {found}.")
    if in_file or (lazy and here is None and x.dtype not in (np.uint8, dtype) and _too_large(x.size * np.dtype(dtype).itemsize)):
        return sources.source(x, dtype, name, where)
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


def _too_large(size: int) -> bool:
    """Whether a converted copy would take more than half of what memory is left."""
    free = available_memory()
    return free is not None and size > free // 2


def same_length(x: Any, y: Any, name: str, where: str) -> None:
    n = y.shape[0] if y.shape else None
    if n != len(x):
        raise ValueError(f"Argument {name} of {where}: expected as many rows as x, {len(x)}. Received: {n}.")


def row_weights(
    sample_weight: Any, class_weight: Any, y: Any, rows: int, dtype: str, where: str, ops: Any, places: tuple[int, ...] = (),
    labels: Any = None,
) -> Any:
    """sample_weight times the class weight of each row, or None; on the device where one of the two comes from there.

    `places`: the shape of the values a row has, where it has several: weights may then be (rows,) or (rows, *places), and classes are those
    of `labels`, one for each value. Raises ValueError for weights that do not fit."""
    weights = None
    if sample_weight is not None:
        weights = targets(sample_weight, "sample_weight", ops)
        full = (rows, *places)
        if weights.shape not in ((rows,), (rows, 1), full, (*full, 1)):
            wanted = f"({rows},)" + (f" or {full}" if places else "")
            raise ValueError(f"Argument sample_weight of {where}: expected shape {wanted}. Received: {weights.shape}.")
        weights = _contiguous(weights.reshape(full if weights.size == math.prod(full) else (rows,)), dtype, ops)
        check_finite(weights, "sample_weight", where)
    if class_weight is not None:
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
        factor = np.ones_like(classes, dtype)  # Keras: a class that is not named weighs 1
        for c, w in class_weight.items():
            factor[classes == c] = w
        if weights is not None and isinstance(weights, np.ndarray) != isinstance(factor, np.ndarray):
            weights, factor = ops.asarray(weights), ops.asarray(factor)
        if weights is not None:
            factor = factor * weights.reshape(*weights.shape, *(1,) * (factor.ndim - weights.ndim))
        weights = factor
    return weights


def _contiguous(array: Any, dtype: str, ops: Any) -> Any:
    return np.ascontiguousarray(array, dtype) if isinstance(array, np.ndarray) else ops.asarray(array, dtype)
