"""Activation as a layer of its own; directly after Dense or BatchNormalization it is fused into their pass."""

from typing import Any

from gpunn import activations
from gpunn.layers.base import Layer, Pullback


class Activation(Layer):
    """y = f(x), element by element (softmax: over the last axis). `activation`: a name or an activation."""

    recordable = True

    def __init__(self, activation: Any, **common: Any):
        super().__init__(**common)
        self.activation = activations.get(activation)

    def forward(self, x: Any, training: bool = False, activation: Any = None) -> tuple[Any, Pullback]:
        y, activation_pullback = (activation or self.activation).apply(self.backend, x)
        return y, lambda dy, need_dx=True: activation_pullback(dy)

    def config(self) -> dict[str, Any]:
        return {"activation": self.activation.name}
