"""Masks of symbolic tensors: given to a call by name, made by a layer of the user's, or asked for by one."""

from typing import Any

from gpunn.layers.base import Layer, Pullback
from gpunn.layers.embedding import Embedding, Masking
from gpunn.layers.graph import KerasTensor, flat


class Masked(Layer):
    """Called on [x, mask]: x as it is, with this mask, (rows, steps) of 1 and 0, from here on."""

    recordable = True
    supports_masking = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        x, mask = input_shape
        if len(x) < 2 or len(mask) != 2:
            raise ValueError(f"A mask: expected shape (rows, steps), of an input with steps. Received: {tuple(mask)} for {tuple(x)}.")
        return tuple(x)

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        return x[1]

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        return x[0], lambda dy, need_dx=True: [dy, None]


def masked(x: Any, mask: Any) -> Any:
    """A symbolic tensor with this symbolic mask; without one as it is."""
    return x if mask is None else Masked(dtype=x.node.layer.dtype if x.node is not None else None)([x, mask])


def mask_of(tensor: KerasTensor) -> Any:
    """The mask that a symbolic tensor will have, symbolic too, or None: for a layer of the user's that asks for it by name."""
    from gpunn import ops  # operations are layers

    node = tensor.node
    if node is None or tensor.mask is not None:
        return tensor.mask
    layer, inputs = node.layer, node.inputs
    if isinstance(layer, Masked):
        return inputs[1]
    if isinstance(layer, Embedding):
        return ops.not_equal(inputs[0], 0) if layer.mask_zero and not node.options.get("reverse") else None
    if isinstance(layer, Masking):
        return ops.any(ops.not_equal(inputs[0], layer.mask_value), axis=-1)
    if says_masks(layer):
        found = layer.compute_mask(*given_to(layer, node.arguments, [mask_of(t) for t in flat(list(node.arguments))]))
        return found[tensor.index] if isinstance(found, (list, tuple)) else found
    passes = layer.supports_masking and getattr(layer, "return_sequences", True) and not hasattr(layer, "definition")
    return next((m for t in inputs if (m := mask_of(t)) is not None), None) if passes and len(tensor.shape) > 2 else None


def says_masks(layer: Any) -> bool:
    """Whether a class with `call` gives its own `compute_mask`, on symbolic tensors."""
    return bool(getattr(layer, "traced", False)) and type(layer).compute_mask is not Layer.compute_mask


def given_to(layer: Any, arguments: Any, masks: list[Any]) -> tuple[Any, Any]:
    """(inputs, masks) as `compute_mask` and `call` take them: alone, or in lists."""
    x = arguments[0] if len(arguments) == 1 else list(arguments)
    return x, (masks if isinstance(x, (list, tuple)) else masks[0]) if any(m is not None for m in masks) else None


def with_masks(arguments: tuple[Any, ...], mask: Any) -> tuple[Any, ...]:
    """The inputs of a call with the mask, or the list of masks, that it was given by name."""
    if mask is None or not any(isinstance(m, KerasTensor) for m in flat(mask)):
        return arguments
    alone = len(arguments) == 1 and isinstance(arguments[0], (list, tuple))
    inputs = list(arguments[0]) if alone else list(arguments)
    masks = [*mask, *[None] * len(inputs)] if isinstance(mask, (list, tuple)) else [mask] * len(inputs)
    inputs = [masked(x, m) for x, m in zip(inputs, masks, strict=False)]
    return (inputs,) if alone else tuple(inputs)
