"""Keras's schedules."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.kernels import schedules as kernels
from gpunn.kernels.record import Kernel
from gpunn.optimizers.checks import finite, number, positive
from gpunn.optimizers.schedules.base import Formula, NoFormula, named, steps, whole_or_float
from gpunn.results import dressed

MOST_PIECES = 64  # of a formula; a schedule of more is looked up in a table


@named
class ExponentialDecay(Formula):
    """initial_learning_rate * decay_rate ^ (step / decay_steps); with `staircase` the exponent is rounded down.

    Raises ValueError for decay_steps that are not positive, or a negative rate.
    """

    def __init__(
        self, initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool = False, name: str = "ExponentialDecay"
    ):
        self.initial_learning_rate = number("initial_learning_rate", initial_learning_rate, name)
        self.decay_steps, self.decay_rate = steps("decay_steps", decay_steps, name), number("decay_rate", decay_rate, name)
        self.staircase, self.name = bool(staircase), name

    def formula(self) -> tuple[Kernel, list[float]]:
        return kernels.exponential_decay, [self.initial_learning_rate, self.decay_steps, self.decay_rate, float(self.staircase)]

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate, "decay_steps": self.decay_steps, "decay_rate": self.decay_rate,
            "staircase": self.staircase, "name": self.name,
        }


@named
class InverseTimeDecay(Formula):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps); with `staircase` the quotient is rounded down.

    Raises ValueError for decay_steps that are not positive, or a negative rate.
    """

    def __init__(
        self, initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool = False, name: str = "InverseTimeDecay"
    ):
        self.initial_learning_rate = number("initial_learning_rate", initial_learning_rate, name)
        self.decay_steps, self.decay_rate = steps("decay_steps", decay_steps, name), number("decay_rate", decay_rate, name)
        self.staircase, self.name = bool(staircase), name

    def formula(self) -> tuple[Kernel, list[float]]:
        return kernels.inverse_time_decay, [self.initial_learning_rate, self.decay_steps, self.decay_rate, float(self.staircase)]

    get_config = ExponentialDecay.get_config


@named
class PiecewiseConstantDecay(Formula):
    """values[0] up to step boundaries[0] (included), values[1] up to boundaries[1], ..., then the last value.

    Raises ValueError unless there is one value more than boundaries, and the boundaries rise.
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"{name}: the length of boundaries should be 1 less than the length of values. "
                f"Received: boundaries={boundaries} of length {len(boundaries)}, and values={values} of length {len(values)}."
            )
        self.boundaries = [whole_or_float(finite("boundaries", b, name)) for b in boundaries]
        if any(b <= a for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise ValueError(f"{name}: boundaries must rise. Received: {list(boundaries)}.")
        self.values, self.name = [number("values", v, name) for v in values], name

    def formula(self) -> tuple[Kernel, list[float]]:
        if len(self.values) > MOST_PIECES:
            raise NoFormula(f"{self.name}: more than {MOST_PIECES} pieces.")
        return kernels.piecewise_constant(len(self.values)), [*self.boundaries, *self.values]

    def __call__(self, step: Any) -> Any:
        if len(self.values) <= MOST_PIECES:
            return super().__call__(step)
        rates = np.asarray(self.values)[np.searchsorted(self.boundaries, step, side="left")]
        return dressed(float(rates) if np.ndim(step) == 0 else rates)

    def get_config(self) -> dict[str, Any]:
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


@named
class PolynomialDecay(Formula):
    """(initial - end) * (1 - step / decay_steps) ^ power + end, and `end_learning_rate` afterwards.

    With `cycle`, decay_steps is multiplied so that it is never below the step. Raises ValueError for decay_steps that are not positive, or
    a negative rate.
    """

    def __init__(
        self, initial_learning_rate: float, decay_steps: float, end_learning_rate: float = 0.0001, power: float = 1.0, cycle: bool = False,
        name: str = "PolynomialDecay",
    ):
        self.initial_learning_rate = number("initial_learning_rate", initial_learning_rate, name)
        self.end_learning_rate = number("end_learning_rate", end_learning_rate, name)
        self.decay_steps = steps("decay_steps", decay_steps, name)
        self.power, self.cycle, self.name = finite("power", power, name), bool(cycle), name

    def formula(self) -> tuple[Kernel, list[float]]:
        return kernels.polynomial_decay, [
            self.initial_learning_rate, self.decay_steps, self.end_learning_rate, self.power, float(self.cycle),
        ]

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate, "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate, "power": self.power, "cycle": self.cycle, "name": self.name,
        }


@named
class CosineDecay(Formula):
    """Half a cosine from the initial rate to `alpha` times it, over `decay_steps` (Loshchilov & Hutter 2017).

    With `warmup_target`: first a line from the initial rate to the target over `warmup_steps`, then the cosine from the target.
    Raises ValueError for steps that are not positive, or a negative rate.
    """

    def __init__(
        self, initial_learning_rate: float, decay_steps: float, alpha: float = 0.0, name: str = "CosineDecay",
        warmup_target: float | None = None, warmup_steps: float = 0,
    ):
        self.initial_learning_rate = number("initial_learning_rate", initial_learning_rate, name)
        self.decay_steps, self.alpha, self.name = steps("decay_steps", decay_steps, name), number("alpha", alpha, name), name
        self.warmup_target = None if warmup_target is None else number("warmup_target", warmup_target, name)
        self.warmup_steps = whole_or_float(number("warmup_steps", warmup_steps, name))

    def formula(self) -> tuple[Kernel, list[float]]:
        plain = self.warmup_target is None
        target = self.initial_learning_rate if plain else self.warmup_target
        warm = 0.0 if plain else self.warmup_steps
        return kernels.cosine_decay, [self.initial_learning_rate, self.decay_steps, self.alpha, target, warm]  # type: ignore[list-item]

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate, "decay_steps": self.decay_steps, "alpha": self.alpha, "name": self.name,
            "warmup_target": self.warmup_target, "warmup_steps": self.warmup_steps,
        }


@named
class CosineDecayRestarts(Formula):
    """Half cosines one after another: each `t_mul` times as long as the one before, and `m_mul` times as high.

    Raises ValueError for first_decay_steps or t_mul that are not positive, or a negative rate.
    """

    def __init__(
        self, initial_learning_rate: float, first_decay_steps: float, t_mul: float = 2.0, m_mul: float = 1.0, alpha: float = 0.0,
        name: str = "SGDRDecay",
    ):
        self.initial_learning_rate = number("initial_learning_rate", initial_learning_rate, name)
        self.first_decay_steps, self.t_mul = steps("first_decay_steps", first_decay_steps, name), positive("t_mul", t_mul, name)
        self.m_mul, self.alpha, self.name = number("m_mul", m_mul, name), number("alpha", alpha, name), name

    def formula(self) -> tuple[Kernel, list[float]]:
        return kernels.cosine_decay_restarts, [self.initial_learning_rate, self.first_decay_steps, self.t_mul, self.m_mul, self.alpha]

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate, "first_decay_steps": self.first_decay_steps, "t_mul": self.t_mul,
            "m_mul": self.m_mul, "alpha": self.alpha, "name": self.name,
        }
