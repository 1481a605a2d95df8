"""Functional: a model between symbolic tensors, and its configuration in Keras 3's form."""

from gpunn.models.model import Model


class Functional(Model):
    """What ``Model(inputs=..., outputs=...)`` makes."""
