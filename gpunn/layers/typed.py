"""A layer's type, as Keras's names ask for it."""

from typing import Any

import numpy as np

from gpunn import config, dtype_policies
from gpunn.dtype_policies import DTypePolicy
from gpunn.layers.graph import WHOLE


class Typed:
    """What a layer, or a model, inherits: all of these follow from its ``dtype``, the floating type that it computes in, and from
    ``_whole``, the type of integers that Keras's ``dtype="int32"`` asks for: floats that it is called on are cut to these."""

    name: str
    dtype: str
    _whole: str | None = None
    autocast = True  # inputs of another type are converted

    @property
    def dtype_policy(self) -> DTypePolicy:
        return DTypePolicy(self.compute_dtype)

    compute_dtype = property(lambda self: self._whole or self.dtype)
    variable_dtype = property(lambda self: self._whole or self.dtype)
    input_dtype = property(lambda self: self._whole or self.dtype)

    def check_floats(self) -> None:
        """Raises ValueError for a layer of integers, which has no weights."""
        if self._whole is not None:
            raise ValueError(f"Layer {self.name!r}: weights are floats. Expected dtype float32 or float64. Received: {self._whole!r}.")


def types_of(dtype: Any, layer: str) -> tuple[str, str | None]:
    """(``dtype``, ``_whole``) of what a layer was given. Raises ValueError, naming the layer, for a type that is neither."""
    name = np.dtype(dtype_policies.type_of(dtype) or config.floatx()).name
    if name in ("float32", "float64"):
        return name, None
    if name.startswith(WHOLE):
        return config.floatx(), name
    raise ValueError(f"Layer {layer!r}: dtype must be float32, float64 or a type of integers. Received: {dtype!r}.")
