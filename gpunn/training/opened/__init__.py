"""Calls of layers as operations on tensors: what their gradients' own gradients go through. Values and random numbers are those of the
call; nothing is updated. A layer's class is looked up by what gives its `forward`."""

from gpunn.training.opened import (  # whose layers are there by this
    activations,
    attention,
    merges,
    normalizations,
    operations,
    plain,
    products,
    recurrent,
)
from gpunn.training.opened.base import Opened, opened

__all__ = ["Opened", "activations", "attention", "merges", "normalizations", "opened", "operations", "plain", "products", "recurrent"]
