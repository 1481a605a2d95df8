"""Layers as ONNX nodes, for inference: what each class becomes."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn import layers as L
from gpunn.layers.augmentation import Augmentation
from gpunn.layers.augmentation_crop import Sizing
from gpunn.models.onnx.functions import activation
from gpunn.models.onnx.graph import Graph, Value

Shape = tuple[int | None, ...]
Writer = Callable[..., Any]
WRITERS: dict[type, Writer] = {}
MASKS: dict[type, Callable[[Graph, Any, Any, Any], Value | None]] = {}  # layers that make one, or one of several


def writes(*kinds: type) -> Callable[[Writer], Writer]:
    def enter(writer: Writer) -> Writer:
        WRITERS.update(dict.fromkeys(kinds, writer))
        return writer

    return enter


def write(graph: Graph, layer: Any, x: Any, shape: Any, mask: Any = None, **options: Any) -> tuple[Any, Any]:
    """-> (a layer's output, its mask) from its input of this shape, batch axis first, and the steps of that which count, if any do not.

    Lists where the layer takes, or gives, several. Raises ValueError naming a layer that has no ONNX form.
    """
    writer = WRITERS.get(type(layer))
    if writer is None:
        known = ", ".join(sorted(k.__name__ for k in WRITERS))
        raise ValueError(f"Layer {layer.name!r} ({type(layer).__name__}) cannot be exported to ONNX. Those that can are: {known}.")
    graph.scope, graph.masks = layer.name, mask
    made = MASKS.get(type(layer))
    passed = made(graph, layer, x, mask) if made and not options.get("reverse") else graph.mask if _passes_mask(layer) else None
    try:
        return writer(graph, layer, x, shape, **options), passed
    except TypeError as error:
        if not options:
            raise
        raise ValueError(f"Layer {layer.name!r} is called with {options}, which ONNX has no form for.") from error


def _passes_mask(layer: Any) -> bool:
    return layer.supports_masking and getattr(layer, "return_sequences", True)


def weight(graph: Graph, parameter: Any) -> Value:
    return graph.constant(parameter.numpy(), name=parameter.name.rpartition("/")[2])


@writes(
    *(k for k in L.NAMES.values() if issubclass(k, Augmentation) and not issubclass(k, (Sizing, L.AutoContrast))), L.InputLayer, L.Dropout,
    L.SpatialDropout1D, L.SpatialDropout2D, L.SpatialDropout3D, L.GaussianNoise, L.GaussianDropout, L.AlphaDropout,
    L.ActivityRegularization,
)
def _same(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    return x


@writes(L.Dense)
def _dense(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    z = graph.op("MatMul", x, weight(graph, layer.kernel))
    if layer.bias is not None:
        z = z + weight(graph, layer.bias)
    return activation(graph, layer.activation, z, (*shape[:-1], layer.units))


@writes(L.EinsumDense)
def _einsum(graph: Graph, layer: Any, x: list[Value], shape: list[Shape]) -> list[Value]:
    """What gives `call` takes and gives lists."""
    named = layer.letters(shape[0])
    y = graph.op("Einsum", x[0], weight(graph, layer.kernel), equation=f"{named.x},{named.kernel}->{named.y}")
    y = y if layer.bias is None else y + weight(graph, layer.bias)
    return [activation(graph, layer.activation, y, named.shape(named.y))]


@writes(L.Pipeline)
def _pipeline(graph: Graph, layer: Any, x: list[Value], shape: list[Shape]) -> list[Value]:
    y, before = x[0], shape[0]
    for one in layer.layers:
        if one.traced:
            [y], _ = write(graph, one, [y], [before])
        else:
            y, _ = write(graph, one, y, before)
        before = one.compute_output_shape(before)
    return [y]


@writes(L.Activation, L.ReLU, L.LeakyReLU, L.ELU, L.Softmax)
def _activation(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    return activation(graph, layer.activation, x, shape)


@writes(L.PReLU)
def _prelu(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    return graph.op("Where", x > 0.0, x, weight(graph, layer.alpha) * x)


@writes(L.Flatten, L.Reshape)
def _reshape(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    return graph.reshape(x, [n or 0 for n in layer.compute_output_shape(shape)[1:]])


@writes(L.BatchNormalization)
def _batch_norm(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    """The moving statistics as one factor and one summand, worked out in float64."""
    mean, variance = (p.numpy().astype(np.float64) for p in (layer.moving_mean, layer.moving_variance))
    factor = 1.0 / np.sqrt(variance + layer.epsilon)
    factor = factor if layer.gamma is None else factor * layer.gamma.numpy()
    shift = -mean * factor
    shift = shift if layer.beta is None else shift + layer.beta.numpy()
    return x * graph.constant(factor, name="factor") + graph.constant(shift, name="shift")


def _affine(graph: Graph, layer: Any, x: Value, row: list[int]) -> Value:
    """Times gamma, plus beta, both in this shape of a row."""
    for parameter, kind in ((layer.gamma, "Mul"), (layer.beta, "Add")):
        if parameter is not None:
            x = graph.op(kind, x, graph.constant(parameter.numpy().reshape(row), name=parameter.name.rpartition("/")[2]))
    return x


def _normalized(graph: Graph, layer: Any, x: Value, axes: list[int]) -> Value:
    if layer.centered:
        x = x - graph.reduce("ReduceMean", x, axes)
    return x / graph.op("Sqrt", graph.reduce("ReduceMean", x * x, axes) + layer.epsilon)


@writes(L.LayerNormalization, L.RMSNormalization)
def _row_norm(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    axes = layer.axes(shape)
    return _affine(graph, layer, _normalized(graph, layer, x, axes), [(n or 0) if i in axes else 1 for i, n in enumerate(shape)][1:])


@writes(L.GroupNormalization)
def _group_norm(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    order = layer.order(shape) or list(range(len(shape)))
    row = [shape[a] or 0 for a in order[1:]]
    apart = [math.prod(row[:-1]), layer.groups, row[-1] // layer.groups]
    last = graph.reshape(graph.turned(x, *order), apart)
    y = _affine(graph, layer, graph.reshape(_normalized(graph, layer, last, [1, 3]), row), row[-1:])
    return graph.turned(y, *(order.index(a) for a in range(len(order))))


@writes(L.UnitNormalization)
def _unit_norm(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    return x / graph.op("Max", graph.reduce("ReduceL2", x, layer.axes(shape)), layer.epsilon)
