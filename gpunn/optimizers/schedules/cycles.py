"""Schedules that Keras does not have: by a factor every so many steps, one cycle, a warm-up before another schedule."""

from typing import Any

import numpy as np

from gpunn.kernels import schedules as kernels
from gpunn.kernels.record import Kernel
from gpunn.optimizers.checks import number, positive, share, whole
from gpunn.optimizers.schedules.base import Formula, LearningRateSchedule, NoFormula, deserialize, formula_of, named, serialize, steps


@named
class StepDecay(Formula):
    """initial_learning_rate * factor ^ floor(step / every): by `factor` every so many steps. (Not in Keras.)

    As the function of a `LearningRateScheduler` the steps are epochs. Raises ValueError for `every` that is not positive, or a negative
    rate.
    """

    def __init__(self, initial_learning_rate: float, factor: float = 0.5, every: float = 1, name: str = "StepDecay"):
        self.initial_learning_rate = number("initial_learning_rate", initial_learning_rate, name)
        self.factor, self.every, self.name = number("factor", factor, name), steps("every", every, name), name

    def formula(self) -> tuple[Kernel, list[float]]:
        return kernels.step_decay, [self.initial_learning_rate, self.factor, self.every]

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate, "factor": self.factor, "every": self.every, "name": self.name,
        }


@named
class OneCycle(Formula):
    """Up from max / div_factor to `max_learning_rate` over the first `pct_start` of the steps, then down to 1 / final_div_factor of the
    start.

    Both ways along a cosine; afterwards the rate stays (Smith & Topin 2018, in the form of PyTorch's OneCycleLR; not in Keras).
    Raises ValueError for fewer than 2 steps, factors that are not positive, pct_start outside [0, 1], or a negative rate.
    """

    def __init__(
        self, max_learning_rate: float, total_steps: int, pct_start: float = 0.3, div_factor: float = 25.0, final_div_factor: float = 1e4,
        name: str = "OneCycle",
    ):
        self.max_learning_rate = number("max_learning_rate", max_learning_rate, name)
        self.total_steps, self.pct_start = whole("total_steps", total_steps, name, 2), share("pct_start", pct_start, name, True)
        self.div_factor, self.name = positive("div_factor", div_factor, name), name
        self.final_div_factor = positive("final_div_factor", final_div_factor, name)

    def formula(self) -> tuple[Kernel, list[float]]:
        first = self.max_learning_rate / self.div_factor
        up, down = self.pct_start * self.total_steps - 1.0, self.total_steps - 1.0
        return kernels.one_cycle, [first, self.max_learning_rate, first / self.final_div_factor, up, down]

    def get_config(self) -> dict[str, Any]:
        return {
            "max_learning_rate": self.max_learning_rate, "total_steps": self.total_steps, "pct_start": self.pct_start,
            "div_factor": self.div_factor, "final_div_factor": self.final_div_factor, "name": self.name,
        }


@named
class WarmUp(Formula):
    """A line from `initial_learning_rate` to a schedule's first rate over `warmup_steps`, then the schedule from its start. (Not in Keras.)

    `schedule`: any schedule, or a number. Raises ValueError for warmup_steps that are not positive.
    """

    def __init__(self, schedule: Any, warmup_steps: float, initial_learning_rate: float = 0.0, name: str = "WarmUp"):
        if isinstance(schedule, dict):
            schedule = deserialize(schedule)
        self.schedule = schedule if isinstance(schedule, LearningRateSchedule) else number("schedule", schedule, name)
        self.warmup_steps = steps("warmup_steps", warmup_steps, name)
        self.initial_learning_rate, self.name = number("initial_learning_rate", initial_learning_rate, name), name

    def _target(self) -> LearningRateSchedule:
        return self.schedule if isinstance(self.schedule, LearningRateSchedule) else StepDecay(self.schedule, 1.0)

    def formula(self) -> tuple[Kernel, list[float]]:
        found = formula_of(self._target())
        if found is None:
            raise NoFormula(f"{self.name}: its schedule is no formula.")
        kernel, numbers = found
        return kernels.warmed_up(kernel), [self.initial_learning_rate, self.warmup_steps, *numbers]

    def __call__(self, step: Any) -> Any:
        if formula_of(self._target()) is not None:
            return super().__call__(step)
        target, first = float(self._target()(np.maximum(step - self.warmup_steps, 0))), self.initial_learning_rate
        return target if step >= self.warmup_steps else (target - first) * step / self.warmup_steps + first

    def get_config(self) -> dict[str, Any]:
        schedule = serialize(self.schedule) if isinstance(self.schedule, LearningRateSchedule) else self.schedule
        return {
            "schedule": schedule, "warmup_steps": self.warmup_steps, "initial_learning_rate": self.initial_learning_rate, "name": self.name,
        }
