"""``keras.Variable``: a variable whose arguments stand in Keras's order, and floats of one type."""

from typing import Any

from gpunn import config, initializers
from gpunn.layers import variable


class Variable(variable.Variable):
    """A value that can be assigned and learned: a number, an array, or, with a shape, an initializer or its name."""

    def __init__(
        self, initializer: Any, shape: Any = None, dtype: Any = None, trainable: bool = True, autocast: bool = True,
        aggregation: str | None = None, synchronization: str = "auto", name: str | None = None, **unused: Any,
    ):
        value = initializers.get(initializer) if isinstance(initializer, (str, initializers.Initializer)) else initializer
        if dtype is None and getattr(getattr(value, "dtype", None), "kind", "") == "f":
            dtype = config.floatx()
        super().__init__(value, trainable, name, dtype, shape)
