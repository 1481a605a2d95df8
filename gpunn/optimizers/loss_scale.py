"""LossScaleOptimizer: what mixed precision needs, where there is none."""

from typing import Any

from gpunn.optimizers.base import Optimizer
from gpunn.optimizers.checks import positive, whole


def LossScaleOptimizer(
    inner_optimizer: Any, initial_scale: float = 2.0**15, dynamic_growth_steps: int = 2000, name: str | None = None, **unused: Any
) -> Optimizer:
    """The inner optimizer itself. Losses are scaled so that gradients in half precision do not vanish; in float32, in which everything is
    computed here, they do not, and a step without a scale ends where Keras's ends with one. Raises TypeError for what is no optimizer,
    ValueError for numbers out of range."""
    if not isinstance(inner_optimizer, Optimizer):
        raise TypeError(f"LossScaleOptimizer: expected an optimizer. Received: {inner_optimizer!r}.")
    positive("initial_scale", initial_scale, "LossScaleOptimizer")
    whole("dynamic_growth_steps", dynamic_growth_steps, "LossScaleOptimizer")
    return inner_optimizer
