"""Where a step's learning rate comes from: a number, Keras 2's decay of it, a schedule's formula, or a table of what a Python function
says."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gpunn.kernels import schedules as kernels
from gpunn.optimizers.checks import number
from gpunn.optimizers.schedules.base import LearningRateSchedule, formula_of

TABLE = 512  # steps that a Python schedule is called for at a time, at most


class FromFunction(LearningRateSchedule):
    """A function of the step number, or of no argument, as a schedule."""

    def __init__(self, function: Callable[..., Any]):
        self.function = function
        try:
            inspect.signature(function).bind(0)
            self._takes_step = True
        except (TypeError, ValueError):
            self._takes_step = False

    def __call__(self, step: Any) -> Any:
        return self.function(step) if self._takes_step else self.function()

    def get_config(self) -> dict[str, Any]:
        raise ValueError(
            "A function as learning_rate cannot be written down. Make it a LearningRateSchedule with get_config, or save the weights alone."
        )


def schedule_of(value: Any, where: str) -> LearningRateSchedule | None:
    """The schedule that a learning rate is, or None for a number. Raises ValueError for a class in the place of an object."""
    if isinstance(value, LearningRateSchedule):
        return value
    if isinstance(value, type):
        raise ValueError(f"{where}: learning_rate must be a number, a schedule or a function. Received: the class {value.__name__}.")
    return FromFunction(value) if callable(value) else None


class Value(float):
    """A learning rate as it is read: a number that course code may also treat as Keras's variable."""

    optimizer: Any = None

    def numpy(self) -> np.float64:
        return np.float64(self)

    def assign(self, value: Any) -> None:
        """Set the optimizer's rate."""
        self.optimizer.learning_rate = float(value)

    def __reduce__(self) -> Any:
        return float, (float(self),)


class Count(int):
    """A number of updates that course code may also treat as Keras's variable."""

    optimizer: Any = None

    def assign(self, value: Any) -> None:
        """Go on as after so many updates."""
        self.optimizer.set_steps(int(value) * (self.optimizer.gradient_accumulation_steps or 1))

    def numpy(self) -> np.int64:
        return np.int64(self)

    def __reduce__(self) -> Any:
        return int, (int(self),)


def value_of(optimizer: Any, rate: float) -> Value:
    value = Value(rate)
    value.optimizer = optimizer
    return value


class Rate:
    """An optimizer's learning rate.

    Attributes: ``value``, the number, where it is one; ``schedule`` or None; ``decay``, Keras 2's; ``form``, which changes when what was
    recorded no longer holds. Device scalars are the optimizer's.
    """

    def __init__(self, value: Any, decay: float, where: str):
        self.where = where
        self.schedule = schedule_of(value, where)
        self.value = number("learning_rate", value, where) if self.schedule is None else 0.0
        self.decay = number("decay", 0.0 if decay is None else decay, where)
        self.form = 0
        if self.decay and self.schedule is not None:
            raise ValueError(f"{where}: decay and a schedule both drive the learning rate; give one of them. Received: decay={decay!r}.")
        self._known: int | None = None  # the step that comes next, while the host knows it

    def set(self, value: Any, optimizer: Any) -> None:
        """Another number or schedule. Raises TypeError for a number where a schedule drives the rate."""
        if isinstance(value, LearningRateSchedule):
            if self.decay:
                raise ValueError(f"{self.where}: decay={self.decay!r} drives the learning rate already; a schedule cannot.")
            self.schedule, self.form = value, self.form + 1
            return
        if self.schedule is not None:
            raise TypeError(
                f"{self.where}: the learning rate cannot be set, as {type(self.schedule).__name__} drives it. "
                f"Give the optimizer a number as learning_rate to set it during training. Received: learning_rate={value!r}."
            )
        self.value = number("learning_rate", value, self.where)
        if optimizer._ops is not None:
            self.write(optimizer)

    def write(self, optimizer: Any) -> None:
        optimizer._ops.write(optimizer.scalar("rate"), self.value)

    def now(self, optimizer: Any, decayed: bool = False) -> float:
        """The rate of the next step."""
        if self.schedule is not None:
            return self._ask(optimizer.steps)
        return self.value / (1 + self.decay * optimizer.iterations) if self.decay and decayed else self.value

    def _ask(self, step: int) -> float:
        with np.errstate(all="ignore"):
            rate = np.asarray(self.schedule(np.int64(step)))  # type: ignore[misc]
        if rate.size != 1 or rate.dtype.kind not in "iuf" or not np.isfinite(rate).all() or (rate < 0).any():
            raise ValueError(
                f"{self.where}: {type(self.schedule).__name__} must give a number that is not negative. Received: {rate} for step {step}."
            )
        return float(rate.reshape(-1)[0])

    # ------------------------------------------------------------------ in a step
    def record(self, ops: Any, optimizer: Any) -> Any:
        """-> the scalar that holds this step's rate, after the launch that works it out, if any."""
        if self.schedule is None:
            if not self.decay:
                return optimizer.scalar(self.place)
            current, every = optimizer.scalar("current"), float(optimizer.gradient_accumulation_steps or 1)
            ops.launch(kernels.time_decay, optimizer.scalar("rate"), optimizer.step, self.decay, every, current)
            return current
        current, found = optimizer.scalar("current"), formula_of(self.schedule)
        if found is not None:
            kernel, numbers = found
            ops.launch(kernel, optimizer.step, *map(float, numbers), current)
            return current
        if "table" not in optimizer.scalars:
            optimizer.scalars["table"] = ops.zeros((TABLE,), "float64")
        ops.launch(kernels.LOOK_UP, optimizer.step, optimizer.scalar("first", "int64"), optimizer.scalars["table"], current)
        return current

    @property
    def by_table(self) -> bool:
        return self.schedule is not None and formula_of(self.schedule) is None

    @property
    def place(self) -> str:
        """The scalar that holds a step's rate."""
        return "rate" if self.schedule is None and not self.decay else "current"

    def restart(self) -> None:
        """Somebody else has counted: the next step's number must be read again."""
        self._known = None

    def portions(self, optimizer: Any, steps: int) -> Iterator[int]:
        """So many steps at a time; where the rate is looked up, the table is written before."""
        if not self.by_table:
            yield steps
            return
        if "table" not in optimizer.scalars:
            optimizer.scalars["table"] = optimizer._ops.zeros((TABLE,), "float64")
        while steps:
            size = min(steps, TABLE)
            first = optimizer.steps if self._known is None else self._known
            table = np.zeros(TABLE)
            table[:size] = [self._ask(first + i) for i in range(size)]
            optimizer._ops.write(optimizer.scalars["table"], table)
            optimizer._ops.write(optimizer.scalar("first", "int64"), first)
            self._known = first + size
            steps -= size
            yield size
