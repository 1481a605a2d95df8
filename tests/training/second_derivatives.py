"""A penalty of gradients, and its own gradients: by two tapes, against differences of what one tape gives."""

import numpy as np
from gradient import compare

from gpunn import GradientTape, Variable, ops
from gpunn.layers.graph import flat


def check(target, arrays, weights=(), seed=5, what=""):
    """Of the sum of squares of the gradients of ``target(*tensors)`` by weights and these arrays: its own gradients by both."""
    rng, inputs, factors = np.random.default_rng(seed), [Variable(a) for a in arrays], []

    def inner():
        """The gradients of a number with a random upstream gradient and a curvature of its own."""
        with GradientTape() as tape:
            y = ops.reshape(target(*(v * 1.0 for v in inputs)), (-1,))
            factors[:] = factors or [rng.standard_normal(y.shape)]
            value = ops.sum(y * factors[0] + ops.square(y) * 0.5)
        return [g for g in tape.gradient(value, [*weights, *inputs]) if g is not None]

    def first():
        return float(sum(np.square(np.asarray(g)).sum() for g in inner()))

    with GradientTape() as outer:
        penalty = ops.add_n([ops.sum(ops.square(g)) for g in inner()])
    sources = [*weights, *inputs]
    found = [np.asarray(g) for g in outer.gradient(penalty, sources, unconnected_gradients="zero")]
    np.testing.assert_allclose(float(penalty), first(), rtol=1e-9)
    compare(first, [p.value for p in sources], found, seed, what)


def same(found, expected):
    """Gradients, None for 0, and what they are to be."""
    for ours, theirs in zip(flat(found), flat(expected), strict=True):
        theirs = np.asarray(theirs)
        np.testing.assert_allclose(np.zeros_like(theirs) if ours is None else np.asarray(ours), theirs, rtol=1e-8, atol=1e-10)
