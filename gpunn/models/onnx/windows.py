"""Convolutions, pooling, padding, cropping and upsampling as ONNX nodes. ONNX has the channels first: they are turned there and back."""

from typing import Any

import numpy as np

from gpunn import layers as L
from gpunn.kernels.windows import Volume, Windows
from gpunn.layers.resizing import resizing
from gpunn.models.onnx.functions import activation
from gpunn.models.onnx.graph import Graph, Value
from gpunn.models.onnx.layers import Shape, writes


def channels_first(graph: Graph, x: Value, rank: int) -> Value:
    return graph.turned(x, 0, rank + 1, *range(1, rank + 1))


def channels_last(graph: Graph, x: Value, rank: int) -> Value:
    return graph.turned(x, 0, *range(2, rank + 2), 1)


def _window(g: Windows | Volume, rank: int) -> dict[str, Any]:
    """Attributes of a node that slides a window."""
    frame = g.frame if isinstance(g, Volume) else g
    axes = [  # (size, places, taps, stride, dilation, places before the first)
        (frame.height, frame.out_height, frame.kernel_rows, frame.stride_rows, frame.dilation_rows, frame.top),
        (frame.width, frame.out_width, frame.kernel_columns, frame.stride_columns, frame.dilation_columns, frame.left),
    ][2 - min(rank, 2) :]
    if isinstance(g, Volume):
        axes.insert(0, (g.depth, g.out_depth, g.kernel_depth, g.stride_depth, g.dilation_depth, g.front))
    after = [max((n - 1) * s + (k - 1) * d + 1 - size - before, 0) for size, n, k, s, d, before in axes]
    _, _, taps, strides, dilations, before = zip(*axes, strict=True)
    return {"kernel_shape": taps, "strides": strides, "dilations": dilations, "pads": (*before, *after)}


def _convolved(graph: Graph, layer: Any, x: Value, g: Windows | Volume, filters: np.ndarray, bias: Any) -> Value:
    """`filters`: (filters, channels / groups, ...), as ONNX has them."""
    values = [graph.constant(filters, name="filters"), *([] if bias is None else [graph.constant(bias.numpy(), name="bias")])]
    y = graph.op("Conv", channels_first(graph, x, layer.rank), *values, group=g.groups, **_window(g, layer.rank))
    return channels_last(graph, y, layer.rank)


def _end(graph: Graph, layer: Any, y: Value, shape: Shape) -> Value:
    return activation(graph, layer.activation, y, layer.compute_output_shape(shape))


@writes(L.Conv1D, L.Conv2D, L.Conv3D)
def _conv(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    kernel = np.moveaxis(layer.kernel.numpy(), (-1, -2), (0, 1))
    return _end(graph, layer, _convolved(graph, layer, x, layer.windows(shape), kernel, layer.bias), shape)


def _depthwise_filters(kernel: np.ndarray) -> np.ndarray:
    """(..., channels, multiplier) -> (channels * multiplier, 1, ...)"""
    turned = np.moveaxis(kernel, (-2, -1), (0, 1))
    return turned.reshape(-1, 1, *turned.shape[2:])


@writes(L.DepthwiseConv1D, L.DepthwiseConv2D)
def _depthwise(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    kernel = _depthwise_filters(layer.kernel.numpy())
    return _end(graph, layer, _convolved(graph, layer, x, layer.windows(shape), kernel, layer.bias), shape)


@writes(L.SeparableConv1D, L.SeparableConv2D)
def _separable(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    middle = _convolved(graph, layer, x, layer.windows(shape), _depthwise_filters(layer.kernel.numpy()), None)
    pointwise = layer.pointwise_kernel.numpy()
    y = graph.op("MatMul", middle, graph.constant(pointwise.reshape(pointwise.shape[-2:]), name="pointwise"))
    return _end(graph, layer, y if layer.bias is None else y + graph.constant(layer.bias.numpy(), name="bias"), shape)


@writes(L.Conv1DTranspose, L.Conv2DTranspose, L.Conv3DTranspose)
def _transpose(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    """`layer.windows` is of the convolution whose adjoint this is: its image is our output."""
    g, rank = layer.windows(shape), layer.rank
    whole = _window(g, rank)
    sizes = [(n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(
        g.sizes_out(rank), whole["strides"], whole["kernel_shape"], whole["dilations"], strict=True
    )]
    before = whole["pads"][:rank]
    after = [full - b - n for full, b, n in zip(sizes, before, g.sizes_in(rank), strict=True)]
    whole["pads"], whole["output_padding"] = (*before, *(max(a, 0) for a in after)), [max(-a, 0) for a in after]
    kernel = np.moveaxis(layer.kernel.numpy(), (-1, -2), (0, 1))
    values = [graph.constant(kernel, name="filters"), *([] if layer.bias is None else [graph.constant(layer.bias.numpy(), name="bias")])]
    y = graph.op("ConvTranspose", channels_first(graph, x, rank), *values, **whole)
    return _end(graph, layer, channels_last(graph, y, rank), shape)


@writes(L.MaxPooling1D, L.MaxPooling2D, L.MaxPooling3D, L.AveragePooling1D, L.AveragePooling2D, L.AveragePooling3D)
def _pool(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    window = _window(layer.windows(shape), layer.rank)
    del window["dilations"]
    kind, more = ("MaxPool", {}) if layer.largest else ("AveragePool", {"count_include_pad": 0})
    return channels_last(graph, graph.op(kind, channels_first(graph, x, layer.rank), **window, **more), layer.rank)


@writes(
    L.GlobalMaxPooling1D, L.GlobalMaxPooling2D, L.GlobalMaxPooling3D, L.GlobalAveragePooling1D, L.GlobalAveragePooling2D,
    L.GlobalAveragePooling3D,
)
def _global(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    kind = "ReduceMax" if layer.largest else "ReduceMean"
    return graph.reduce(kind, x, range(1, layer.rank + 1), layer.keepdims)


@writes(
    L.AdaptiveAveragePooling1D, L.AdaptiveAveragePooling2D, L.AdaptiveAveragePooling3D, L.AdaptiveMaxPooling1D, L.AdaptiveMaxPooling2D,
    L.AdaptiveMaxPooling3D,
)
def _adaptive(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    """Window by window, along one axis after the other."""
    for axis, windows in enumerate(layer.windows(shape), 1):
        parts = [graph.op("Slice", x, *(graph.ints([n]) for n in (w.start, w.stop, axis))) for w in windows]
        kind = "ReduceMax" if layer.largest else "ReduceMean"
        x = graph.op("Concat", *(graph.reduce(kind, part, [axis], True) for part in parts), axis=axis)
    return x


def framed(graph: Graph, x: Value, frame: Any, value: float = 0.0) -> Value:
    """(before, after) places for each axis after the batch's: added, or taken away where negative."""
    before, after = ([n for n, _ in frame], [n for _, n in frame])
    return graph.op("Pad", x, graph.ints([0, *before, 0, 0, *after, 0]), graph.constant(value))


@writes(L.ZeroPadding1D, L.ZeroPadding2D, L.ZeroPadding3D, L.Cropping1D, L.Cropping2D, L.Cropping3D)
def _framed(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    return framed(graph, x, [(layer.sign * a, layer.sign * b) for a, b in layer.frame])


def mixed(graph: Graph, x: Value, down: np.ndarray, along: np.ndarray, shape: Shape) -> Value:
    """(rows, height, width, channels) with each axis as weighted means of its old places, by (new, old) matrices."""
    _, height, width, channels = (n or 0 for n in shape)
    lines = graph.reshape(x, [height, width * channels])
    y = graph.reshape(graph.op("MatMul", graph.constant(down, name="down"), lines), [down.shape[0], width, channels])
    return graph.op("MatMul", graph.constant(along, name="along"), y)


@writes(L.UpSampling1D, L.UpSampling2D, L.UpSampling3D)
def _larger(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    image, channels = [n or 0 for n in shape[1:-1]], shape[-1] or 0
    if layer.interpolation != "nearest":
        down, along = (resizing(n, n * f, layer.interpolation) for n, f in zip(image, layer.factors, strict=True))
        return mixed(graph, x, down, along, shape)
    apart = [m for n in image for m in (n, 1)]
    repeats = graph.ints([1, *(m for f in layer.factors for m in (1, f)), 1])
    y = graph.op("Expand", graph.reshape(x, [*apart, channels]), repeats)
    return graph.reshape(y, [*(n * f for n, f in zip(image, layer.factors, strict=True)), channels])
