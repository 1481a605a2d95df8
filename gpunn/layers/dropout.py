"""Dropout whose mask is drawn again in the backward pass instead of being stored."""

from typing import Any

from gpunn import random
from gpunn.kernels.philox import DROPOUT
from gpunn.layers.base import Layer, Pullback
from gpunn.layers.spelling import old_names


class Dropout(Layer):
    """In training sets a share `rate` of the elements to zero and scales the others by 1 / (1 - rate) (Srivastava et al. 2014, inverted).

    The mask is a function of (seed, layer, step, element): the same on every device. Raises ValueError unless 0 <= rate < 1.
    """

    recordable = True

    @old_names(p="rate")
    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **common: Any):
        super().__init__(**common)
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate < 1:
            raise ValueError(f"Layer {self.name!r}: rate must be at least 0 and below 1. Received: rate={rate!r}.")
        if noise_shape is not None:
            raise ValueError(f"Layer {self.name!r}: noise_shape is not available. Received: {noise_shape!r}.")
        self.rate, self.seed = float(rate), seed
        self.stream = random.DROPOUT  # a model numbers its dropout layers

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training or self.rate == 0.0:
            return x, lambda dy, need_dx=True: dy
        rng = self.rng
        seed = rng.seed if self.seed is None else self.seed
        fixed = (rng.step, seed, self.stream, min(round(self.rate * 2**32), 2**32 - 1), 1.0 / (1.0 - self.rate))
        y = self.backend.empty(x.shape, x.dtype)
        self.backend.launch(DROPOUT, x, *fixed, y)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            self.backend.launch(DROPOUT, dy, *fixed, dy)
            return dy

        return y, pullback

    def config(self) -> dict[str, Any]:
        return {"rate": self.rate, "seed": self.seed}
