"""Rates for each parameter by its squared gradients: Adagrad, Adadelta, RMSprop, Ftrl."""

from typing import Any, Unpack

from gpunn.kernels import optimizers as kernels
from gpunn.kernels.record import Kernel
from gpunn.optimizers.base import Common, Optimizer
from gpunn.optimizers.checks import number, share, smallest
from gpunn.optimizers.recording import Step


class Adagrad(Optimizer):
    """n += g^2; w -= rate * g / sqrt(n + epsilon) (Duchi et al. 2011).

    Arguments common to all optimizers: see `Optimizer`. Raises ValueError for an initial accumulator or epsilon below 0.
    """

    slots = ("accumulator",)

    def __init__(
        self, learning_rate: Any = 0.001, initial_accumulator_value: float = 0.1, epsilon: float | None = 1e-7, **common: Unpack[Common]
    ):
        super().__init__(learning_rate, **common)
        self.initial_accumulator_value = number("initial_accumulator_value", initial_accumulator_value, "Adagrad")
        self.epsilon = smallest(epsilon, "Adagrad")

    @property
    def kernel(self) -> Kernel:
        return kernels.adagrad

    def initial(self, slot: str) -> float:
        return self.initial_accumulator_value if slot == "accumulator" else 0.0

    def operands(self, step: Step) -> dict[str, Any]:
        return {"n": self.state["accumulator"], "epsilon": self.epsilon}

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"initial_accumulator_value": self.initial_accumulator_value, "epsilon": self.epsilon}


class Adadelta(Optimizer):
    """n = rho * n + (1 - rho) * g^2; delta = sqrt(d + epsilon) / sqrt(n + epsilon) * g; w -= rate * delta (Zeiler 2012).

    d is the same mean of delta^2. Raises ValueError for rho outside [0, 1], or epsilon below 0.
    """

    slots = ("accumulated_grad", "accumulated_delta_var")

    def __init__(self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float | None = 1e-7, **common: Unpack[Common]):
        super().__init__(learning_rate, **common)
        self.rho, self.epsilon = share("rho", rho, "Adadelta", closed=True), smallest(epsilon, "Adadelta")

    @property
    def kernel(self) -> Kernel:
        return kernels.adadelta

    def operands(self, step: Step) -> dict[str, Any]:
        n, d = (self.state[slot] for slot in self.slots)
        return {"n": n, "d": d, "rho": self.rho, "share": 1 - self.rho, "epsilon": self.epsilon}

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rho": self.rho, "epsilon": self.epsilon}


class RMSprop(Optimizer):
    """v = rho * v + (1 - rho) * g^2; w -= rate * g / sqrt(v + epsilon) (Hinton 2012).

    With `momentum`: m = momentum * m + rate * g / sqrt(v + epsilon); w -= m. `centered` subtracts the squared mean gradient from v under
    the root. Raises ValueError for rho outside [0, 1], or momentum or epsilon below 0.
    """

    def __init__(
        self, learning_rate: Any = 0.001, rho: float = 0.9, momentum: float = 0.0, epsilon: float | None = 1e-7, centered: bool = False,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)
        self.rho, self.momentum = share("rho", rho, "RMSprop", closed=True), number("momentum", momentum, "RMSprop")
        self.epsilon, self.centered = smallest(epsilon, "RMSprop"), bool(centered)
        self.slots = ("velocity", *(("momentum",) if self.momentum else ()), *(("average_gradient",) if centered else ()))

    @property
    def kernel(self) -> Kernel:
        if self.centered:
            return kernels.rmsprop_centered_momentum if self.momentum else kernels.rmsprop_centered
        return kernels.rmsprop_momentum if self.momentum else kernels.rmsprop

    def operands(self, step: Step) -> dict[str, Any]:
        out = {"v": self.state["velocity"], "rho": self.rho, "share": 1 - self.rho, "epsilon": self.epsilon, "momentum": self.momentum}
        return out | {"m": self.state.get("momentum"), "a": self.state.get("average_gradient")}

    def get_config(self) -> dict[str, Any]:
        own = {"rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon, "centered": self.centered}
        return super().get_config() | own


class Ftrl(Optimizer):
    """Follow the regularized leader (McMahan et al. 2013), which gives exact zeros under `l1_regularization_strength`.

    With n the sum of g^2 and power = -learning_rate_power: z += g + 2 * l2_shrinkage * w - (n_new^power - n^power) / rate * w;
    w = (clip(z, -l1, l1) - z) / (n_new^power / rate + 2 * l2 + beta / rate).
    Raises ValueError for a learning_rate_power above 0, or any other number below 0.
    """

    slots = ("accumulator", "linear")

    def __init__(
        self, learning_rate: Any = 0.001, learning_rate_power: float = -0.5, initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0, l2_regularization_strength: float = 0.0, l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0, **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)
        if learning_rate_power > 0:
            raise ValueError(f"Ftrl: learning_rate_power must be 0 or below. Received: learning_rate_power={learning_rate_power!r}.")
        self.learning_rate_power = -number("-learning_rate_power", -learning_rate_power, "Ftrl")
        self.initial_accumulator_value = number("initial_accumulator_value", initial_accumulator_value, "Ftrl")
        self.l1_regularization_strength = number("l1_regularization_strength", l1_regularization_strength, "Ftrl")
        self.l2_regularization_strength = number("l2_regularization_strength", l2_regularization_strength, "Ftrl")
        self.l2_shrinkage_regularization_strength = number(
            "l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength, "Ftrl"
        )
        self.beta = number("beta", beta, "Ftrl")

    @property
    def kernel(self) -> Kernel:
        return kernels.ftrl_root if self.learning_rate_power == -0.5 else kernels.ftrl

    def initial(self, slot: str) -> float:
        return self.initial_accumulator_value if slot == "accumulator" else 0.0

    def operands(self, step: Step) -> dict[str, Any]:
        return {
            "n": self.state["accumulator"], "z": self.state["linear"], "power": -self.learning_rate_power,
            "l1": self.l1_regularization_strength, "l2": self.l2_regularization_strength,
            "shrinkage": self.l2_shrinkage_regularization_strength, "beta": self.beta,
        }

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "learning_rate_power": self.learning_rate_power, "initial_accumulator_value": self.initial_accumulator_value,
            "l1_regularization_strength": self.l1_regularization_strength, "l2_regularization_strength": self.l2_regularization_strength,
            "l2_shrinkage_regularization_strength": self.l2_shrinkage_regularization_strength, "beta": self.beta,
        }


