"""Attention of queries to keys, by many heads at once."""

from typing import Any

import numpy as np

from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import shaping

__all__ = ["dot_product_attention"]

FAR = -0.7 * float(np.finfo("float32").max)  # the score of what is masked: infinity would make rows that see nothing no numbers


def dot_product_attention(
    query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, scale: float | None = None, is_causal: bool = False,
    flash_attention: Any = None, attn_logits_soft_cap: Any = None,
) -> Any:
    """softmax(scale * query @ key^T + bias) @ value for each head (Vaswani et al. 2017); (rows, queries, heads, size), as `query`.

    query: (rows, queries, heads, size); key, value: (rows, keys, heads, size), or with a number of heads that divides those of the query,
    each for as many neighbouring ones. bias, mask: of a shape that broadcasts to (rows, heads, queries, keys); what is not in the mask
    counts nothing. scale: 1 / sqrt(size) by default; `is_causal`: a query sees keys up to its own place. `flash_attention` changes nothing.
    Raises ValueError for shapes that do not fit each other, and for a cap of the scores, which only TPUs have.
    """
    shapes = [tuple(v.shape) for v in (query, key, value)]
    (_, places, heads, size), (_, steps, shared, _) = (shape if len(shape) == 4 else (0,) * 4 for shape in shapes[:2])
    if any(len(s) != 4 for s in shapes) or shapes[1] != shapes[2] or shapes[1][3] != size or not shared or heads % shared:
        raise ValueError(
            "dot_product_attention: expected query, key and value (rows, steps, heads, size), key and value of one shape, in a number of "
            f"heads that divides the query's. Received: shapes {shapes[0]}, {shapes[1]} and {shapes[2]}."
        )
    if attn_logits_soft_cap is not None:
        raise ValueError(f"dot_product_attention: a cap of the scores is not there. Received: {attn_logits_soft_cap=}.")
    if shared != heads:
        key, value = (shaping.repeat(v, heads // shared, axis=2) for v in (key, value))
    scores = a.multiply(along.einsum("btnh,bsnh->bnts", query, key), size**-0.5 if scale is None else scale)
    if bias is not None:
        scores = a.add(scores, bias)
    for seen in (mask, _causal(places, steps) if is_causal else None):
        scores = scores if seen is None else a.where(seen, scores, FAR)
    return along.einsum("bnts,bsnh->btnh", along.softmax(scores), value)


def _causal(places: int | None, steps: int | None) -> np.ndarray:
    if places is None or steps is None:
        raise ValueError(f"dot_product_attention: is_causal needs known numbers of steps. Received: {places} queries and {steps} keys.")
    return np.tri(places, steps, dtype=bool)
