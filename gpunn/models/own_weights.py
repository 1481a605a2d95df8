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
        return self._holder().add_weight(*arguments, **options)

    def keep_variables(self, found: Any) -> None:
        """Variables that the class keeps as attributes, or in lists and dicts of them, are weights, as of a layer."""
        if found and "built" in vars(self) and not self.built:
            self._holder().keep_variables(found)

    def _holder(self) -> OwnWeights:
        if self._own_weights is None:
            self._own_weights = OwnWeights(self)
        return self._own_weights
