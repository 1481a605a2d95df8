"""Layers that bring images to a size or a scale, as ONNX nodes."""

from typing import Any

import numpy as np

from gpunn import layers as L
from gpunn.kernels.augment_scale import scale_columns, standardize, unstandardize
from gpunn.layers.augmentation_scaling import SMALLEST
from gpunn.models.onnx.functions import formula
from gpunn.models.onnx.graph import Graph, Value
from gpunn.models.onnx.layers import Shape, writes
from gpunn.models.onnx.windows import framed, mixed


@writes(L.Rescaling)
def _rescaling(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    return formula(graph, scale_columns.formula, x, graph.constant(layer.scale), graph.constant(layer.offset))


@writes(L.Normalization)
def _normalization(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    row = [n or 0 for n in shape[1:]]
    kept = layer._axes(len(shape))
    wide = [n if a + 1 in kept else 1 for a, n in enumerate(row)]
    given = layer.given if layer.given is not None else (layer.adapt_mean.numpy(), layer.adapt_variance.numpy())
    if layer.given is None and layer.parameters[2].numpy() == 0:
        raise ValueError(f"Layer {layer.name!r} has neither mean nor variance: give both, or call adapt(data) first.")
    mean, variance = (graph.constant(np.reshape(a, wide) if np.size(a) == np.prod(wide) else a) for a in given)
    return formula(graph, (unstandardize if layer.invert else standardize).formula, x, mean, variance, graph.constant(SMALLEST))


@writes(L.AutoContrast)
def _stretched(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    low, high = layer.limits
    least, most = (graph.reduce(kind, x, [1, 2], True) for kind in ("ReduceMin", "ReduceMax"))
    wide = graph.op("Where", most > least, most - least, 1.0)
    return graph.op("Where", most > least, (x - least) / wide * (high - low) + low, x)


class _Frames:
    """What `Sizing` layers do with pixels, done with nodes."""

    def __init__(self, graph: Graph, layer: Any):
        self.graph, self.layer = graph, layer

    def cut(self, x: Value, shape: Shape, top: int, left: int, tall: int, wide: int) -> tuple[Value, Shape]:
        _, height, width, channels = (n or 0 for n in shape)
        frame = [(-top, top + tall - height), (-left, left + wide - width)]
        return framed(self.graph, x, frame, self.layer.fill_value), (None, tall, wide, channels)

    def sized(self, x: Value, shape: Shape) -> Value:
        _, height, width, _ = (n or 0 for n in shape)
        down, along = (_sampled(n, m, self.layer.interpolation) for n, m in ((height, self.layer.height), (width, self.layer.width)))
        return mixed(self.graph, x, down, along, shape)

    def whole(self, x: Value, shape: Shape) -> Value:
        """The largest part with the layer's proportions, in its size."""
        return self.sized(*self.cut(x, shape, *self.layer.largest(shape[1], shape[2])))


def _sampled(old: int, new: int, interpolation: str) -> np.ndarray:
    """(new, old): where the centres of the new pixels lie among the old ones, those outside at the edge."""
    at = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    at = np.floor(at + 0.5) if interpolation == "nearest" else at
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(old)))


@writes(L.CenterCrop, L.RandomCrop)
def _crop(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    height, width = shape[1] or 0, shape[2] or 0
    frames = _Frames(graph, layer)
    if type(layer) is L.RandomCrop or height < layer.height or width < layer.width:
        return frames.whole(x, shape)
    return frames.cut(x, shape, int((height - layer.height) / 2), int((width - layer.width) / 2), layer.height, layer.width)[0]


@writes(L.Resizing)
def _resizing(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    height, width = shape[1] or 0, shape[2] or 0
    frames = _Frames(graph, layer)
    if layer.crop_to_aspect_ratio:
        return frames.whole(x, shape)
    if layer.pad_to_aspect_ratio:
        above = int((max(height, int(width * layer.height / layer.width)) - height) / 2)
        beside = int((max(width, int(height * layer.width / layer.height)) - width) / 2)
        return frames.sized(*frames.cut(x, shape, -above, -beside, height + 2 * above, width + 2 * beside))
    return frames.sized(x, shape)
