"""MultiHeadAttention and GroupQueryAttention as ONNX nodes."""

from typing import Any

import numpy as np

from gpunn import layers as L
from gpunn.kernels.attention import OUT
from gpunn.models.onnx.graph import Graph, Value
from gpunn.models.onnx.layers import writes


@writes(L.MultiHeadAttention, L.GroupQueryAttention)
def _attention(graph: Graph, layer: Any, x: Any, shape: Any, use_causal_mask: bool = False) -> Value:
    values = x if isinstance(x, list) else [x]
    query, value, key = values[0], values[min(1, len(values) - 1)], values[-1]
    sizes = layer._shapes(shape)
    q, k, v = (
        _heads(graph, _projected(graph, a, w[0], w[1], 1), s[1], w[0].shape)
        for a, w, s in zip((query, key, value), layer._parts, (sizes[0], sizes[2], sizes[1]), strict=False)
    )
    if layer.key_heads < layer.num_heads:
        places = graph.ints(np.arange(layer.key_heads).repeat(layer.num_heads // layer.key_heads).tolist())
        k, v = (graph.op("Gather", a, places, axis=1) for a in (k, v))
    scores = graph.op("MatMul", q, graph.turned(k, 0, 1, 3, 2)) * layer.key_dim**-0.5
    for allowed in _allowed(graph, graph.masks, sizes[0][1], sizes[1][1], use_causal_mask):
        scores = graph.op("Where", allowed, scores, OUT)
    mixed = graph.turned(graph.op("MatMul", graph.op("Softmax", scores, axis=-1), v), 0, 2, 1, 3)
    kernel, bias = layer._parts[3]
    return _projected(graph, graph.reshape(mixed, [sizes[0][1], layer.num_heads * layer.value_dim]), kernel, bias, 2)


def _projected(graph: Graph, x: Value, kernel: Any, bias: Any, axes: int) -> Value:
    w = kernel.numpy()
    z = graph.op("MatMul", x, graph.constant(w.reshape(int(np.prod(w.shape[:axes])), -1), name="kernel"))
    return z if bias is None else z + graph.constant(bias.numpy().reshape(-1), name="bias")


def _heads(graph: Graph, x: Value, steps: int, kernel: tuple[int, ...]) -> Value:
    """(rows, steps, heads * width) -> (rows, heads, steps, width), by a kernel's shape (features, heads, width)."""
    return graph.turned(graph.reshape(x, [steps, *kernel[1:]]), 0, 2, 1, 3)


def _allowed(graph: Graph, masks: Any, steps: int, places: int, causal: bool) -> list[Value]:
    """Which query may look at which place, (rows, heads, queries, places) or what is broadcast to that."""
    queries, values, keys = [*masks, None, None][:3] if isinstance(masks, list) else (masks, masks, None)
    out = [] if queries is None else [graph.op("Unsqueeze", queries, graph.ints([1, 3]))]
    out += [graph.op("Unsqueeze", m, graph.ints([1, 2])) for m in (values, keys) if m is not None]
    if causal:
        out.append(graph.constant(np.tril(np.ones((steps, places), bool)), bool, "causal"))
    return out
