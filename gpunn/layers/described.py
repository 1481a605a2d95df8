"""Layers as configurations, and back."""

from typing import Any

from gpunn import lookup


def serialize(layer: Any) -> dict[str, Any]:
    """A layer's class and configuration, for `deserialize`."""
    return {"class_name": lookup.key_of(type(layer)), "config": layer.get_config()}


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """A fresh layer from what `serialize` gave; classes of your own are found in `custom_objects`. Raises ValueError for an unknown one."""
    with lookup.custom_objects(custom_objects):
        return layer_of(config)


def layer_of(given: Any) -> Any:
    """A layer from itself or from its description. Raises ValueError for an unknown class."""
    if not isinstance(given, dict):
        return given
    from gpunn.layers import NAMES

    return lookup.find("layer class", given["class_name"], NAMES).from_config(dict(given["config"]))
