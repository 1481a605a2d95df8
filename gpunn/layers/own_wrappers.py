"""Wrapper: the base class of the user's wrappers."""

from typing import Any

from gpunn.layers.base import Layer
from gpunn.layers.described import layer_of, serialize


class Wrapper(Layer):
    """A layer that holds another one, ``layer``, and is built with it. A subclass gives `call`, in which it calls ``self.layer``.

    Raises ValueError for what is no layer.
    """

    def __init__(self, layer: Any, **common: Any):
        layer = layer_of(layer)
        if not isinstance(layer, Layer):
            raise ValueError(f"{type(self).__name__} wraps a layer. Received: {layer!r} (of type {type(layer).__name__}).")
        super().__init__(**common)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        self.layer.ensure_built(input_shape)

    def config(self) -> dict[str, Any]:
        return {"layer": serialize(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return super().from_config({**config, "layer": layer_of(config["layer"])})
