"""What the arguments of optimizers and schedules must be. Each check returns the value, or raises ValueError: what, expected, received."""

from typing import Any

import numpy as np


def number(name: str, value: Any, where: str) -> float:
    """A finite number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not np.isfinite(value) or value < 0:
        raise ValueError(f"{where}: {name} must be a number that is not negative. Received: {name}={value!r}.")
    return float(value)


def smallest(epsilon: Any, where: str) -> float:
    """What keeps a divisor from zero; None, as Keras 2 wrote it, means 1e-7."""
    return 1e-7 if epsilon is None else number("epsilon", epsilon, where)


def positive(name: str, value: Any, where: str) -> float:
    """A finite number above 0."""
    if number(name, value, where) == 0:
        raise ValueError(f"{where}: {name} must be positive. Received: {name}={value!r}.")
    return float(value)


def finite(name: str, value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not np.isfinite(value):
        raise ValueError(f"{where}: {name} must be a finite number. Received: {name}={value!r}.")
    return float(value)


def share(name: str, value: Any, where: str, closed: bool = False) -> float:
    """A number in [0, 1), or [0, 1] where `closed`."""
    value = number(name, value, where)
    if value > 1 or (value == 1 and not closed):
        raise ValueError(f"{where}: {name} must be in [0, 1{']' if closed else ')'}. Received: {name}={value!r}.")
    return value


def whole(name: str, value: Any, where: str, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{where}: {name} must be an integer of at least {least}. Received: {name}={value!r}.")
    return int(value)
