"""Depthwise convolutions, a filter of its own for each channel, and separable ones: depthwise, then across channels place by place."""

from typing import Any

from gpunn import activations
from gpunn.kernels.windows import Windows
from gpunn.layers.base import Pullback, positive
from gpunn.layers.conv import Convolving, convolve
from gpunn.layers.sliding import Shape, image_of


class _Depthwise(Convolving):
    """`depth_multiplier` filters for each channel: a convolution with as many groups as there are channels."""

    def __init__(
        self, kernel_size: Any, strides: Any, padding: Any, depth_multiplier: int, data_format: Any, dilation_rate: Any, activation: Any,
        use_bias: bool, depthwise_initializer: Any, bias_initializer: Any, depthwise_regularizer: Any, bias_regularizer: Any,
        activity_regularizer: Any, depthwise_constraint: Any, bias_constraint: Any, **common: Any,
    ):
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, activity_regularizer=activity_regularizer,
            **common,
        )
        self.depth_multiplier = positive("depth_multiplier", depth_multiplier, self.name)
        self.weight_options("depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint)
        self.weight_options("bias", bias_initializer, bias_regularizer, bias_constraint)

    def filters_of(self, channels: int) -> tuple[int, int]:
        return channels * self.depth_multiplier, channels

    def build(self, input_shape: Shape) -> None:
        self.channels = image_of(input_shape, self.rank, self.name)[-1]
        self.windows(input_shape)
        shape, options = (*self.kernel_size, self.channels, self.depth_multiplier), self._options["depthwise"]
        self.kernel = self.add_weight("kernel", shape, **options)
        if self.use_bias:
            self.bias = self.add_weight("bias", (self.channels * self.depth_multiplier,))

    def config(self) -> dict[str, Any]:
        return {**super().config(), "depth_multiplier": self.depth_multiplier}


class DepthwiseConv2D(_Depthwise):
    """(rows, height, width, channels) -> (rows, height', width', channels * depth_multiplier), the filters of a channel side by side.

    Kernel (kernel height, kernel width, channels, depth_multiplier), bias (channels * depth_multiplier,). For the rest see `Conv2D`.
    """

    recordable = True

    def __init__(
        self, kernel_size: Any, strides: Any = (1, 1), padding: Any = "valid", depth_multiplier: int = 1, data_format: Any = None,
        dilation_rate: Any = (1, 1), activation: Any = None, use_bias: bool = True, depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros", depthwise_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None,
        depthwise_constraint: Any = None, bias_constraint: Any = None, **common: Any,
    ):
        super().__init__(
            kernel_size, strides, padding, depth_multiplier, data_format, dilation_rate, activation, use_bias, depthwise_initializer,
            bias_initializer, depthwise_regularizer, bias_regularizer, activity_regularizer, depthwise_constraint, bias_constraint,
            **common,
        )


class DepthwiseConv1D(_Depthwise):
    """(rows, steps, channels) -> (rows, steps', channels * depth_multiplier). Kernel (kernel size, channels, depth_multiplier)."""

    recordable = True
    rank = 1

    def __init__(
        self, kernel_size: Any, strides: Any = 1, padding: Any = "valid", depth_multiplier: int = 1, data_format: Any = None,
        dilation_rate: Any = 1, activation: Any = None, use_bias: bool = True, depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros", depthwise_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None,
        depthwise_constraint: Any = None, bias_constraint: Any = None, **common: Any,
    ):
        super().__init__(
            kernel_size, strides, padding, depth_multiplier, data_format, dilation_rate, activation, use_bias, depthwise_initializer,
            bias_initializer, depthwise_regularizer, bias_regularizer, activity_regularizer, depthwise_constraint, bias_constraint,
            **common,
        )


class _Separable(Convolving):
    """A depthwise convolution without bias, then one of 1 x 1."""

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any, padding: Any, data_format: Any, dilation_rate: Any, depth_multiplier: int,
        activation: Any, use_bias: bool, depthwise_initializer: Any, pointwise_initializer: Any, bias_initializer: Any,
        depthwise_regularizer: Any, pointwise_regularizer: Any, bias_regularizer: Any, activity_regularizer: Any, depthwise_constraint: Any,
        pointwise_constraint: Any, bias_constraint: Any, **common: Any,
    ):
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, activity_regularizer=activity_regularizer,
            **common,
        )
        self.filters = positive("filters", filters, self.name)
        self.depth_multiplier = positive("depth_multiplier", depth_multiplier, self.name)
        self.weight_options("depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint)
        self.weight_options("pointwise", pointwise_initializer, pointwise_regularizer, pointwise_constraint)
        self.weight_options("bias", bias_initializer, bias_regularizer, bias_constraint)

    def filters_of(self, channels: int) -> tuple[int, int]:
        return channels * self.depth_multiplier, channels

    def build(self, input_shape: Shape) -> None:
        self.channels = image_of(input_shape, self.rank, self.name)[-1]
        self.windows(input_shape)
        between = self.channels * self.depth_multiplier
        shape = (*self.kernel_size, self.channels, self.depth_multiplier)
        self.kernel = self.add_weight("depthwise_kernel", shape, **self._options["depthwise"])
        self.pointwise_kernel = self.add_weight(
            "pointwise_kernel", (*(1,) * self.rank, between, self.filters), **self._options["pointwise"]
        )
        if self.use_bias:
            self.bias = self.add_weight("bias", (self.filters,))

    @property
    def depthwise_kernel(self) -> Any:
        return self.kernel

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check(input_shape)
        g = self.windows(input_shape)
        return self.activation.compute_output_shape((input_shape[0], *(g.out_height, g.out_width)[2 - self.rank :], self.filters))

    def forward(self, x: Any, training: bool = False, activation: Any = None, pool: Any = None) -> tuple[Any, Pullback]:
        self._check(x.shape)
        g = self.windows(x.shape)
        middle, depthwise_pullback = convolve(self, x, g, self.kernel, None, activations.linear, None)
        size = (g.out_height, g.out_width)
        across = Windows(*size, g.filters, *size, self.filters, 1, 1)
        y, pointwise_pullback = convolve(self, middle, across, self.pointwise_kernel, self.bias, activation or self.activation, None)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            return depthwise_pullback(pointwise_pullback(dy), need_dx)

        return y, pullback

    def config(self) -> dict[str, Any]:
        return {"filters": self.filters, **super().config(), "depth_multiplier": self.depth_multiplier}


class SeparableConv2D(_Separable):
    """A depthwise convolution, then a weighted sum over channels: (rows, height, width, channels) -> (rows, height', width', filters).

    Weights: depthwise kernel (kernel height, kernel width, channels, depth_multiplier), pointwise kernel (1, 1, channels *
    depth_multiplier, filters), bias (filters,). For the rest see `Conv2D`.
    """

    recordable = True

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = (1, 1), padding: Any = "valid", data_format: Any = None,
        dilation_rate: Any = (1, 1), depth_multiplier: int = 1, activation: Any = None, use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform", pointwise_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None, pointwise_regularizer: Any = None, bias_regularizer: Any = None,
        activity_regularizer: Any = None, depthwise_constraint: Any = None, pointwise_constraint: Any = None,
        bias_constraint: Any = None, **common: Any,
    ):
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier, activation, use_bias,
            depthwise_initializer, pointwise_initializer, bias_initializer, depthwise_regularizer, pointwise_regularizer,
            bias_regularizer, activity_regularizer,
            depthwise_constraint, pointwise_constraint, bias_constraint, **common,
        )


class SeparableConv1D(_Separable):
    """(rows, steps, channels) -> (rows, steps', filters); see `SeparableConv2D`."""

    recordable = True
    rank = 1

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: Any = "valid", data_format: Any = None, dilation_rate: Any = 1,
        depth_multiplier: int = 1, activation: Any = None, use_bias: bool = True, depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros", depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None, depthwise_constraint: Any = None,
        pointwise_constraint: Any = None, bias_constraint: Any = None, **common: Any,
    ):
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier, activation, use_bias,
            depthwise_initializer, pointwise_initializer, bias_initializer, depthwise_regularizer, pointwise_regularizer,
            bias_regularizer, activity_regularizer,
            depthwise_constraint, pointwise_constraint, bias_constraint, **common,
        )
