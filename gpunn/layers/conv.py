"""Conv1D and Conv2D, and the pass that every convolution takes."""

import math
from typing import Any

from gpunn import activations
from gpunn.backend.volumes import convolution
from gpunn.layers.base import Layer, Pullback, positive
from gpunn.layers.chosen import Chosen
from gpunn.layers.sliding import Shape, channels_last, image_of, padding_of, sizes, windows


class Convolving(Layer):
    """What the convolutions share: arguments, weights and the pass. A subclass says `rank`."""

    activation = Chosen()
    rank = 2
    paddings: tuple[str, ...] = ("valid", "same")

    def __init__(
        self, kernel_size: Any, strides: Any, padding: Any, data_format: Any, dilation_rate: Any, activation: Any, use_bias: bool,
        **common: Any,
    ):
        super().__init__(**common)
        channels_last(data_format, self.name)
        self.kernel_size = sizes("kernel_size", kernel_size, self.rank, self.name)
        self.strides = sizes("strides", strides, self.rank, self.name)
        self.dilation_rate = sizes("dilation_rate", dilation_rate, self.rank, self.name)
        self.padding = padding_of(padding, self.paddings, self.name)
        self.activation, self.use_bias = activation, bool(use_bias)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"Layer {self.name!r}: strides above 1 and dilation_rate above 1 exclude each other. "
                f"Received: strides={self.strides}, dilation_rate={self.dilation_rate}."
            )
        self.kernel: Any = None
        self.bias: Any = None

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        if "convolution_op" in vars(cls):
            raise TypeError(
                f"{cls.__name__} gives convolution_op, which no layer of gpunn calls. Expected call(self, inputs), made of gpunn.ops "
                "and of super().call(inputs)."
            )

    # ------------------------------------------------------------------ shapes
    def filters_of(self, channels: int) -> tuple[int, int]:
        """(filters, groups) for inputs of so many channels."""
        raise NotImplementedError

    def windows(self, shape: Any, pool: Any = None) -> Any:
        filters, groups = self.filters_of(image_of(shape, self.rank, self.name)[-1])
        return windows(self, shape, filters, self.kernel_size, self.strides, self.dilation_rate, self.padding, groups, pool)

    def _check(self, shape: Any) -> None:
        channels = image_of(shape, self.rank, self.name)[-1]
        if self.built and self.kernel is not None and channels != self.channels:
            raise ValueError(
                f"Input of layer {self.name!r} is incompatible with the layer: expected axis -1 of input shape to have value "
                f"{self.channels}. Received: input of shape {tuple(shape)}."
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check(input_shape)
        g = self.windows(input_shape)
        return self.activation.compute_output_shape((input_shape[0], *g.sizes_out(self.rank), g.filters))

    def build(self, input_shape: Shape) -> None:
        channels = image_of(input_shape, self.rank, self.name)[-1]
        filters, groups = self.filters_of(channels)
        self.windows(input_shape)
        self.channels = channels
        self.kernel = self.add_weight("kernel", (*self.kernel_size, channels // groups, filters))
        if self.use_bias:
            self.bias = self.add_weight("bias", (filters,))

    # ------------------------------------------------------------------ the pass
    def forward(self, x: Any, training: bool = False, activation: Any = None, pool: Any = None) -> tuple[Any, Pullback]:
        """`pool`: a max pooling that follows, done here too."""
        self._check(x.shape)
        g = self.windows(x.shape)
        if pool is not None and not g.narrow:
            g = self.windows(x.shape, pool.pool_size)
        return convolve(self, x, g, self.kernel, self.bias, activation or self.activation, pool)

    def config(self) -> dict[str, Any]:
        return {
            "kernel_size": self.kernel_size, "strides": self.strides, "padding": self.padding, "dilation_rate": self.dilation_rate,
            "activation": activations.serialize(self.activation), "use_bias": self.use_bias,
        }


def convolve(layer: Layer, x: Any, g: Any, kernel: Any, bias: Any, activation: Any, pool: Any) -> tuple[Any, Pullback]:
    """A convolution, its bias and activation, and perhaps a max pooling."""
    ops, rows = layer.backend, x.shape[0]
    run, value = convolution(ops, g), None if bias is None else bias.value
    rank = len(x.shape) - 2
    if pool is not None and ops.chains and not g.narrow:
        z, at = run.pooled(x, kernel.value, value)
        shape = (rows, *g.pooled[2 - rank :], g.filters)
        y, activation_pullback = _activated(ops, activation, z, None, shape)
    else:
        z, at = run.forward(x, kernel.value, value), None
        shape = (rows, *g.sizes_out(rank), g.filters)
        if not ops.chains:
            z = z.reshape(rows * g.places, g.filters)
        y, activation_pullback = _activated(ops, activation, z, None if ops.chains else value, shape)

    def pullback(dy: Any, need_dx: bool = True) -> Any:
        dz = activation_pullback(dy.reshape(y.shape)).reshape(rows, math.prod(shape[1:]))
        run.weights(x, dz, kernel, bias, at)
        return run.inputs(dz, kernel.value, at).reshape(x.shape) if need_dx else None

    out = y.reshape(activation.compute_output_shape(shape))
    if pool is None or at is not None:
        return out, pullback
    out, pool_pullback = pool.forward(out)
    return out, lambda dy, need_dx=True: pullback(pool_pullback(dy), need_dx)


def _activated(ops: Any, activation: Any, z: Any, bias: Any, shape: Any) -> tuple[Any, Any]:
    if bias is None and activation is activations.linear:
        return z, lambda dy: dy
    return activation.apply(ops, z, bias, inplace=True, shape=shape)


class Filtering(Convolving):
    """Filters over all channels of a group."""

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any, padding: Any, data_format: Any, dilation_rate: Any, groups: int,
        activation: Any, use_bias: bool, kernel_initializer: Any, bias_initializer: Any, kernel_regularizer: Any, bias_regularizer: Any,
        activity_regularizer: Any, kernel_constraint: Any, bias_constraint: Any, **common: Any,
    ):
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, activity_regularizer=activity_regularizer,
            **common,
        )
        self.filters, self.groups = positive("filters", filters, self.name), positive("groups", groups, self.name)
        if self.filters % self.groups:
            raise ValueError(f"Layer {self.name!r}: groups must divide filters. Received: filters={filters}, groups={groups}.")
        self.weight_options("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.weight_options("bias", bias_initializer, bias_regularizer, bias_constraint)

    def filters_of(self, channels: int) -> tuple[int, int]:
        if channels % self.groups:
            raise ValueError(
                f"Layer {self.name!r}: groups must divide the input's channels. Received: {channels} channels, groups={self.groups}."
            )
        return self.filters, self.groups

    def config(self) -> dict[str, Any]:
        return {"filters": self.filters, **super().config(), "groups": self.groups}


class Conv2D(Filtering):
    """Filters that slide over an image: (rows, height, width, channels) -> (rows, height', width', filters), cross-correlation.

    Arguments: ``filters``; ``kernel_size``, ``strides``, ``dilation_rate`` (one number or two); ``padding``, "valid" (height' =
    floor((height - reach) / stride) + 1) or "same" (ceil(height / stride)); ``groups``; ``activation``; ``use_bias``; initializer,
    regularizer and constraint of kernel and bias. Kernel (kernel height, kernel width, channels / groups, filters), bias (filters,).
    Raises ValueError for a kernel larger than the input, groups that do not divide channels and filters, inputs of another rank or number
    of channels.
    """

    recordable = True

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = (1, 1), padding: Any = "valid", data_format: Any = None,
        dilation_rate: Any = (1, 1), groups: int = 1, activation: Any = None, use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros", kernel_regularizer: Any = None,
        bias_regularizer: Any = None, activity_regularizer: Any = None, kernel_constraint: Any = None, bias_constraint: Any = None,
        **common: Any,
    ):
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, groups, activation, use_bias, kernel_initializer,
            bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, **common,
        )


class Conv1D(Filtering):
    """Filters that slide over a sequence: (rows, steps, channels) -> (rows, steps', filters).

    Kernel (kernel size, channels / groups, filters).
    ``padding`` may also be "causal": a step sees none that come after it. For the rest see `Conv2D`.
    """

    recordable = True
    rank = 1
    paddings = ("valid", "same", "causal")

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: Any = "valid", data_format: Any = None, dilation_rate: Any = 1,
        groups: int = 1, activation: Any = None, use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros", kernel_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None,
        kernel_constraint: Any = None, bias_constraint: Any = None, **common: Any,
    ):
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, groups, activation, use_bias, kernel_initializer,
            bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, **common,
        )
