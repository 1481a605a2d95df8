"""Gradient descent, with momentum or without; and by the sign of a momentum."""

from typing import Any, Unpack

from gpunn.kernels import optimizers as kernels
from gpunn.kernels.record import Kernel
from gpunn.optimizers.base import Common, Optimizer
from gpunn.optimizers.checks import share
from gpunn.optimizers.recording import Step


class SGD(Optimizer):
    """w += v with v = momentum * v - rate * g; with `nesterov`, w += momentum * v - rate * g. Momentum 0: w -= rate * g.

    Arguments common to all optimizers: see `Optimizer`. Raises ValueError for momentum outside [0, 1], or nesterov without momentum.
    """

    def __init__(self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, **common: Unpack[Common]):
        super().__init__(learning_rate, **common)
        self.momentum, self.nesterov = share("momentum", momentum, "SGD", closed=True), bool(nesterov)
        if nesterov and momentum == 0:
            raise ValueError("SGD: nesterov=True needs momentum > 0. Received: momentum=0.")
        self.slots = ("momentum",) if self.momentum else ()

    @property
    def kernel(self) -> Kernel:
        return kernels.sgd if not self.momentum else kernels.sgd_nesterov if self.nesterov else kernels.sgd_momentum

    def operands(self, step: Step) -> dict[str, Any]:
        return {"m": self.state["momentum"], "momentum": self.momentum} if self.momentum else {}

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"momentum": self.momentum, "nesterov": self.nesterov}


class Lion(Optimizer):
    """w -= rate * sign(beta_1 * m + (1 - beta_1) * g); then m = beta_2 * m + (1 - beta_2) * g (Chen et al. 2023).

    Raises ValueError for beta_1 outside (0, 1], or beta_2 outside [0, 1].
    """

    slots = ("momentum",)

    def __init__(self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **common: Unpack[Common]):
        super().__init__(learning_rate, **common)
        self.beta_1, self.beta_2 = share("beta_1", beta_1, "Lion", closed=True), share("beta_2", beta_2, "Lion", closed=True)
        if not self.beta_1:
            raise ValueError(f"Lion: beta_1 must be above 0, else this is the sign of the gradient alone. Received: beta_1={beta_1!r}.")

    @property
    def kernel(self) -> Kernel:
        return kernels.lion

    def operands(self, step: Step) -> dict[str, Any]:
        return {
            "m": self.state["momentum"], "beta_1": self.beta_1, "share_1": 1 - self.beta_1, "beta_2": self.beta_2,
            "share_2": 1 - self.beta_2,
        }

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"beta_1": self.beta_1, "beta_2": self.beta_2}
