"""How MultiHeadAttention is called: query, value and key and masks of them by name, masks that are part of the graph."""

from typing import Any

from gpunn.layers.graph import KerasTensor
from gpunn.layers.masked import masked


def arranged(
    layer: Any, query: Any, value: Any, key: Any, masks: tuple[Any, Any, Any], attention_mask: Any, options: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """-> (the inputs, in a list but for one alone, options) as `Layer.__call__` takes them.

    Masks of arrays become the option ``mask``, symbolic ones part of their input; a symbolic attention_mask is the last of four inputs.
    Raises ValueError where there is no query, or a key without a value.
    """
    given = list(query) if isinstance(query, (list, tuple)) else [query]
    given += [v for v in (value, key) if v is not None]
    if query is None or (value is None and key is not None):
        raise ValueError(f"Layer {layer.name!r}: expected query, value and perhaps key. Received: query={query!r}, value={value!r}.")
    symbolic = any(isinstance(v, KerasTensor) for v in given)
    if any(m is not None for m in masks):
        given = [given[0], given[min(1, len(given) - 1)], given[-1]] if len(given) < 3 else given
        if symbolic:
            given = [masked(v, m) for v, m in zip(given, masks, strict=True)]
        else:
            options = {**options, "mask": list(masks)}
    if isinstance(attention_mask, KerasTensor):
        given = [given[0], given[min(1, len(given) - 1)], given[-1], attention_mask]
    elif attention_mask is not None:
        options = {**options, "attention_mask": attention_mask}
    return given if len(given) > 1 else given[0], options
