"""``keras.Variable``: a variable whose arguments stand in Keras's order."""

from typing import Any

from gpunn import initializers
from gpunn.layers import variable


class Variable(variable.Variable):
    """A value that can be assigned and learned: a number, an array, or, with a shape, an initializer or its name."""

    def __init__(
        self, initializer: Any, shape: Any = None, dtype: Any = None, trainable: bool = True, autocast: bool = True,
        aggregation: str | None = None, synchronization: str = "auto", name: str | None = None, **unused: Any,
    ):
        value = initializers.get(initializer) if isinstance(initializer, (str, initializers.Initializer)) else initializer
        super().__init__(value, trainable, name, dtype, shape)
