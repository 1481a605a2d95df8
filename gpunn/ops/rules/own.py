"""The rule of functions with gradients of the user's: these are made of operations already."""

from gpunn.ops.own_gradient import OWN, gradients_for
from gpunn.ops.rules.base import Asked, Found, rule


@rule(OWN)
def own(asked: Asked) -> Found:
    """By the function once more, so that what its gradient uses of it depends on the arguments."""
    return gradients_for(asked.operands, asked.call.options["function"](*asked.operands)[1](asked.dy))
