"""Adaptive pooling: as many windows as the output has places, of whatever size that takes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.backend.convolution import Pooling
from gpunn.kernels.windows import Windows
from gpunn.layers.base import Layer, Pullback
from gpunn.layers.columns import add_up, numbered, pick
from gpunn.layers.graph import WHOLE
from gpunn.layers.resizing import mix_axis
from gpunn.layers.sliding import Shape, channels_last, image_of, sizes


def cut(size: int, places: int) -> list[range]:
    """The windows along an axis: place i has those from floor(i size / places) to ceil((i + 1) size / places), which may overlap."""
    return [range(i * size // places, -(-(i + 1) * size // places)) for i in range(places)]


class _Adaptive(Layer):
    """(rows, ..., channels) -> (rows, *output_size, channels). Raises ValueError for sizes that are no positive integers."""

    rank = 2

    def __init__(self, output_size: Any, data_format: Any = None, **common: Any):
        super().__init__(**common)
        channels_last(data_format, self.name)
        self.output_size = sizes("output_size", output_size, self.rank, self.name)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self.output_size, image_of(input_shape, self.rank, self.name)[-1])

    def windows(self, shape: Any) -> list[list[range]]:
        """Those along each axis."""
        return [cut(n, places) for n, places in zip(image_of(shape, self.rank, self.name)[:-1], self.output_size, strict=True)]

    def config(self) -> dict[str, Any]:
        return {"output_size": self.output_size}


class _AdaptiveAverage(_Adaptive):
    """Means along one axis after the other: all numbers of a window count alike."""

    largest = False

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        ops, shares = self.backend, [_shares(w, n, x.dtype) for w, n in zip(self.windows(x.shape), x.shape[1:-1], strict=True)]
        shape = (x.shape[0], *self.output_size, x.shape[-1])

        def along(a: Any, matrices: list[np.ndarray], behind: Sequence[int]) -> Any:
            for axis, m in enumerate(matrices):
                a = mix_axis(ops, a, m, math.prod(behind[axis + 2 :]))
            return a

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            return along(dy, [m.T for m in shares], shape).reshape(x.shape) if need_dx else None

        return along(x, shares, x.shape).reshape(shape), pullback


def _shares(windows: list[range], size: int, dtype: Any) -> np.ndarray:
    """(places, size): what each number counts in each window."""
    return np.array([[(k in window) / len(window) for k in range(size)] for window in windows], dtype)


class _AdaptiveMax(_Adaptive):
    """The largest along one axis after the other; the gradient goes to the first of equals along the last axis, of those along the one
    before it, and so on."""

    largest = True
    kept_kinds = WHOLE

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        shape, y, backs = (x.shape[0], *self.output_size, x.shape[-1]), x, []
        for axis, windows in enumerate(self.windows(x.shape)):
            size = (x.shape[0] * math.prod(self.output_size[:axis]), x.shape[axis + 1], math.prod(x.shape[axis + 2 :]))
            y, back = self._along(y.reshape(size), windows)
            backs.append(back)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            for back in reversed(backs) if need_dx else ():
                dy = back(dy)
            return dy.reshape(x.shape) if need_dx else None

        return y.reshape(shape), pullback

    def _along(self, x: Any, windows: list[range]) -> tuple[Any, Any]:
        """Of (rows, size, rest) the largest of each window: these are laid out one after another, the shorter ones with their last number
        again."""
        ops, (_, size, rest), long = self.backend, x.shape, max(map(len, windows))
        taken = numbered((size, rest)).take([min(w.start + k, w.stop - 1) for w in windows for k in range(long)], 0)
        run = Pooling(ops, Windows(len(taken), 1, rest, len(windows), 1, rest, long, 1, long))
        y, at = run.largest(pick(ops, x, taken, taken.shape))
        return y, lambda dy: add_up(ops, run.largest_inputs(dy.reshape(y.shape), at), taken, (size, rest))


class AdaptiveAveragePooling1D(_AdaptiveAverage):
    """The means of `output_size` windows of steps: (rows, steps, channels) -> (rows, output_size, channels).

    Window i has the steps from floor(i steps / output_size) to ceil((i + 1) steps / output_size).
    """

    recordable = True
    rank = 1


class AdaptiveAveragePooling2D(_AdaptiveAverage):
    """The means of `output_size` windows along each axis, one number or two; see `AdaptiveAveragePooling1D`."""

    recordable = True


class AdaptiveMaxPooling1D(_AdaptiveMax):
    """The largest of each of the windows of `AdaptiveAveragePooling1D`."""

    recordable = True
    rank = 1


class AdaptiveMaxPooling2D(_AdaptiveMax):
    """The largest of each of the windows of `AdaptiveAveragePooling2D`."""

    recordable = True


class AdaptiveAveragePooling3D(_AdaptiveAverage):
    """The means of `output_size` windows along each axis, one number or three; see `AdaptiveAveragePooling1D`."""

    recordable = True
    rank = 3


class AdaptiveMaxPooling3D(_AdaptiveMax):
    """The largest of each of the windows of `AdaptiveAveragePooling3D`."""

    recordable = True
    rank = 3
