"""``keras.Function``: what a functional model computes, under the arguments Keras gives it."""

from typing import Any

from gpunn.models import Functional


class Function(Functional):
    """``Function(inputs, outputs)`` of symbolic tensors, alone or in lists and dicts: called with arrays it gives the outputs' values."""

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None):
        super().__init__(inputs, outputs, name)

    @property
    def operations(self) -> list[Any]:
        """The layers and operations of its graph."""
        return self.layers
