"""Layers over volumes, (rows, depth, height, width, channels): those of images, with one axis more."""

from typing import Any

from gpunn.layers.conv import Filtering
from gpunn.layers.conv_transpose import Transposing
from gpunn.layers.pooling import GlobalPool, Pool
from gpunn.layers.resizing import Framed, Larger
from gpunn.layers.sliding import channels_last


class Conv3D(Filtering):
    """Filters that slide over a volume: (rows, depth, height, width, channels) -> (rows, depth', height', width', filters).

    Kernel (kernel depth, kernel height, kernel width, channels / groups, filters), bias (filters,). For the rest see `Conv2D`.
    """

    recordable = True
    rank = 3

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = (1, 1, 1), padding: Any = "valid", data_format: Any = None,
        dilation_rate: Any = (1, 1, 1), groups: int = 1, activation: Any = None, use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros", kernel_regularizer: Any = None,
        bias_regularizer: Any = None, activity_regularizer: Any = None, kernel_constraint: Any = None, bias_constraint: Any = None,
        **common: Any,
    ):
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, groups, activation, use_bias, kernel_initializer,
            bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, **common,
        )


class Conv3DTranspose(Transposing):
    """(rows, depth, height, width, channels) -> (rows, depth', height', width', filters), larger by `strides`.

    Kernel (kernel depth, kernel height, kernel width, filters, channels), bias (filters,). See `Conv2DTranspose`.
    """

    recordable = True
    rank = 3

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = (1, 1, 1), padding: Any = "valid", data_format: Any = None,
        output_padding: Any = None, dilation_rate: Any = (1, 1, 1), activation: Any = None, use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros", kernel_regularizer: Any = None,
        bias_regularizer: Any = None, activity_regularizer: Any = None, kernel_constraint: Any = None, bias_constraint: Any = None,
        **common: Any,
    ):
        super().__init__(
            filters, kernel_size, strides, padding, output_padding, data_format, dilation_rate, activation, use_bias, kernel_initializer,
            bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, **common,
        )


class MaxPooling3D(Pool):
    """The largest of every window: (rows, depth, height, width, channels) -> (rows, depth', height', width', channels).

    The gradient goes to the first of equals, frame before frame.
    """

    recordable = True
    rank = 3

    def __init__(self, pool_size: Any = (2, 2, 2), strides: Any = None, padding: Any = "valid", data_format: Any = None, **common: Any):
        super().__init__(pool_size, strides, padding, data_format, **common)


class AveragePooling3D(Pool):
    """The mean of every window; see `MaxPooling3D`."""

    recordable = True
    rank = 3
    largest = False
    kept_kinds = ()

    def __init__(self, pool_size: Any, strides: Any = None, padding: Any = "valid", data_format: Any = None, **common: Any):
        super().__init__(pool_size, strides, padding, data_format, **common)


class GlobalMaxPooling3D(GlobalPool):
    """The largest of each channel: (rows, depth, height, width, channels) -> (rows, channels)."""

    recordable = True
    rank = 3


class GlobalAveragePooling3D(GlobalPool):
    """The mean of each channel: (rows, depth, height, width, channels) -> (rows, channels)."""

    recordable = True
    rank = 3
    largest = False
    kept_kinds = ()


class ZeroPadding3D(Framed):
    """Zeros around a volume. `padding`: one number, one for each axis, or a pair (before, after) for each."""

    recordable = True
    rank = 3

    def __init__(self, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: Any = None, **common: Any):
        super().__init__(padding, "padding", data_format, **common)
        self.padding = self.frame

    def config(self) -> dict[str, Any]:
        return {"padding": self.padding}


class Cropping3D(Framed):
    """A volume without its sides. `cropping`: one number, one for each axis, or a pair (before, after) for each. Raises as `Cropping2D`."""

    recordable = True
    rank = 3
    sign = -1

    def __init__(self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: Any = None, **common: Any):
        super().__init__(cropping, "cropping", data_format, **common)
        self.cropping = self.frame

    def config(self) -> dict[str, Any]:
        return {"cropping": self.cropping}


class UpSampling3D(Larger):
    """A volume `size` times as large, each place repeated."""

    recordable = True
    rank = 3

    def __init__(self, size: Any = (2, 2, 2), data_format: Any = None, **common: Any):
        super().__init__(size, **common)
        channels_last(data_format, self.name)
        self.size = self.factors

    def config(self) -> dict[str, Any]:
        return {"size": self.size}
