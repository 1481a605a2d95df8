"""Gradients of operations as operations, so that tapes which go on recording see them: what gradients of gradients are made of.

A definition's own pullback launches kernels on arrays; its rule here says the same with tensors. Most follow from what definitions have: an
operation element by element from the formulas of its gradients (`formulas`), one that is linear from its own pullback (`base.Linear`).
"""

from gpunn.ops.rules import activations, arrays, elementwise, losses, matrices, own, poolings, products  # whose rules are there by this
from gpunn.ops.rules.base import Linear, gradients_of, without

__all__ = ["Linear", "activations", "arrays", "elementwise", "gradients_of", "losses", "matrices", "own", "poolings", "products", "without"]
