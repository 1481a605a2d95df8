"""Transposed convolutions: the adjoint of a convolution, which makes images larger.

Forward is the gradient of a convolution with respect to its input, and the input's gradient is that convolution: the same kernels.
"""

import math
from typing import Any

from gpunn import activations
from gpunn.backend.volumes import convolution
from gpunn.kernels.reductions import COLUMN_SUM
from gpunn.kernels.windows import Volume, Windows
from gpunn.layers.base import Pullback, positive
from gpunn.layers.conv import Convolving
from gpunn.layers.sliding import Shape, image_of, sizes


def grow(size: int, window: int, stride: int, dilation: int, padding: str, extra: int | None) -> tuple[int, int]:
    """-> (size of the output, how far before it the first window begins), as Keras 3 on JAX has them.

    Without output_padding: max((size - 1) * stride + reach, size * stride) for "valid", size * stride for "same".
    """
    reach = (window - 1) * dilation + 1
    if padding == "valid":
        return (size - 1) * stride + reach + (max(reach, stride) - reach if extra is None else extra), 0
    total = stride + reach - 2 if extra is None else reach + reach % 2 - 2 + extra
    left = min(total // 2 + total % 2, reach - 1)
    return (size - 1) * stride + 1 + total - (reach - 1), reach - 1 - left


def adjoint(
    image: tuple[int, ...], filters: int, window: tuple[int, ...], strides: tuple[int, ...], dilation: tuple[int, ...], padding: str,
    extra: tuple[int, ...] | None,
) -> Any:
    """The windows of the convolution that makes an image (or a volume) of these sizes and channels, of one with `filters` channels."""
    *size, channels = image
    rank = len(size)
    arguments = zip(size, window, strides, dilation, extra or (None,) * rank, strict=True)
    axes = [grow(n, k, s, d, padding, more) for n, k, s, d, more in arguments]
    one = (1,) * (2 - rank)
    grown, before = [*one, *(n for n, _ in axes)], [0] * (2 - rank) + [first for _, first in axes]
    places, taps, steps, rates = ([*one, *n] for n in (size, window, strides, dilation))
    frame = Windows(*grown[-2:], filters, *places[-2:], channels, *taps[-2:], *steps[-2:], *rates[-2:], *before[-2:])
    return frame if rank < 3 else Volume(frame, grown[0], places[0], taps[0], steps[0], rates[0], before[0])


class Transposing(Convolving):
    def __init__(
        self, filters: int, kernel_size: Any, strides: Any, padding: Any, output_padding: Any, data_format: Any, dilation_rate: Any,
        activation: Any, use_bias: bool, kernel_initializer: Any, bias_initializer: Any, kernel_regularizer: Any, bias_regularizer: Any,
        activity_regularizer: Any, kernel_constraint: Any, bias_constraint: Any, **common: Any,
    ):
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, activity_regularizer=activity_regularizer,
            **common,
        )
        self.filters = positive("filters", filters, self.name)
        self.output_padding = None if output_padding is None else sizes("output_padding", output_padding, self.rank, self.name, least=0)
        if self.output_padding is not None and any(o >= s for o, s in zip(self.output_padding, self.strides, strict=True)):
            raise ValueError(
                f"Layer {self.name!r}: output_padding must be less than strides. "
                f"Received: strides={self.strides}, output_padding={output_padding!r}."
            )
        self.weight_options("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.weight_options("bias", bias_initializer, bias_regularizer, bias_constraint)

    def filters_of(self, channels: int) -> tuple[int, int]:
        return self.filters, 1

    def windows(self, shape: Any, pool: Any = None) -> Any:
        """Of the convolution whose adjoint this is: our output is its image."""
        image = image_of(shape, self.rank, self.name)
        return adjoint(image, self.filters, self.kernel_size, self.strides, self.dilation_rate, self.padding, self.output_padding)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check(input_shape)
        g = self.windows(input_shape)
        return self.activation.compute_output_shape((input_shape[0], *g.sizes_in(self.rank), self.filters))

    def build(self, input_shape: Shape) -> None:
        self.channels = image_of(input_shape, self.rank, self.name)[-1]
        self.kernel = self.add_weight("kernel", (*self.kernel_size, self.filters, self.channels))
        if self.use_bias:
            self.bias = self.add_weight("bias", (self.filters,))

    def forward(self, x: Any, training: bool = False, activation: Any = None, pool: Any = None) -> tuple[Any, Pullback]:
        self._check(x.shape)
        ops, g, kernel, bias, rows = self.backend, self.windows(x.shape), self.kernel, self.bias, x.shape[0]
        run, chosen = convolution(ops, g), activation or self.activation
        shape = (rows, *g.sizes_in(self.rank), self.filters)
        z = run.inputs(x, kernel.value).reshape(-1, self.filters)
        if bias is None and chosen is activations.linear:
            y, activation_pullback = z, lambda dy: dy
        else:
            y, activation_pullback = chosen.apply(ops, z, None if bias is None else bias.value, inplace=True, shape=shape)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            dz = activation_pullback(dy.reshape(y.shape))
            if bias is not None and bias.learns:
                ops.launch(COLUMN_SUM, dz.reshape(-1, self.filters), float(bias.claim()), bias.gradient)
            dz = dz.reshape(rows, math.prod(shape[1:]))
            run.weights(dz, x, kernel, None)
            return run.forward(dz, kernel.value, None).reshape(x.shape) if need_dx else None

        return y.reshape(chosen.compute_output_shape(shape)), pullback

    def config(self) -> dict[str, Any]:
        return {"filters": self.filters, **super().config(), "output_padding": self.output_padding}


class Conv2DTranspose(Transposing):
    """(rows, height, width, channels) -> (rows, height', width', filters), larger by `strides`.

    ``padding`` "same": height' = height * stride; "valid": the last window fits whole; ``output_padding`` adds below and to the right.
    Kernel (kernel height, kernel width, filters, channels), bias (filters,). Raises ValueError for output_padding not below strides.
    """

    recordable = True

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = (1, 1), padding: Any = "valid", output_padding: Any = None,
        data_format: Any = None, dilation_rate: Any = (1, 1), activation: Any = None, use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros", kernel_regularizer: Any = None,
        bias_regularizer: Any = None, activity_regularizer: Any = None, kernel_constraint: Any = None, bias_constraint: Any = None,
        **common: Any,
    ):
        super().__init__(
            filters, kernel_size, strides, padding, output_padding, data_format, dilation_rate, activation, use_bias, kernel_initializer,
            bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, **common,
        )


class Conv1DTranspose(Transposing):
    """(rows, steps, channels) -> (rows, steps', filters); kernel (kernel size, filters, channels). See `Conv2DTranspose`."""

    recordable = True
    rank = 1

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: Any = "valid", output_padding: Any = None, data_format: Any = None,
        dilation_rate: Any = 1, activation: Any = None, use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros", kernel_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None,
        kernel_constraint: Any = None, bias_constraint: Any = None, **common: Any,
    ):
        super().__init__(
            filters, kernel_size, strides, padding, output_padding, data_format, dilation_rate, activation, use_bias, kernel_initializer,
            bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, **common,
        )
