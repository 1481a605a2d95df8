"""Numbers that fit, evaluate and predict are told: epochs, steps, and rows of a batch."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn import config
from gpunn.printed import warn
from gpunn.training.data import Rows


def whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"Argument {name}: expected an integer of at least {least}. Received: {name}={value!r}.")
    return int(value)


def perhaps(name: str, value: Any) -> int | None:
    return None if value is None else whole(name, value, 1)


def number_of_steps(name: str, value: Any) -> int | None:
    """A number of batches; a float, such as rows / rows of a batch, means batches until so much is reached, as in Keras 2."""
    if isinstance(value, (float, np.floating)) and np.isfinite(value) and value > 0:
        value = math.ceil(value)
    return perhaps(name, value)


def most(name: str, limit: int | None, number: int) -> int:
    """A number, or the limit that `gpunn.config` sets to it, with a warning."""
    if limit is None or number <= limit:
        return number
    warn(f"{name} limited to {limit}, as gpunn.config.set_max_{name} says. Asked for: {number}.")
    return limit


def most_steps(steps: int | None, rows: Any, batch_size: int) -> int | None:
    """Batches of an epoch as they were asked for, or as many as there may be of those there are, where that is known."""
    limit = config.max_steps_per_epoch()
    if limit is None:
        return steps
    every = steps or rows.steps(batch_size)
    return limit if every is None else most("steps_per_epoch", limit, every) if every > limit else steps


def rows_of_a_batch(asked: int | None, steps: int | None, rows: Any) -> int | None:
    """As asked for; where only a number of steps is, so many that these go through all rows of arrays once, as in Keras; else None."""
    return asked or (-(-len(rows) // steps) or None if steps and isinstance(rows, Rows) else None)


def epochs_to_validate(asked: Any) -> Callable[[int], bool]:
    """Whether the epoch of a number, from 0, is one of those that `validation_freq` names: every so many, or those of a list, from 1."""
    if isinstance(asked, (list, tuple, set, range)):
        chosen = {whole("validation_freq", epoch, 1) for epoch in asked}
        return lambda epoch: epoch + 1 in chosen
    every = whole("validation_freq", asked, 1)
    return lambda epoch: (epoch + 1) % every == 0
