"""Pooling: the largest or the mean of every window, channel by channel."""

import math
from typing import Any

from gpunn.backend.convolution import Pooling
from gpunn.backend.volumes import pooling
from gpunn.kernels.sequences import divide_rows, mask_rows
from gpunn.kernels.windows import Windows
from gpunn.layers.base import Layer, Pullback
from gpunn.layers.graph import WHOLE
from gpunn.layers.sliding import Shape, channels_last, image_of, padding_of, sizes, windows


class Pool(Layer):
    """Windows of `pool_size` every `strides` (default: the pool size). Taps that "same" padding puts outside the image do not count."""

    kept_kinds = WHOLE
    rank = 2
    largest = True

    def __init__(self, pool_size: Any, strides: Any, padding: Any, data_format: Any, **common: Any):
        super().__init__(**common)
        channels_last(data_format, self.name)
        self.pool_size = sizes("pool_size", pool_size, self.rank, self.name)
        self.strides = sizes("strides", self.pool_size if strides is None else strides, self.rank, self.name)
        self.padding = padding_of(padding, ("valid", "same"), self.name)

    def windows(self, shape: Any) -> Any:
        channels = image_of(shape, self.rank, self.name)[-1]
        return windows(self, shape, channels, self.pool_size, self.strides, (1,) * self.rank, self.padding)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        g = self.windows(input_shape)
        return (input_shape[0], *g.sizes_out(self.rank), g.channels)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        shape, run = self.compute_output_shape(x.shape), pooling(self.backend, self.windows(x.shape))
        y, at = run.largest(x) if self.largest else (run.mean(x), None)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            if not need_dx:
                return None
            return (run.largest_inputs(dy, at) if self.largest else run.mean_inputs(dy)).reshape(x.shape)

        return y.reshape(shape), pullback

    def config(self) -> dict[str, Any]:
        return {"pool_size": self.pool_size, "strides": self.strides, "padding": self.padding}


class MaxPooling2D(Pool):
    """The largest of every window: (rows, height, width, channels) -> (rows, height', width', channels).

    The gradient goes to the first of equals. Raises ValueError for a pool larger than the input (padding "valid") or inputs that are no
    images.
    """

    recordable = True

    def __init__(self, pool_size: Any = (2, 2), strides: Any = None, padding: Any = "valid", data_format: Any = None, **common: Any):
        super().__init__(pool_size, strides, padding, data_format, **common)


class AveragePooling2D(Pool):
    """The mean of every window; see `MaxPooling2D`."""

    recordable = True
    largest = False
    kept_kinds = ()

    def __init__(self, pool_size: Any = (2, 2), strides: Any = None, padding: Any = "valid", data_format: Any = None, **common: Any):
        super().__init__(pool_size, strides, padding, data_format, **common)


class MaxPooling1D(Pool):
    """The largest of every window of steps: (rows, steps, channels) -> (rows, steps', channels)."""

    recordable = True
    rank = 1

    def __init__(self, pool_size: Any = 2, strides: Any = None, padding: Any = "valid", data_format: Any = None, **common: Any):
        super().__init__(pool_size, strides, padding, data_format, **common)


class AveragePooling1D(Pool):
    """The mean of every window of steps; see `MaxPooling1D`."""

    recordable = True
    rank = 1
    largest = False
    kept_kinds = ()

    def __init__(self, pool_size: Any = 2, strides: Any = None, padding: Any = "valid", data_format: Any = None, **common: Any):
        super().__init__(pool_size, strides, padding, data_format, **common)


class GlobalPool(Layer):
    """One number a channel, of all places of a row; `keepdims` leaves axes of size 1."""

    kept_kinds = WHOLE
    rank = 2
    largest = True

    def __init__(self, data_format: Any = None, keepdims: bool = False, **common: Any):
        super().__init__(**common)
        channels_last(data_format, self.name)
        self.keepdims = bool(keepdims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        channels = image_of(input_shape, self.rank, self.name)[-1]
        return (input_shape[0], *((1,) * self.rank if self.keepdims else ()), channels)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        *image, channels = image_of(x.shape, self.rank, self.name)
        image = [math.prod(image[:-1]), image[-1]]  # of volumes, the frames one below the other
        run = Pooling(self.backend, Windows(*image, channels, 1, 1, channels, *image))
        y = run.largest(x)[0] if self.largest else run.mean(x)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            if not need_dx:
                return None
            return (run.shared_inputs(dy, x, y) if self.largest else run.mean_inputs(dy)).reshape(x.shape)

        return y.reshape(self.compute_output_shape(x.shape)), pullback

    def config(self) -> dict[str, Any]:
        return {"keepdims": self.keepdims}


class GlobalMaxPooling2D(GlobalPool):
    """The largest of each channel: (rows, height, width, channels) -> (rows, channels)."""

    recordable = True


class GlobalAveragePooling2D(GlobalPool):
    """The mean of each channel: (rows, height, width, channels) -> (rows, channels)."""

    recordable = True
    largest = False
    kept_kinds = ()


class GlobalMaxPooling1D(GlobalPool):
    """The largest of each channel over all steps: (rows, steps, channels) -> (rows, channels)."""

    recordable = True
    rank = 1


class GlobalAveragePooling1D(GlobalPool):
    """The mean of each channel over all steps, or over those that a mask leaves: (rows, steps, channels) -> (rows, channels).

    A row without any step left is 0 / 0, not a number, as in Keras.
    """

    recordable = True
    takes_mask = True
    rank = 1
    largest = False
    kept_kinds = ()

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> tuple[Any, Pullback]:
        if mask is None:
            return super().forward(x, training)
        ops, (steps, channels) = self.backend, image_of(x.shape, self.rank, self.name)
        lines, column = (x.shape[0] * steps, channels), mask.reshape(x.shape[0] * steps)
        kept = ops.empty(x.shape, x.dtype)
        ops.launch(mask_rows, x.reshape(lines), column, kept.reshape(lines))
        y, back = super().forward(kept, training)
        share = Pooling(ops, Windows(1, steps, 1, 1, 1, 1, 1, steps)).mean(mask).reshape(x.shape[0])
        ops.launch(divide_rows, y.reshape(x.shape[0], channels), share)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            if not need_dx:
                return None
            dy = dy.reshape(x.shape[0], channels)
            ops.launch(divide_rows, dy, share)
            dx = ops.empty(x.shape, x.dtype)
            ops.launch(mask_rows, back(dy).reshape(lines), column, dx.reshape(lines))
            return dx

        return y, pullback
