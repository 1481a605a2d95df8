"""What a schedule is, how it is written down, and how a step gets its rate from it."""

from typing import Any, TypeVar

import numpy as np

from gpunn.kernels.record import Kernel
from gpunn.lookup import find, key_of
from gpunn.optimizers.checks import positive
from gpunn.results import dressed

NAMES: dict[str, Any] = {}  # the library's own schedules, filled where they are defined
Class = TypeVar("Class", bound=type)


class LearningRateSchedule:
    """Base class. A subclass gives `__call__(step)` -> the rate of the step with that number, from 0; and `get_config` to be saved."""

    def __call__(self, step: Any) -> Any:
        raise NotImplementedError(f"Learning rate schedule '{type(self).__name__}' must override `__call__(self, step)`.")

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `get_config()` in order to be serializable."
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LearningRateSchedule":
        return cls(**config)


class Formula(LearningRateSchedule):
    """A schedule that a step works out itself. A subclass gives `formula`."""

    name: str

    def formula(self) -> tuple[Kernel, list[float]]:
        """The kernel, and the numbers it takes after the step."""
        raise NotImplementedError

    def __call__(self, step: Any) -> Any:
        """The rate of a step (a float), or of each of an array of steps."""
        steps = np.asarray(step)
        kernel, numbers = self.formula()
        with np.errstate(all="ignore"):
            rates = kernel.formula.numpy(steps.astype(np.float64), *numbers)
        return dressed(float(rates) if steps.ndim == 0 else np.broadcast_to(rates, steps.shape))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_config().items() if k != 'name')})"


def formula_of(schedule: LearningRateSchedule) -> tuple[Kernel, list[float]] | None:
    """The formula of a schedule, or None where only Python knows it: a user's own `__call__`."""
    kinds = type(schedule).__mro__
    if not isinstance(schedule, Formula) or kinds.index(_owner(kinds, "__call__")) < kinds.index(_owner(kinds, "formula")):
        return None
    try:
        return schedule.formula()
    except NoFormula:
        return None


def _owner(kinds: tuple[type, ...], name: str) -> type:
    return next(c for c in kinds if name in vars(c))


class NoFormula(Exception):
    """A schedule that could be a formula is none with these arguments."""


def named(schedule: Class) -> Class:
    """Enter a class of the library's in `NAMES`."""
    NAMES[schedule.__name__] = schedule
    return schedule


def steps(name: str, value: Any, where: str) -> float:
    """A positive number of steps, an int where it is one."""
    return whole_or_float(positive(name, value, where))


def whole_or_float(value: float) -> float:
    return int(value) if value == int(value) else value


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """``{"module", "class_name", "config", "registered_name"}`` of a schedule, as Keras writes it."""
    kind = type(learning_rate_schedule)
    module = "gpunn.optimizers.schedules" if NAMES.get(kind.__name__) is kind else None
    return {"module": module, "class_name": key_of(kind), "config": learning_rate_schedule.get_config(), "registered_name": None}


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> LearningRateSchedule:
    """A schedule from what `serialize` (or Keras's) gives. Raises ValueError for an unknown class, listing the names."""
    return find("learning rate schedule", config["class_name"], NAMES | (custom_objects or {})).from_config(dict(config.get("config", {})))
