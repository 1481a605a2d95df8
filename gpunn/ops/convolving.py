"""Convolutions and poolings of images, or of sequences, with kernels that are operands: the names of ``keras.ops``."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from gpunn import config
from gpunn.backend import get_backend
from gpunn.backend.volumes import convolution, pooling
from gpunn.layers.conv_transpose import adjoint
from gpunn.layers.graph import KerasTensor
from gpunn.layers.sliding import channels_last, padding_of, sizes, windows
from gpunn.ops.at_once import Here
from gpunn.ops.operation import Back, Definition, Place, apply


class _Sliding(Definition):
    """What slides a window over an image. A subclass says the geometry for the operands' shapes, and what a device launches."""

    @abstractmethod
    def geometry(self, shapes: Sequence[Any], options: dict[str, Any]) -> Any:
        """The windows over images of these shapes."""

    def numpy(self, *operands: Any, **options: Any) -> Any:
        ops, dtype = get_backend(), np.result_type(*operands, np.float32).name
        placed = [ops.asarray(np.ascontiguousarray(v, dtype)) for v in operands]
        return ops.to_numpy(self.device(Here(ops, dtype), placed, options)[0])

    def outcome(self, operands: Sequence[Any], options: dict[str, Any]) -> tuple[Any, str]:
        shapes = [tuple(v.shape) for v in operands]
        dtype = next((v.dtype for v in operands if isinstance(v, KerasTensor)), config.floatx())
        return (shapes[0][0], *self.sizes(shapes, options)), str(dtype)

    def sizes(self, shapes: Sequence[Any], options: dict[str, Any]) -> tuple[int, ...]:
        """(places along each axis, filters)."""
        g = self.geometry(shapes, options)
        return (*g.sizes_out(len(shapes[0]) - 2), g.filters)


class Convolved(_Sliding):
    """An image and a kernel, (*window, channels of a group, filters)."""

    def geometry(self, shapes: Sequence[Any], options: dict[str, Any]) -> Any:
        image, kernel = shapes
        if len(kernel) != len(image) or len(image) not in (3, 4, 5) or not image[-1] or image[-1] % kernel[-2]:
            raise ValueError(
                f"conv: expected images (rows, ..., channels) and a kernel (*window, channels, filters). Received: {image} and {kernel}."
            )
        window, filters = tuple(kernel[:-2]), kernel[-1]
        strides, rates = (sizes(name, options[name], len(window), "conv") for name in ("strides", "dilation_rate"))
        return windows(SimpleNamespace(name="conv"), image, filters, window, strides, rates, options["padding"], image[-1] // kernel[-2])

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        ops, (x, kernel) = op.backend, operands
        shapes = [tuple(v.shape) for v in operands]
        run = convolution(ops, self.geometry(shapes, options))
        y = run.forward(x, kernel, None).reshape(x.shape[0], *self.sizes(shapes, options))

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            dy = dy.reshape(x.shape[0], math.prod(y.shape[1:]))
            found: list[Any] = [None, None]
            if needs[1]:
                found[1] = ops.empty(kernel.shape, kernel.dtype)
                run.weights(x, dy, SimpleNamespace(learns=True, claim=lambda: False, gradient=found[1]), None)
            if needs[0]:
                found[0] = run.inputs(dy, kernel).reshape(x.shape)
            return found

        return y, back


class Transposed(_Sliding):
    """The adjoint of a convolution: what is given is what one makes, with a kernel (*window, filters, channels)."""

    def geometry(self, shapes: Sequence[Any], options: dict[str, Any]) -> Any:
        given, kernel = shapes
        rank = len(given) - 2
        if rank not in (1, 2, 3) or None in given[1:] or len(kernel) != len(given) or given[-1] != kernel[-1]:
            raise ValueError(
                "conv_transpose: expected images (rows, ..., channels) of known size and a kernel (*window, filters, channels). "
                f"Received: {given} and {kernel}."
            )
        strides, rates = (sizes(name, options[name], rank, "conv_transpose") for name in ("strides", "dilation_rate"))
        extra = options["output_padding"]
        extra = None if extra is None else sizes("output_padding", extra, rank, "conv_transpose", least=0)
        return adjoint(tuple(given[1:]), kernel[-2], tuple(kernel[:-2]), strides, rates, options["padding"], extra)

    def sizes(self, shapes: Sequence[Any], options: dict[str, Any]) -> tuple[int, ...]:
        g = self.geometry(shapes, options)  # of the convolution, whose image comes out
        return (*g.sizes_in(len(shapes[0]) - 2), g.channels)

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        ops, (x, kernel) = op.backend, operands
        shapes = [tuple(v.shape) for v in operands]
        run, rows = convolution(ops, self.geometry(shapes, options)), x.shape[0]
        y = run.inputs(x.reshape(rows, -1), kernel).reshape(rows, *self.sizes(shapes, options))

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            dy, found = dy.reshape(rows, math.prod(y.shape[1:])), [None, None]
            if needs[1]:
                found[1] = ops.empty(kernel.shape, kernel.dtype)
                run.weights(dy, x.reshape(rows, -1), SimpleNamespace(learns=True, claim=lambda: False, gradient=found[1]), None)
            if needs[0]:
                found[0] = run.forward(dy, kernel, None).reshape(x.shape)
            return found

        return y, back


class Pooled(_Sliding):
    """The largest or the mean of each window."""

    def __init__(self, name: str, largest: bool):
        super().__init__(name)
        self.largest = largest

    def geometry(self, shapes: Sequence[Any], options: dict[str, Any]) -> Any:
        (image,) = shapes
        if len(image) not in ((3, 4) if self.largest else (3, 4, 5)):
            raise ValueError(f"{self.name}: expected images or sequences, (rows, ..., channels). Received: shape {image}.")
        rank = len(image) - 2
        window = sizes("pool_size", options["pool_size"], rank, self.name)
        strides = window if options["strides"] is None else sizes("strides", options["strides"], rank, self.name)
        return windows(SimpleNamespace(name=self.name), image, image[-1], window, strides, (1,) * rank, options["padding"])

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        x = operands[0]
        shapes = [tuple(x.shape)]
        run = pooling(op.backend, self.geometry(shapes, options))
        y, at = run.largest(x) if self.largest else (run.mean(x), None)
        shape = (x.shape[0], *self.sizes(shapes, options))
        return y.reshape(shape), lambda dy, needs: [run.largest_inputs(dy, at) if self.largest else run.mean_inputs(dy)]


CONV, CONV_TRANSPOSE = Convolved("conv"), Transposed("conv_transpose")
MAX_POOL, AVERAGE_POOL = Pooled("max_pool", True), Pooled("average_pool", False)


def conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None, dilation_rate: Any = 1
) -> Any:
    """Images (rows, height, width, channels), or sequences (rows, steps, channels), under a kernel (*window, channels, filters): fewer
    channels than the image has are those of a group. Raises ValueError for what does not fit."""
    channels_last(data_format, "conv")
    return apply(CONV, inputs, kernel, strides=strides, padding=padding_of(padding, ("valid", "same"), "conv"), dilation_rate=dilation_rate)


def conv_transpose(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", output_padding: Any = None, data_format: Any = None,
    dilation_rate: Any = 1,
) -> Any:
    """The adjoint of `conv`, which makes images larger by `strides`: a kernel (*window, filters, channels). Sizes are those of
    `gpunn.layers.Conv2DTranspose`. Raises ValueError for what does not fit."""
    channels_last(data_format, "conv_transpose")
    how = padding_of(padding, ("valid", "same"), "conv_transpose")
    return apply(
        CONV_TRANSPOSE, inputs, kernel, strides=strides, padding=how, output_padding=output_padding, dilation_rate=dilation_rate
    )


def depthwise_conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None, dilation_rate: Any = 1
) -> Any:
    """Each channel by filters of its own: a kernel (*window, channels, filters for each)."""
    from gpunn.ops.shaping import reshape

    *window, channels, each = kernel.shape
    return conv(inputs, reshape(kernel, (*window, 1, channels * each)), strides, padding, data_format, dilation_rate)


def separable_conv(
    inputs: Any, depthwise_kernel: Any, pointwise_kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None,
    dilation_rate: Any = 1,
) -> Any:
    """`depthwise_conv`, then a kernel of windows of one."""
    deep = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(deep, pointwise_kernel, 1, "valid", data_format)


def max_pool(inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None) -> Any:
    """The largest of each window, every `strides` (default: the pool size)."""
    channels_last(data_format, "max_pool")
    return apply(MAX_POOL, inputs, pool_size=pool_size, strides=strides, padding=padding_of(padding, ("valid", "same"), "max_pool"))


def average_pool(inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None) -> Any:
    """The mean of each window; places that "same" puts outside do not count."""
    channels_last(data_format, "average_pool")
    return apply(AVERAGE_POOL, inputs, pool_size=pool_size, strides=strides, padding=padding_of(padding, ("valid", "same"), "average_pool"))
