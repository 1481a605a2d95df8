"""The rule of inverses, determinants and solutions: their gradients are made of operations already."""

from gpunn.ops.linear_algebra import OnHost
from gpunn.ops.rules.base import Asked, Found, rule


@rule(OnHost)
def on_host(asked: Asked) -> Found:
    found = asked.call.definition.gradients(asked.dy, asked.y, *asked.operands, **asked.call.options)
    return [d if need else None for d, need in zip(found, asked.needs, strict=True)]
