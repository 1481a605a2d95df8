"""Layers of several inputs, layers that only move values, and functions of the user's, as ONNX nodes."""

from collections.abc import Callable
from typing import Any

from gpunn import layers as L
from gpunn.layers.joining import MOST
from gpunn.models.onnx.functions import activation
from gpunn.models.onnx.graph import Graph, Value
from gpunn.models.onnx.layers import MASKS, Shape, writes

_KINDS: dict[type, Callable[[Graph, list[Value]], Value]] = {
    L.Add: lambda graph, x: graph.op("Sum", *x), L.Average: lambda graph, x: graph.op("Mean", *x),
    L.Subtract: lambda graph, x: x[0] - x[1],
    L.Maximum: lambda graph, x: graph.op("Max", *x), L.Minimum: lambda graph, x: graph.op("Min", *x),
    L.Multiply: lambda graph, x: _product(x),
}


def _product(x: list[Value]) -> Value:
    out = x[0]
    for other in x[1:]:
        out = out * other
    return out


@writes(*_KINDS)
def _merge(graph: Graph, layer: Any, x: list[Value], shape: list[Shape]) -> Value:
    """Missing axes stand behind the batch axis. Raises ValueError where masked steps would count otherwise than others."""
    if layer.takes_mask and isinstance(graph.masks, list) and any(m is not None for m in graph.masks):
        raise ValueError(f"Layer {layer.name!r} ({type(layer).__name__}) cannot be exported to ONNX with inputs that have masks.")
    deep = max(len(s) for s in shape)
    aligned = [
        v if len(s) == deep else graph.reshape(v, [1] * (deep - len(s)) + [n or 0 for n in s[1:]]) for v, s in zip(x, shape, strict=True)
    ]
    return _KINDS[type(layer)](graph, aligned)


@writes(L.Concatenate)
def _concatenate(graph: Graph, layer: Any, x: list[Value], shape: list[Shape]) -> Value:
    return graph.op("Concat", *x, axis=layer.axis % len(shape[0]))


@writes(L.Dot)
def _dot(graph: Graph, layer: Any, x: list[Value], shape: list[Shape]) -> Value:
    """One Einsum: z is the batch, k what is summed over."""
    terms, out, sides, letters = [], "z", [], iter("abcdefgh")
    for v, s, axis in zip(x, shape, layer._axes(shape), strict=True):
        free = ["z", *("k" if a == axis else next(letters) for a in range(1, len(s)))]
        terms.append("".join(free))
        out += "".join(c for c in free if c not in "zk")
        sides.append(_unit(graph, v, axis) if layer.normalize else v)
    y = graph.op("Einsum", *sides, equation=f"{terms[0]},{terms[1]}->{out}")
    return graph.reshape(y, [1]) if out == "z" else y


def _unit(graph: Graph, x: Value, axis: int) -> Value:
    return x / graph.op("Max", graph.reduce("ReduceL2", x, [axis]), 1.0 / MOST)


@writes(L.Permute)
def _permute(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    return graph.turned(x, 0, *layer.dims)


@writes(L.RepeatVector)
def _repeat(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    return graph.op("Expand", graph.op("Unsqueeze", x, graph.ints([1])), graph.ints([1, layer.n, 1]))


@writes(L.Identity, L.TextVectorization)
def _same(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    """The model in the file takes the numbers that texts become."""
    return x


@writes(L.Lambda)
def _lambda(graph: Graph, layer: Any, x: Any, shape: Any) -> Value:
    if layer.activation is None or isinstance(x, list):
        raise ValueError(f"Layer {layer.name!r}: a function of arrays cannot be exported to ONNX. Expected a formula (gpunn.elementwise).")
    return activation(graph, layer.activation, x, shape)


# ---------------------------------------------------------------------- masks
def _any(graph: Graph, layer: Any, x: list[Value], masks: list[Value | None]) -> Value | None:
    known = [m for m in masks if m is not None]
    if len(known) < len(masks):
        return None
    out = known[0]
    for other in known[1:]:
        out = out | other
    return out


def _concatenated(graph: Graph, layer: Any, x: list[Value], masks: list[Value | None]) -> Value | None:
    if all(m is None for m in masks):
        return None
    if layer.axis not in (1, -2):
        return _any(graph, layer, x, masks)
    return graph.op("Concat", *(_ones(graph, v) if m is None else m for v, m in zip(x, masks, strict=True)), axis=1)


def _ones(graph: Graph, x: Value) -> Value:
    """As many rows and steps, all of which count."""
    shape = graph.op("Slice", graph.op("Shape", x), graph.ints([0]), graph.ints([2]))
    return graph.op("Expand", graph.constant(True, bool), shape)


MASKS |= dict.fromkeys(_KINDS, _any) | {L.Concatenate: _concatenated, L.Dot: lambda graph, layer, x, masks: None}
