"""Targets at the door: numbers of the output's shape, or integer labels. What does not fit is one error, naming the row."""

from typing import Any

import numpy as np

from gpunn.backend.foreign import as_array


def numbers(y: Any, output_shape: tuple[int | None, ...], dtype: str, where: str, hint: str = "") -> np.ndarray:
    """Targets of the output's shape, as its type.

    An axis of length one at the end may be missing or too many, as in Keras. Raises ValueError for any other shape, and for what is not
    finite.
    """
    y, width = as_array(y), tuple(output_shape[1:])
    if y.ndim == len(width) and width and width[-1] == 1 and y.shape[1:] == width[:-1]:
        y = y[..., None]
    elif y.ndim == len(width) + 2 and y.shape[-1] == 1:
        y = y[..., 0]
    if y.shape[1:] != width or y.ndim == 0:
        raise ValueError(f"{where}: targets do not fit the model's output. Expected shape {(None, *width)}. Received: {y.shape}.{hint}")
    return finite(y, where).astype(dtype)


def labels(y: Any, output_shape: tuple[int | None, ...], where: str, axis: int = -1, ignored: int | None = None) -> np.ndarray:
    """Integer labels as int32, one for each position of the output, checked against the number of classes along `axis`.

    Labels equal to `ignored` become -1. Raises ValueError for another shape, for what is no integer, and for labels out of range.
    """
    y, shape = as_array(y), list(output_shape)
    classes = int(shape.pop(axis) or 0)
    places = tuple(shape[1:])
    if y.ndim == len(shape) + 1 and y.shape[axis] == 1:
        y = y.squeeze(axis)
    if y.ndim != len(shape) or y.shape[1:] != places:
        word = f"(rows, {', '.join(map(str, places))})" if places else "(rows,)"
        raise ValueError(
            f"{where}: expected one integer label a {'position' if places else 'row'}, shape {word}. Received: shape {y.shape}. "
            "One-hot targets go with categorical_crossentropy."
        )
    y = integers(y, where)
    skip = y == ignored if ignored is not None else None
    bad = (y < 0) | (y >= classes)
    if skip is not None:
        bad &= ~skip
    if bad.any():
        at = np.unravel_index(int(np.argmax(bad)), bad.shape)
        raise ValueError(
            f"{where}: labels must be from 0 to {classes - 1}, as the model has {classes} outputs. Received: {y[at]} in row {at[0]}."
        )
    y = y.astype(np.int32)  # unsigned labels have no -1
    return y if skip is None else np.where(skip, -1, y)


def beside(wanted: tuple[Any, ...], shape: tuple[Any, ...], squeeze: bool = True) -> tuple[Any, ...]:
    """The shape of predictions beside targets of the shape `wanted`, as Keras has them: a vector for a column of targets is a column, and,
    with `squeeze`, predictions with one axis more than the targets, a last one of length 1, go without it."""
    if len(wanted) == 2 and len(shape) == 1 and wanted[1] == 1:
        return (*shape, 1)
    return shape[:-1] if squeeze and 1 < len(wanted) == len(shape) - 1 and shape[-1] == 1 else shape


def weights(given: np.ndarray, shape: tuple[int, ...], where: str) -> np.ndarray:
    """Weights that values of this shape can be multiplied by; one value takes several. Raises ValueError for any other shape."""
    if shape:
        return spread(given, shape, where)
    return given.reshape(()) if given.shape == (1,) else given


def spread(weights: Any, shape: tuple[int, ...], where: str) -> np.ndarray:
    """Weights of rows, or of rows and the first of their positions, one for each value. Raises ValueError for any other shape."""
    given = np.asarray(weights)
    wide = given[..., 0] if given.ndim == len(shape) + 1 and given.shape[-1] == 1 else given
    if wide.ndim > len(shape) or any(n not in (1, m) for n, m in zip(wide.shape, shape, strict=False)):
        raise ValueError(f"{where}: expected shape {shape[:1]} or {shape}. Received: {given.shape}.")
    return np.broadcast_to(wide.reshape(*wide.shape, *(1,) * (len(shape) - wide.ndim)), shape)


def integers(y: np.ndarray, where: str) -> np.ndarray:
    """Whole numbers, of whatever type. Raises ValueError naming the first row with another."""
    if y.dtype.kind in "iub":
        return y
    y = finite(y, where)
    if not np.array_equal(y, np.floor(y)):
        at = np.unravel_index(int(np.argmax(y != np.floor(y))), y.shape)
        raise ValueError(f"{where}: labels must be integers. Received: {y[at]} in row {at[0]}.")
    return y


def finite(y: np.ndarray, where: str) -> np.ndarray:
    """Numbers, none of them NaN or infinite. Raises ValueError naming the first row with one."""
    if y.dtype.kind not in "iubf":
        raise ValueError(f"{where}: targets must be numbers. Received: dtype {y.dtype}.")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        row = int(np.argmax(~np.isfinite(y.reshape(len(y), -1)).all(axis=1)))
        raise ValueError(f"{where}: targets must be finite. Received: NaN or infinity in row {row}.")
    return y
