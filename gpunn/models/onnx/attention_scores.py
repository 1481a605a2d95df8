"""Attention and AdditiveAttention as ONNX nodes."""

from typing import Any

import numpy as np

from gpunn import layers as L
from gpunn.kernels.attention import OUT
from gpunn.models.onnx.graph import Graph, Value
from gpunn.models.onnx.layers import weight, writes


@writes(L.Attention)
def _attention(
    graph: Graph, layer: Any, x: list[Value], shape: Any, use_causal_mask: bool = False, return_attention_scores: bool = False
) -> Any:
    query, key = x[0], x[-1]
    scale = None if layer.scale is None else weight(graph, layer.scale)
    if layer.score_mode == "concat":
        scores = _curved(graph, query, key, scale, None) * weight(graph, layer.concat_score_weight)
    else:
        scores = graph.op("MatMul", query, graph.turned(key, 0, 2, 1))
        scores = scores if scale is None else scores * scale
    return _mixed(graph, x, shape, scores, use_causal_mask, return_attention_scores)


@writes(L.AdditiveAttention)
def _additive(
    graph: Graph, layer: Any, x: list[Value], shape: Any, use_causal_mask: bool = False, return_attention_scores: bool = False
) -> Any:
    scores = _curved(graph, x[0], x[-1], None, None if layer.scale is None else weight(graph, layer.scale))
    return _mixed(graph, x, shape, scores, use_causal_mask, return_attention_scores)


def _curved(graph: Graph, query: Value, key: Value, scale: Value | None, weights: Value | None) -> Value:
    """sum over the features of weights * tanh(scale * (query + key)): (rows, queries, places)"""
    both = graph.op("Unsqueeze", query, graph.ints([2])) + graph.op("Unsqueeze", key, graph.ints([1]))
    curved = graph.op("Tanh", both if scale is None else both * scale)
    return graph.reduce("ReduceSum", curved if weights is None else curved * weights, [3], False)


def _mixed(graph: Graph, x: list[Value], shape: Any, scores: Value, causal: bool, with_scores: bool) -> Any:
    queries, places = ([*graph.masks, None][:2]) if isinstance(graph.masks, list) else (None, None)
    allowed = [] if places is None else [graph.op("Unsqueeze", places, graph.ints([1]))]
    if causal:
        allowed.append(graph.constant(np.tril(np.ones((shape[0][1], shape[1][1]), bool)), bool, "causal"))
    for one in allowed:
        scores = graph.op("Where", one, scores, scores + OUT)
    shares = graph.op("Softmax", scores, axis=-1)
    y = graph.op("MatMul", shares, x[1])
    if queries is not None:
        y = graph.op("Where", graph.op("Unsqueeze", queries, graph.ints([2])), y, 0.0)
    return [y, shares] if with_scores else y
