"""Arrays read at places between their elements; images moved by maps of places; the names of ``keras.ops.image``.

Places may be symbolic, and have gradients where what is read lies between elements. In a graph they are numbers of its floating type: with
float32 those of an array of more than 2^24 elements are not exact.
"""

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.layers.sliding import channels_last
from gpunn.ops import arithmetic as a
from gpunn.ops import drawing, filtering, linear_algebra, shaping
from gpunn.ops.images import given_back, images_of
from gpunn.ops.one_type import floats_of
from gpunn.ops.operation import has_part

__all__ = ["affine_transform", "elastic_transform", "map_coordinates", "perspective_transform"]
ORDERS = {"nearest": 0, "bilinear": 1}
FILLS = ("constant", "nearest", "wrap", "mirror", "reflect")


def map_coordinates(inputs: Any, coordinates: Any, order: int, fill_mode: str = "constant", fill_value: float = 0) -> Any:
    """An array read at places (axes, ...), between elements the mean of those around (`order` 1) or the nearest (0); (...).

    Outside of it are `fill_value` ("constant"), its ends ("nearest"), itself once more ("wrap"), or its mirror image, with the ends
    ("reflect") or without them once more ("mirror"). Raises ValueError for other orders, modes and shapes.
    """
    inputs, coordinates = (v if hasattr(v, "shape") else np.asarray(v) for v in (inputs, coordinates))
    _mode("map_coordinates", "fill_mode", fill_mode, FILLS)
    _mode("map_coordinates", "order", order, (0, 1))
    shape, places = tuple(inputs.shape), tuple(coordinates.shape)
    if len(places) < 2 or places[0] != len(shape) or None in shape:
        raise ValueError(
            f"map_coordinates: expected an array of known size, and a place (axes, ...) for each of its axes. Received: shapes {shape} and "
            f"{places}."
        )
    return _read(shaping.ravel(inputs), 0, shape, shaping.unstack(coordinates, axis=0), order, fill_mode, fill_value)


def affine_transform(
    images: Any, transform: Any, interpolation: str = "bilinear", fill_mode: str = "constant", fill_value: float = 0,
    data_format: Any = None,
) -> Any:
    """Images whose pixel (x, y) is that of the given ones at (a0 x + a1 y + a2, b0 x + b1 y + b2); the shape of the images.

    transform: [a0, a1, a2, b0, b1, b2, 0, 0] for all images, or one for each, (rows, 8). Raises ValueError for others, and as
    `map_coordinates` does.
    """
    x, single = _to_move("affine_transform", images, interpolation, fill_mode, data_format)
    t = transform if hasattr(transform, "shape") else np.asarray(transform)
    if shaping.ndim(t) not in (1, 2) or t.shape[-1] != 8:
        raise ValueError(f"affine_transform: expected a transform (8,), or one for each image (rows, 8). Received: shape {tuple(t.shape)}.")
    columns, rows = _grid(x)
    a0, a1, a2, b0, b1, b2, _, _ = _numbers(t)
    along = a.add(a.add(a.multiply(a0, columns), a.multiply(a1, rows)), a2)
    down = a.add(a.add(a.multiply(b0, columns), a.multiply(b1, rows)), b2)
    return given_back(_moved("affine_transform", x, [down, along], ORDERS[interpolation], fill_mode, fill_value), single)


def perspective_transform(
    images: Any, start_points: Any, end_points: Any, interpolation: str = "bilinear", fill_value: float = 0, data_format: Any = None
) -> Any:
    """Images as seen from elsewhere: what was at four `start_points` (x, y) is at the `end_points`; the shape of the images.

    Points: (4, 2) for all images, or (rows, 4, 2). Raises ValueError for others.
    """
    what = "perspective_transform"
    x, single = _to_move(what, images, interpolation, "constant", data_format)
    start, end = (v if hasattr(v, "shape") else np.asarray(v, "float32") for v in (start_points, end_points))
    shape = tuple(start.shape)
    if shape != tuple(end.shape) or len(shape) not in (2, 3) or shape[-2:] != (4, 2):
        raise ValueError(f"{what}: expected points (4, 2) or (rows, 4, 2). Received: shapes {shape} and {tuple(end.shape)}.")
    p0, p1, p2, p3, p4, p5, p6, p7 = _numbers(_homography(start, end))
    columns, rows = _grid(x)
    depth = a.add(a.add(a.multiply(p6, columns), a.multiply(p7, rows)), 1.0)
    along = a.divide(a.add(a.add(a.multiply(p0, columns), a.multiply(p1, rows)), p2), depth)
    down = a.divide(a.add(a.add(a.multiply(p3, columns), a.multiply(p4, rows)), p5), depth)
    return given_back(_moved(what, x, [down, along], ORDERS[interpolation], "constant", fill_value), single)


def _homography(start: Any, end: Any) -> Any:
    """The eight numbers of the map that leads from the end points to the start points: (8,), or (rows, 8)."""
    (x, y), (u, v) = (shaping.unstack(points, axis=-1) for points in (end, start))
    zero, one = a.zeros_like(x), a.ones_like(x)
    across = shaping.stack([x, y, one, zero, zero, zero, a.negative(a.multiply(u, x)), a.negative(a.multiply(u, y))], axis=-1)
    upright = shaping.stack([zero, zero, zero, x, y, one, a.negative(a.multiply(v, x)), a.negative(a.multiply(v, y))], axis=-1)
    found = linear_algebra.solve(
        shaping.concatenate([across, upright], axis=-2), shaping.expand_dims(shaping.concatenate([u, v], axis=-1), -1)
    )
    return shaping.squeeze_all(found, -1)


def elastic_transform(
    images: Any, alpha: float = 20.0, sigma: float = 5.0, interpolation: str = "bilinear", fill_mode: str = "reflect",
    fill_value: float = 0.0, seed: Any = None, data_format: Any = None,
) -> Any:
    """Images whose pixels are moved by random numbers, smooth over about `sigma` pixels (Simard et al. 2003); the shape of the images.

    The numbers are normal, with a deviation of `sigma`, blurred, and times `alpha`, others for each image and axis.
    """
    x, single = _to_move("elastic_transform", images, interpolation, fill_mode, data_format)
    size, kind = int(6 * sigma) | 1, floats_of(x)
    noise = drawing.normal((shaping.shape(x)[0], *x.shape[1:3], 2), stddev=sigma, dtype=kind, seed=seed)
    moves = a.multiply(filtering.gaussian_blur(noise, (size, size), (sigma, sigma)), alpha)
    columns, rows = _grid(x)
    down, along = shaping.unstack(moves, axis=-1)
    places = [a.add(down, rows), a.add(along, columns)]
    return given_back(_moved("elastic_transform", x, places, ORDERS[interpolation], fill_mode, fill_value), single)


# ---------------------------------------------------------------------- images
def _mode(what: str, name: str, value: Any, known: Sequence[Any]) -> None:
    if value not in known:
        raise ValueError(f"{what}: {name} must be one of {tuple(known)}. Received: {name}={value!r}.")


def _to_move(what: str, images: Any, interpolation: Any, fill_mode: Any, data_format: Any) -> tuple[Any, bool]:
    channels_last(data_format, what)
    _mode(what, "interpolation", interpolation, tuple(ORDERS))
    _mode(what, "fill_mode", fill_mode, FILLS)
    return images_of(images, what)


def _grid(x: Any) -> tuple[np.ndarray, np.ndarray]:
    """(the column of each pixel, its row): (1, width) and (height, 1)."""
    kind = floats_of(x)
    return np.arange(x.shape[2], dtype=kind)[None], np.arange(x.shape[1], dtype=kind)[:, None]


def _numbers(rows: Any) -> list[Any]:
    """The columns of a matrix, (rows, 1, 1), or the elements of a vector."""
    parts = shaping.unstack(rows, axis=-1)
    return [shaping.expand_dims(part, (-2, -1)) for part in parts] if shaping.ndim(rows) == 2 else parts


def _moved(what: str, x: Any, places: list[Any], order: int, mode: str, fill: float) -> Any:
    """Images (rows, height, width, channels) read at places (height, width), the same of each, or (rows, height, width)."""
    count, height, width, channels = x.shape
    if shaping.ndim(places[0]) == 3 and places[0].shape[0] == 1:
        places = [part[0] for part in places]
    if shaping.ndim(places[0]) == 2:
        return _read(shaping.reshape(x, (-1, height * width, channels)), 1, (height, width), places, order, mode, fill)
    if count is not None and places[0].shape[0] not in (None, count):
        raise ValueError(f"{what}: expected one for each of {count} images. Received: {places[0].shape[0]}.")
    rows = shaping.reshape(shaping.arange(shaping.shape(x)[0]), (-1, 1, 1))
    return _read(shaping.reshape(x, (-1, channels)), 0, (height, width), places, order, mode, fill, rows)


# ---------------------------------------------------------------------- between elements
def _read(
    flat: Any, axis: int, shape: Sequence[int], places: list[Any], order: int, mode: str, fill: float, rows: Any = None
) -> Any:
    """What `flat` has at the places of arrays of this shape, whose elements are along its `axis`; with `rows`, the arrays' numbers, those
    of all of them one behind the other."""
    ends = [_ends(place, n, order, mode) for place, n in zip(places, shape, strict=True)]
    total: Any = None
    for corner in itertools.product(*ends):
        at = rows
        for (index, _, _), n in zip(corner, shape, strict=True):
            at = index if at is None else a.add(a.multiply(at, n), index)
        value = shaping.take(flat, at, axis=axis)
        behind = tuple(range(-1, axis - shaping.ndim(flat), -1))  # axes of the values that places have not
        insides = [inside for _, _, inside in corner if inside is not None]
        if insides:
            value = a.where(_wide(functools.reduce(a.logical_and, insides), behind), value, float(fill))
        weights = [weight for _, weight, _ in corner if weight is not None]
        if weights:
            value = a.multiply(value, _wide(functools.reduce(a.multiply, weights), behind))
        total = value if total is None else a.add(total, value)
    return total if has_part(total) else _in_type(np.asarray(total), np.asarray(flat).dtype)


def _wide(x: Any, axes: tuple[int, ...]) -> Any:
    return shaping.expand_dims(x, axes) if axes else x


def _in_type(x: np.ndarray, kind: np.dtype) -> np.ndarray:
    """Whole numbers rounded, halves away from zero."""
    return (x if kind.kind == "f" else np.copysign(np.floor(np.abs(x) + 0.5), x)).astype(kind)


def _ends(place: Any, n: int, order: int, mode: str) -> list[tuple[Any, Any, Any]]:
    """The elements of an axis around a place: (number, weight, whether it is within the axis), the last two None where that is all."""
    if order == 0:
        numbers = [(a.multiply(a.sign(place), a.floor(a.add(a.abs(place), 0.5))), None)]
    else:
        low = a.floor(place)
        share = a.subtract(place, low)
        numbers = [(low, a.subtract(1.0, share)), (a.add(low, 1.0), share)]
    inside = [a.logical_and(a.greater_equal(k, 0.0), a.less(k, float(n))) if mode == "constant" else None for k, _ in numbers]
    return [(_whole(_found(k, n, mode)), weight, within) for (k, weight), within in zip(numbers, inside, strict=True)]


def _whole(index: Any) -> Any:
    return index if has_part(index) else np.asarray(index).astype(np.int64)


def _found(k: Any, n: int, mode: str) -> Any:
    """Where element k of an axis of n is found."""
    if mode == "wrap":
        return a.mod(k, float(n))
    if mode == "reflect":
        return a.floor(a.multiply(a.subtract(_mirrored(a.add(a.multiply(k, 2.0), 1.0), 2 * n), 1.0), 0.5))
    if mode == "mirror" and n > 1:
        return _mirrored(k, n - 1)
    return a.clip(k, 0.0, float(n - 1))


def _mirrored(k: Any, far: int) -> Any:
    """A wave of straight lines between 0 at 0 and `far` at `far`."""
    return a.abs(a.subtract(a.mod(a.add(k, float(far)), 2.0 * far), float(far)))
