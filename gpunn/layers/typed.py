"""A layer's type, as Keras's names ask for it."""

from gpunn.dtype_policies import DTypePolicy


class Typed:
    """What a layer, or a model, inherits: all of these follow from its ``dtype``."""

    dtype: str
    autocast = True  # inputs of another type are converted

    @property
    def dtype_policy(self) -> DTypePolicy:
        return DTypePolicy(self.dtype)

    compute_dtype = property(lambda self: self.dtype)
    variable_dtype = property(lambda self: self.dtype)
    input_dtype = property(lambda self: self.dtype)
