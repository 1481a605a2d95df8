"""The directional gradient check for layers with several inputs and outputs, and masks of steps."""

import numpy as np
from gradient import compare

from gpunn import random
from gpunn.layers.base import Rng


def check(layer, ops, inputs, mask=None, training=True, seed=0, spoil=1.0):
    """Gradients of every input and parameter, from random upstream on every output."""
    layer.backend, layer.rng = ops, Rng(ops, random.current_seed())
    shapes = [(None, *x.shape[1:]) for x in inputs]
    layer.ensure_built(shapes if len(shapes) > 1 else shapes[0])
    rng = np.random.default_rng(seed + 50)
    for p in layer.parameters:
        p.assign(0.7 * rng.standard_normal(p.shape))
    more = {"mask": mask} if layer.takes_mask else {}
    given = inputs if len(inputs) > 1 else inputs[0]

    def forward():
        out, pullback = layer.forward(given, training, **more)
        return (out if isinstance(out, list) else [out]), pullback

    outputs, pullback = forward()
    upstream = [rng.standard_normal(y.shape) for y in outputs]
    for p in layer.parameters:
        p.begin_step()
    sent = [u.copy() for u in upstream]
    found = pullback(sent if len(sent) > 1 else sent[0])
    found = found if isinstance(found, list) else [found]
    own = [p.gradient.copy() for p in layer.parameters]
    arrays = [(x, g) for x, g in zip(inputs, found, strict=True) if g is not None]
    compare(
        lambda: float(sum((y * u).sum() for y, u in zip(forward()[0], upstream, strict=True))),
        [*(x for x, _ in arrays), *(p.value for p in layer.parameters)], [spoil * g.copy() for g in (*(g for _, g in arrays), *own)], seed,
        layer.name,
    )
