"""The weights of a layer, or of a model, and what they add to the loss."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gpunn import regularizers
from gpunn.layers.parameter import Parameter
from gpunn.layers.tensor import losses_of, of_parameter, tapes


def once(parameters: Iterable[Parameter]) -> list[Parameter]:
    """Each a single time: a layer and one that wraps it have the same ones."""
    return list({id(p): p for p in parameters}.values())


class Weighted:
    """What a layer inherits to be asked for them: those of all its ``leaves``."""

    name: str
    leaves: Any
    added: Sequence[tuple[Any, Any]] = ()  # (backend, array) for each `add_loss` of the last call on arrays

    variables = property(lambda self: self.weights)
    trainable_variables = property(lambda self: self.trainable_weights)
    non_trainable_variables = property(lambda self: self.non_trainable_weights)

    @property
    def trainable_weights(self) -> list[Parameter]:
        return once(p for layer in self.leaves for p in layer.parameters if p.trainable and not layer.rests(p))

    @property
    def non_trainable_weights(self) -> list[Parameter]:
        return once(p for layer in self.leaves for p in layer.parameters if not p.trainable or layer.rests(p))

    @property
    def weights(self) -> list[Parameter]:
        return once(p for layer in self.leaves for p in layer.parameters)

    def get_weights(self) -> list[np.ndarray]:
        return [p.numpy() for p in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace all weights. Raises ValueError, and changes nothing, when the number or a shape differs."""
        expected, received = [p.shape for p in self.weights], [np.shape(w) for w in weights]
        if expected != received:
            raise ValueError(f"Layer {self.name!r}: weights do not fit. Expected shapes {expected}. Received: {received}.")
        for p, w in zip(self.weights, weights, strict=True):
            p.assign(w)

    @property
    def losses(self) -> list[Any]:
        """What the regularizers of the weights that learn add to the loss now, one number each, and what its last call on arrays, or in
        a tape's block, gave to `add_loss`; in a tape's block tensors, and with what its last call there added for outputs."""
        if tapes():
            from gpunn.ops.penalty import penalty  # operations are layers

            return [*(penalty(r, of_parameter(p), p.name) for p, r in self._regularized), *losses_of(self)]
        return [*self.weight_losses, *(float(ops.to_numpy(array).sum()) for ops, array in self.added)]

    @property
    def _regularized(self) -> list[tuple[Parameter, Any]]:
        return [(p, p.regularizer) for p in self.trainable_weights if p.regularizer is not None]

    @property
    def weight_losses(self) -> list[float]:
        """What the regularizers of the weights that learn add to the loss now."""
        return [regularizers.value_of(r, p.numpy()) for p, r in self._regularized]

    def count_params(self) -> int:
        return sum(int(np.prod(p.shape)) for p in self.weights)
