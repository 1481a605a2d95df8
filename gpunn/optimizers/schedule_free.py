"""ScheduleFreeAdamW: Adam without a schedule, by an average of all that the weights were (Defazio et al. 2024)."""

from typing import Any, Unpack

from gpunn import ops
from gpunn.optimizers.base import Common, Optimizer
from gpunn.optimizers.checks import positive, share, whole


class ScheduleFreeAdamW(Optimizer):
    """z -= rate * g / (sqrt(v / (1 - beta_2^t)) + epsilon), x the mean of all z so far, and the weights beta_1 * x + (1 - beta_1) * z.

    v is the mean of g^2 that decays by `beta_2`; z begins as the weights, after the first update's weight decay (in Keras before it). The
    rate grows evenly to its full size over `warmup_steps` updates. Gradients, and evaluations too, are at the weights. Raises ValueError
    for numbers out of range.
    """

    def __init__(
        self, learning_rate: Any = 0.0025, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8, warmup_steps: int = 0,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)
        kind = "ScheduleFreeAdamW"
        self.beta_1, self.beta_2 = share("beta_1", beta_1, kind), share("beta_2", beta_2, kind)
        self.epsilon, self.warmup_steps = positive("epsilon", epsilon, kind), whole("warmup_steps", warmup_steps, kind, 0)
        if not self.beta_1:
            raise ValueError(f"{kind}: beta_1 must be above 0, as weights are made of x by it. Received: beta_1={beta_1!r}.")

    def build(self, variables: Any) -> None:
        super().build(variables)
        self._z, self._v = self.add_optimizer_variables(variables, ["momentum", "velocity"])

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        place, t = self._get_variable_index(variable), self.iterations + 1
        z, v = self._z[place], self._v[place]
        rate = learning_rate * ops.minimum(t / self.warmup_steps, 1.0) if self.warmup_steps else learning_rate
        before = ops.where(ops.equal(t, 1), variable, z)  # it starts where the weights do
        squares = v + (1 - self.beta_2) * (ops.square(gradient) - v)
        after = before - rate * gradient / (ops.sqrt(squares / (1 - ops.power(self.beta_2, t))) + self.epsilon)
        mean = (variable - (1 - self.beta_1) * before) / self.beta_1
        mean = mean + (after - mean) / t
        self.assign(v, squares)
        self.assign(z, after)
        self.assign(variable, self.beta_1 * mean + (1 - self.beta_1) * after)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon, "warmup_steps": self.warmup_steps,
        }
