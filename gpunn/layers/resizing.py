"""Zeros around an image, less of it, or more of it: ZeroPadding, Cropping and UpSampling."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.backend.volumes import moved, pooling
from gpunn.kernels.pool import AXIS_MIX
from gpunn.kernels.record import columns_of, matrix
from gpunn.kernels.windows import Volume, Windows
from gpunn.layers.base import Layer, Pullback
from gpunn.layers.graph import WHOLE
from gpunn.layers.sliding import Shape, channels_last, image_of, sizes


def sides(name: str, value: Any, rank: int, layer: str) -> tuple[tuple[int, int], ...]:
    """(before, after) for each axis, from a number, a number for each axis, or a pair for each. Raises ValueError naming the layer."""
    given = list(value) if isinstance(value, (list, tuple)) else [value] * rank
    if rank == 1 and len(given) == 2 and not isinstance(given[0], (list, tuple)):
        given = [tuple(given)]
    pairs = [tuple(n) if isinstance(n, (list, tuple)) else (n, n) for n in given]
    whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n >= 0 for pair in pairs for n in pair)
    if len(pairs) != rank or any(len(pair) != 2 for pair in pairs) or not whole:
        raise ValueError(
            f"Layer {layer!r}: {name} must be a whole number of at least 0, {rank} of them, or a pair for each axis. "
            f"Received: {name}={value!r}."
        )
    return tuple((int(a), int(b)) for a, b in pairs)


class Framed(Layer):
    """Places added (sign 1) or taken away (-1) at the sides of every axis."""

    kept_kinds = WHOLE
    rank = 2
    sign = 1

    def __init__(self, frame: Any, argument: str, data_format: Any = None, **common: Any):
        super().__init__(**common)
        channels_last(data_format, self.name)
        self.frame = sides(argument, frame, self.rank, self.name)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        *image, channels = image_of(input_shape, self.rank, self.name)
        out = [n + self.sign * (a + b) for n, (a, b) in zip(image, self.frame, strict=True)]
        if min(out) < 1:
            raise ValueError(
                f"Layer {self.name!r}: cropping {self.frame} leaves nothing. Received: input of shape {tuple(input_shape)}."
            )
        return (input_shape[0], *out, channels)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        ops, shape, one = self.backend, self.compute_output_shape(x.shape), (1,) * (2 - self.rank)
        before = [0] * (2 - self.rank) + [self.sign * a for a, _ in self.frame]
        here, there, channels = (*one, *x.shape[1:-1]), (*one, *shape[1:-1]), x.shape[-1]

        def pad(a: Any, source: Any, target: Any, first: Any, out: Any) -> Any:
            if self.rank < 3:
                return moved(ops, a, source, target, channels, first).reshape(out)
            frames = a.reshape(len(x) * source[0], math.prod(source[1:]) * channels)  # each by itself, and then all
            a, inner = moved(ops, frames, source[1:], target[1:], channels, first[1:]), math.prod(target[1:]) * channels
            a = a.reshape(len(x), source[0] * inner)
            return moved(ops, a, (source[0], 1), (target[0], 1), inner, (first[0], 0)).reshape(out)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            return pad(dy, there, here, [-n for n in before], x.shape) if need_dx else None

        return pad(x, here, there, before, shape), pullback


class ZeroPadding2D(Framed):
    """Zeros around an image. `padding`: one number, (rows, columns), or ((top, bottom), (left, right))."""

    recordable = True

    def __init__(self, padding: Any = (1, 1), data_format: Any = None, **common: Any):
        super().__init__(padding, "padding", data_format, **common)
        self.padding = self.frame

    def config(self) -> dict[str, Any]:
        return {"padding": self.padding}


class ZeroPadding1D(Framed):
    """Zero steps before and after a sequence. `padding`: one number, or (before, after)."""

    recordable = True
    rank = 1

    def __init__(self, padding: Any = 1, data_format: Any = None, **common: Any):
        super().__init__(padding, "padding", data_format, **common)
        self.padding = self.frame[0]

    def config(self) -> dict[str, Any]:
        return {"padding": self.padding}


class Cropping2D(Framed):
    """An image without its sides. `cropping`: one number, (rows, columns), or ((top, bottom), (left, right)).

    Raises ValueError where nothing would be left.
    """

    recordable = True
    sign = -1

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: Any = None, **common: Any):
        super().__init__(cropping, "cropping", data_format, **common)
        self.cropping = self.frame

    def config(self) -> dict[str, Any]:
        return {"cropping": self.cropping}


class Cropping1D(Framed):
    """A sequence without its first and last steps. `cropping`: one number, or (first, last). Raises as `Cropping2D`."""

    recordable = True
    rank = 1
    sign = -1

    def __init__(self, cropping: Any = (1, 1), **common: Any):
        super().__init__(cropping, "cropping", **common)
        self.cropping = self.frame[0]

    def config(self) -> dict[str, Any]:
        return {"cropping": self.cropping}


# ---------------------------------------------------------------------- more of it
def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(0, 1 - x)


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys 1981, a = -1/2."""
    near, far = ((1.5 * x - 2.5) * x) * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x >= 2, 0, np.where(x >= 1, far, near))


def _lanczos(radius: float) -> Any:
    return lambda x: np.where(x > radius, 0, np.sinc(x) * np.sinc(x / radius))


FILTERS = {"bilinear": _triangle, "bicubic": _cubic, "lanczos3": _lanczos(3.0), "lanczos5": _lanczos(5.0)}


def resizing(size: int, made: int, interpolation: str, antialias: bool = False) -> np.ndarray:
    """(made, size): each new place as a weighted mean of old ones, pixel centres at half numbers, weights that sum to one; "nearest" takes
    one. `antialias`: where there are fewer places than before, the filter is as much wider."""
    if interpolation == "nearest":
        return np.eye(size)[np.minimum(((np.arange(made) + 0.5) * size / made).astype(int), size - 1)]
    return shifted(size, made, made / size, 0.0, interpolation, antialias)


def shifted(size: int, made: int, scale: float, translation: float, interpolation: str, antialias: bool) -> np.ndarray:
    """The same for places that are `scale` times as many, `translation` further on; those that come from outside have no weights."""
    at = (np.arange(made) + 0.5 - translation) / scale - 0.5
    wide = max(1 / scale, 1.0) if antialias else 1.0
    weights = FILTERS[interpolation](np.abs(at[:, None] - np.arange(size)) / wide)
    total = weights.sum(axis=1, keepdims=True)
    inside = (np.abs(total) > 1e-4) & (at >= -0.5)[:, None] & (at <= size - 0.5)[:, None]
    return np.where(inside, weights / np.where(inside, total, 1.0), 0.0)


def mix_axis(ops: Any, a: Any, m: np.ndarray, inner: int) -> Any:
    """Rows by a matrix (new, old) along one axis, behind which there are `inner` numbers for each place."""
    y = ops.empty((a.shape[0], columns_of(a) // m.shape[1] * m.shape[0]), a.dtype)
    ops.launch(AXIS_MIX, matrix(a), ops.asarray(np.ascontiguousarray(m)), *m.shape, inner, y)
    return y


def mixed(ops: Any, x: Any, weights: Sequence[np.ndarray]) -> Any:
    """Images by a matrix along the height and one along the width."""
    (down, along), (rows, _, width, channels) = weights, x.shape
    return mix_axis(ops, mix_axis(ops, x, down, width * channels), along, channels).reshape(rows, len(down), len(along), channels)


def mixed_back(ops: Any, dy: Any, weights: Sequence[np.ndarray], channels: int) -> Any:
    """The gradient of `mixed`, a row for each image."""
    down, along = weights
    return mix_axis(ops, mix_axis(ops, dy, along.T, channels), down.T, along.shape[1] * channels)


class Larger(Layer):
    """Every axis `size` times as long; "nearest" repeats, its gradient is the sum over the repeats."""

    kept_kinds = WHOLE
    rank = 2

    def __init__(self, size: Any, **common: Any):
        super().__init__(**common)
        self.factors = sizes("size", size, self.rank, self.name)
        self.interpolation = "nearest"

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        *image, channels = image_of(input_shape, self.rank, self.name)
        return (input_shape[0], *(n * f for n, f in zip(image, self.factors, strict=True)), channels)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if self.interpolation != "nearest":
            return self._mixed(x)
        shape, one = self.compute_output_shape(x.shape), (1,) * (2 - self.rank)
        here, channels, factors = (*one, *x.shape[1:-1]), x.shape[-1], (*one, *self.factors)
        # the windows of a pooling without overlap, the other way round
        large = (*one, *shape[1:-1])
        frame = Windows(*large[-2:], channels, *here[-2:], channels, *factors[-2:], *factors[-2:])
        run = pooling(self.backend, frame if self.rank < 3 else Volume(frame, large[0], here[0], factors[0], factors[0]))

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            return run.mean(dy, average=False).reshape(x.shape) if need_dx else None

        return run.mean_inputs(x, average=False).reshape(shape), pullback

    def _mixed(self, x: Any) -> tuple[Any, Pullback]:
        lengths = zip(x.shape[1:3], self.factors, strict=True)
        weights = [resizing(n, n * f, self.interpolation).astype(x.dtype) for n, f in lengths]

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            return mixed_back(self.backend, dy, weights, x.shape[-1]).reshape(x.shape) if need_dx else None

        return mixed(self.backend, x, weights), pullback


class UpSampling2D(Larger):
    """An image `size` times as large. ``interpolation``: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5"."""

    recordable = True

    def __init__(self, size: Any = (2, 2), data_format: Any = None, interpolation: str = "nearest", **common: Any):
        super().__init__(size, **common)
        channels_last(data_format, self.name)
        self.size = self.factors
        self.interpolation = interpolation.lower() if isinstance(interpolation, str) else interpolation
        if self.interpolation not in ("nearest", *FILTERS):
            names = ("nearest", *FILTERS)
            raise ValueError(f"Layer {self.name!r}: interpolation must be one of {names}. Received: interpolation={interpolation!r}.")
        if self.interpolation != "nearest":
            self.kept_kinds = ()  # what is mixed is no integer

    def config(self) -> dict[str, Any]:
        return {"size": self.size, "interpolation": self.interpolation}


class UpSampling1D(Larger):
    """A sequence of `size` times as many steps, each repeated."""

    recordable = True
    rank = 1

    def __init__(self, size: int = 2, **common: Any):
        super().__init__(size, **common)
        self.size = self.factors[0]

    def config(self) -> dict[str, Any]:
        return {"size": self.size}
