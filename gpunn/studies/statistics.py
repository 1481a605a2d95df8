"""Means and medians over seeds, with bootstrap intervals."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES, LEVEL = 4000, 0.95


@dataclass(frozen=True)
class Estimate:
    """A value over ``count`` seeds with its 95 % interval; ``low`` and ``high`` are None for a single seed."""

    value: float
    low: float | None
    high: float | None
    count: int

    def __str__(self) -> str:
        inside = "" if self.low is None or self.high is None else f" [{self.low:.4g}, {self.high:.4g}]"
        return f"{self.value:.4g}{inside}"


def estimate(values: Sequence[float], of: Callable[..., np.ndarray] = np.mean) -> Estimate:
    """`of` (np.mean, np.median) over values, and its percentile interval by drawing seeds with replacement (Efron 1979), from a fixed seed.

    An infinite value stands for "never"; a bound that would be infinite is math.inf. Raises ValueError for no values.
    """
    given = np.asarray(values, float)
    if not given.size:
        raise ValueError("estimate: no values.")
    with np.errstate(all="ignore"):
        value = float(of(given))
        if given.size == 1:
            return Estimate(value, None, None, 1)
        draws = np.random.default_rng(0).integers(0, given.size, (RESAMPLES, given.size))
        found = np.sort(of(given[draws], axis=1))
    tail = (1 - LEVEL) / 2
    low, high = found[int(tail * RESAMPLES)], found[min(RESAMPLES - 1, math.ceil((1 - tail) * RESAMPLES))]
    return Estimate(value, float(low), float(high), given.size)
