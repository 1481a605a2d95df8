"""Adam and its family: AdamW, Adamax, Nadam, Lamb."""

from typing import Any, Unpack

from gpunn.kernels import optimizers as kernels
from gpunn.kernels import segments
from gpunn.kernels.record import Kernel
from gpunn.optimizers.base import Common, NotDecay, Optimizer
from gpunn.optimizers.checks import share, smallest
from gpunn.optimizers.recording import Step


class _Moments(Optimizer):
    """Means of the gradient and of its square."""

    slots = ("momentum", "velocity")

    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float | None = 1e-7, **common: Unpack[Common]
    ):
        super().__init__(learning_rate, **common)
        kind = type(self).__name__
        self.beta_1, self.beta_2 = share("beta_1", beta_1, kind), share("beta_2", beta_2, kind)
        self.epsilon = smallest(epsilon, kind)

    def moments(self) -> dict[str, Any]:
        """Operands that they all take."""
        m, v = self.state["momentum"], self.state["velocity"]
        return {"m": m, "v": v, "share_1": 1 - self.beta_1, "share_2": 1 - self.beta_2, "epsilon": self.epsilon}

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


class Adam(_Moments):
    """Adam (Kingma & Ba 2015) as Keras writes it: both bias corrections in the rate, epsilon beside the uncorrected root.

    `amsgrad` divides by the root of the largest second moment so far (Reddi et al. 2018). Arguments common to all optimizers: see
    `Optimizer`. Raises ValueError for betas outside [0, 1), or epsilon below 0.
    """

    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float | None = 1e-7, amsgrad: bool = False,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)
        self.amsgrad = bool(amsgrad)
        self.slots = ("momentum", "velocity", *(("velocity_hat",) if amsgrad else ()))

    @property
    def kernel(self) -> Kernel:
        return kernels.adam_amsgrad if self.amsgrad else kernels.adam

    def operands(self, step: Step) -> dict[str, Any]:
        alpha = step.scalar("alpha")
        step.ops.launch(kernels.adam_rate, step.rate, step.updates, self.beta_1, self.beta_2, alpha)
        return self.moments() | {"alpha": alpha, "top": self.state.get("velocity_hat")}

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"amsgrad": self.amsgrad}


class AdamW(Adam):
    """Adam with weight decay (Loshchilov & Hutter 2019). Raises ValueError for weight_decay=None."""

    def __init__(
        self, learning_rate: Any = 0.001, weight_decay: float = 0.004, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float | None = 1e-7, amsgrad: bool = False, **common: Unpack[NotDecay],
    ):
        if weight_decay is None:
            raise ValueError("AdamW: weight_decay must be a number. Received: weight_decay=None.")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common)


class Adamax(_Moments):
    """Adam with the infinity norm (Kingma & Ba 2015, section 7.1): u = max(beta_2 * u, |g|); w -= rate / (1 - beta_1^t) * m / (u +
    epsilon)."""

    slots = ("momentum", "norm")

    @property
    def kernel(self) -> Kernel:
        return kernels.adamax

    def operands(self, step: Step) -> dict[str, Any]:
        alpha = step.scalar("alpha")
        step.ops.launch(kernels.adamax_rate, step.rate, step.updates, self.beta_1, alpha)
        return {
            "m": self.state["momentum"], "u": self.state["norm"], "alpha": alpha, "share_1": 1 - self.beta_1, "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }


class Nadam(_Moments):
    """Adam with Nesterov's momentum (Dozat 2015), the momentum warming up by 1 - 0.5 * 0.96^t as in Keras."""

    kept = ("product",)

    @property
    def kernel(self) -> Kernel:
        return kernels.nadam

    def operands(self, step: Step) -> dict[str, Any]:
        gate = step.scalar("open", initial=1) if step.gate is None else step.gate
        first, fresh, inverse = (step.scalar(n) for n in ("first_share", "fresh_share", "inverse"))
        step.ops.launch(
            kernels.nadam_rate, step.rate, step.updates, gate, step.scalar("product", initial=1), self.beta_1, self.beta_2, first, fresh,
            inverse,
        )
        return self.moments() | {"first": first, "fresh": fresh, "inverse": inverse}


class Lamb(_Moments):
    """Adam's direction, made as long as each parameter is (You et al. 2020): w -= rate * |w| / |u| * u, a ratio of 1 where either is 0.

    Several launches: the moments and u, both norms of each parameter, the update.
    """

    @property
    def kernel(self) -> Kernel:
        return kernels.lamb_moments

    def update(self, step: Step) -> None:
        ops, inverse_1, inverse_2, u = step.ops, step.scalar("inverse_1"), step.scalar("inverse_2"), step.vector("u")
        ops.launch(kernels.lamb_corrections, step.updates, self.beta_1, self.beta_2, inverse_1, inverse_2)
        step.launch(self.kernel, self.moments() | {"inverse_1": inverse_1, "inverse_2": inverse_2, "u": u}, end=False)
        parts = step.parts()
        ratio = parts.spread(ops, parts.numbers(ops, segments.TRUST_RATIO, [step.p, u], []))
        step.launch(kernels.scaled_step, {"u": u, "ratio": ratio}, begin=False)
