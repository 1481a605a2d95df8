"""Layers through `pickle` and `copy.deepcopy`: a new one of the same configuration and weights, in no model."""

from typing import Any

from gpunn import lookup


def reduced(layer: Any) -> tuple[Any, tuple[Any, ...]]:
    """(a function, its arguments) that give the copy; classes and functions of the user's go by reference."""
    with lookup.noting() as own:
        config = layer.get_config()
    return _again, (type(layer), config, own, layer.built_for if layer.built else None, layer.get_weights())


def _again(kind: Any, config: dict[str, Any], own: dict[str, Any], shape: Any, weights: list[Any]) -> Any:
    with lookup.custom_objects(own):
        layer = kind.from_config(config)
        if shape is not None:
            layer.ensure_built(shape)
            if len(layer.weights) != len(weights):  # layers within are built when they are called
                from gpunn.ops.tracing import shape_of_call  # operations are layers

                shape_of_call(layer, shape)
    if weights:
        layer.set_weights(weights)
    return layer
