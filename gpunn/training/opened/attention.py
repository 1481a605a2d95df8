"""Attention: scores, shares and what they mix, with the masks and the dropout of the call."""

from typing import Any

import numpy as np

from gpunn import layers as L
from gpunn.kernels.attention import OUT
from gpunn.layers.alone import masks_on
from gpunn.layers.tensor import Tensor
from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import shaping
from gpunn.training.opened.base import Opened, constant, opens, weight


def _masks(call: Opened, count: int) -> list[Any]:
    """Those of query, value and key, of so many inputs; one alone stands for query and value."""
    masks = list(call.masks[:count])
    return [*masks, None, None][:3] if call.stage.many_in else [masks[0], masks[0], None] if masks else [None] * 3


def _seen(mask: Any, like: Tensor, shape: tuple[int, ...]) -> Any:
    """A mask as 0 and 1 in this shape."""
    return None if mask is None else shaping.reshape(constant(mask, like), shape)


def _both(masks: list[Any]) -> Any:
    """1 where all masks are; None where there is none."""
    there = [m for m in masks if m is not None]
    out = there[0] if there else None
    for m in there[1:]:
        out = a.multiply(out, m)
    return out


def _triangle(like: Tensor, steps: int, places: int) -> Tensor:
    return constant(np.tri(steps, places).reshape(1, 1, steps, places), like)


def _dropped(call: Opened, shares: Any, shape: tuple[int, ...]) -> Any:
    """Shares by the mask that the call drew; `shape`: that in which it did."""
    layer = call.layer
    if not (call.training and layer.dropout):
        return shares
    with call.drawing():
        if call.stage.stream is not None:
            layer.stream = call.stage.stream
        kept = layer._dropped(constant(np.ones(shape), shares).array, layer.dropout)
    return a.multiply(shares, shaping.reshape(Tensor(kept, shares.backend), shares.shape))


# ---------------------------------------------------------------------- of several heads
def _projected(x: Any, weights: tuple[Any, Any], axes: int) -> Any:
    """x @ kernel + bias, the kernel's first `axes` axes against x's last, with the others in one."""
    kernel, bias = weights
    width = int(np.prod(kernel.shape[:axes]))
    z = along.matmul(x, shaping.reshape(weight(kernel), (width, -1)))
    return z if bias is None else a.add(z, shaping.reshape(weight(bias), (-1,)))


def _by_heads(x: Any, heads: int, of: int) -> Any:
    """(rows, steps, of * width) -> (rows, heads, steps, width), each of `of` heads as often as it takes."""
    x = shaping.transpose(shaping.reshape(x, (*x.shape[:2], of, -1)), (0, 2, 1, 3))
    return x if of == heads else shaping.repeat(x, heads // of, axis=1)


@opens(L.MultiHeadAttention, L.GroupQueryAttention, masked=True)
def multi_head(call: Opened, inputs: list[Tensor]) -> Any:
    layer, options, count = call.layer, call.stage.options, min(len(inputs), 3)
    query, value, key = inputs[0], inputs[min(1, count - 1)], inputs[min(2, count - 1)]
    rows, steps, places = query.shape[0], query.shape[1], value.shape[1]
    (to_q, to_k, to_v, to_y), heads = layer._parts, layer.num_heads
    q, k, v = (_projected(x, w, 1) for x, w in ((query, to_q), (key, to_k), (value, to_v)))
    q, k, v = (_by_heads(x, heads, of) for x, of in ((q, heads), (k, layer.key_heads), (v, layer.key_heads)))
    masks = _masks(call, count)
    seen = [_seen(masks[0], query, (rows, 1, steps, 1)), *(_seen(m, query, (rows, 1, 1, places)) for m in masks[1:])]
    given = inputs[3].array if len(inputs) == 4 else masks_on(query.backend, options.get("attention_mask"), query.computed_in)
    if given is not None:
        seen.append(_seen(layer._pairs(given, (rows, steps, places)), query, (rows, 1, steps, places)))
    if options.get("use_causal_mask"):
        seen.append(_triangle(query, steps, places))
    scores = a.multiply(along.matmul(q, shaping.swapaxes(k, -1, -2)), layer.key_dim**-0.5)
    if (allowed := _both(seen)) is not None:
        scores = a.where(a.greater(allowed, 0.5), scores, OUT)
    shares = along.softmax(scores, axis=-1)
    mixed = along.matmul(_dropped(call, shares, (rows, heads * steps * places)), v)
    y = _projected(shaping.reshape(shaping.transpose(mixed, (0, 2, 1, 3)), (rows, steps, -1)), to_y, 2)
    return [y, constant(shares.array, query)] if options.get("return_attention_scores") else y  # they pass no gradient


# ---------------------------------------------------------------------- without projections
def _curved(q: Any, k: Any, weights: Any, scale: Any = None) -> Any:
    total = a.add(shaping.expand_dims(q, 2), shaping.expand_dims(k, 1))
    curved = a.tanh(total if scale is None else a.multiply(total, scale))
    return along.sum(curved if weights is None else a.multiply(curved, weights), axis=-1)


def _scores(layer: Any, q: Any, k: Any) -> Any:
    """(rows, T, S)."""
    scale = weight(layer.scale)
    if isinstance(layer, L.AdditiveAttention):
        return _curved(q, k, scale)
    if layer.score_mode == "concat":
        return a.multiply(_curved(q, k, None, scale), weight(layer.concat_score_weight))
    z = along.matmul(q, shaping.swapaxes(k, -1, -2))
    return z if scale is None else a.multiply(z, scale)


@opens(L.Attention, L.AdditiveAttention, masked=True)
def scored(call: Opened, inputs: list[Tensor]) -> Any:
    layer, options, (query, value) = call.layer, call.stage.options, inputs[:2]
    rows, steps, places = query.shape[0], query.shape[1], value.shape[1]
    masks = _masks(call, len(inputs))
    z = _scores(layer, query, inputs[-1])
    allowed = [_seen(masks[1], query, (rows, 1, places))]
    if options.get("use_causal_mask"):
        allowed.append(shaping.reshape(_triangle(query, steps, places), (1, steps, places)))
    if (both := _both(allowed)) is not None:
        z = a.where(a.greater(both, 0.5), z, a.subtract(z, 1e9))  # as the kernel lowers them
    shares = _dropped(call, along.softmax(z, axis=-1), (rows * steps, places))
    y = along.matmul(shares, value)
    if masks[0] is not None:
        y = a.multiply(y, _seen(masks[0], query, (rows, steps, 1)))
    return [y, shares] if options.get("return_attention_scores") else y
