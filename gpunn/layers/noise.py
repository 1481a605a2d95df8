"""Noise in training: GaussianNoise, GaussianDropout, AlphaDropout. None of them does anything otherwise."""

import math
from typing import Any

from gpunn.kernels.noise import GAUSSIAN, MASKED
from gpunn.layers.base import Pullback
from gpunn.layers.dropout import Drawing, Dropout, threshold
from gpunn.layers.graph import WHOLE


class _Gaussian(Drawing):
    """y = x + stddev * n, or x * (1 + stddev * n); n standard normal."""

    kept_kinds = WHOLE
    relative = 0

    def deviation(self) -> float:
        raise NotImplementedError

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        stddev = self.deviation()
        if not training or stddev == 0.0:
            return x, lambda dy, need_dx=True: dy
        ops, fixed = self.backend, (*self.source(), stddev, self.relative)
        y = ops.empty(x.shape, x.dtype)
        ops.launch(GAUSSIAN, x, *fixed, y)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            if self.relative:
                ops.launch(GAUSSIAN, dy, *fixed, dy)
            return dy

        return y, pullback


class GaussianNoise(_Gaussian):
    """In training adds normal noise of mean 0 and deviation `stddev`, new in every step.

    Raises ValueError for a deviation that is not a number of at least 0 (Keras takes none above 1).
    """

    recordable = True

    def __init__(self, stddev: float, seed: int | None = None, **common: Any):
        super().__init__(seed, **common)
        if isinstance(stddev, bool) or not isinstance(stddev, (int, float)) or not 0 <= stddev < math.inf:
            raise ValueError(f"Layer {self.name!r}: stddev must be a number of at least 0. Received: stddev={stddev!r}.")
        self.stddev = float(stddev)

    def deviation(self) -> float:
        return self.stddev

    def config(self) -> dict[str, Any]:
        return {"stddev": self.stddev, "seed": self.seed}


class GaussianDropout(_Gaussian):
    """In training multiplies by normal noise of mean 1 and deviation sqrt(rate / (1 - rate)) (Srivastava et al. 2014, section 10).

    Raises ValueError unless 0 <= rate < 1.
    """

    recordable = True
    relative = 1

    def __init__(self, rate: float, seed: int | None = None, **common: Any):
        super().__init__(seed, **common)
        self.rate = self.share("rate", rate)

    def deviation(self) -> float:
        return math.sqrt(self.rate / (1.0 - self.rate))

    def config(self) -> dict[str, Any]:
        return {"rate": self.rate, "seed": self.seed}


ALPHA = -1.6732632423543772 * 1.0507009873554805  # what selu gives far below zero


class AlphaDropout(Dropout):
    """Dropout for selu networks (Klambauer et al. 2017): dropped elements become selu's lowest value, a * x + b keeps mean and variance.

    `noise_shape` as in `Dropout`. Raises ValueError unless 0 <= rate < 1.
    """

    recordable = True

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **common: Any):
        super().__init__(rate, noise_shape, seed, **common)
        self.rate = self.share("rate", rate)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training or self.rate == 0.0:
            return x, lambda dy, need_dx=True: dy
        a = ((1.0 - self.rate) * (1.0 + self.rate * ALPHA**2)) ** -0.5
        b = -a * ALPHA * self.rate
        ops, fixed = self.backend, (*self.source(), threshold(self.rate))
        groups = self._groups(x.shape) or (1, 1, 1, math.prod(x.shape[1:]) or 1)
        y = ops.empty(x.shape, x.dtype)
        ops.launch(MASKED, x, *fixed, a, b, a * ALPHA + b, *groups, y)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            ops.launch(MASKED, dy, *fixed, a, 0.0, 0.0, *groups, dy)
            return dy

        return y, pullback
