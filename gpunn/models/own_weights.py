"""Weights that a class derived from Model adds by itself."""

from typing import Any

from gpunn.layers.base import Layer


class OwnWeights(Layer):
    """Holds them: it is the first of the model's layers, and computes nothing."""

    recordable = True

    def __init__(self, model: Any):
        super().__init__(name=model.name, dtype=model.dtype)
        self.built = True


class AddsWeights:
    """What a model inherits to have some."""

    name: str
    built: bool
    _own_weights: OwnWeights | None = None

    def add_weight(self, *arguments: Any, **options: Any) -> Any:
        """A weight of a class of the user's itself, made in its ``__init__``; arguments as a layer's. Raises ValueError once the model is
        built."""
        if self.built:
            raise ValueError(f"Model {self.name!r}: weights of its own are added in __init__, before it is built.")
        if self._own_weights is None:
            self._own_weights = OwnWeights(self)
        return self._own_weights.add_weight(*arguments, **options)
