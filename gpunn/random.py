"""Randomness that is the same on every device: Philox4x32-10, keyed by a seed, counted by (block, stream, step).

State is two integers: the seed, and how many streams have been handed out. Weights and epoch orders are drawn on the CPU; dropout is drawn
where the step runs, from the same counters.
"""

import os
import random
from typing import Any

import numpy as np

from gpunn.kernels.noise import normals
from gpunn.kernels.philox import words

ORDER = 0x40000000  # stream of epoch orders
DROPOUT = 0x20000000  # streams of dropout layers start here
RECURRENT = 0x08000000  # added to a recurrent layer's stream for its state
_seed: int | None = None
_streams = 0


def set_random_seed(seed: int) -> None:
    """Make everything drawn from now on follow from `seed` (0 <= seed < 2**63), as `keras.utils.set_random_seed`; models made before keep
    theirs. Python's own and NumPy's legacy seed are set too. Raises ValueError for anything else."""
    set_own_seed(seed)
    random.seed(int(seed))
    np.random.seed(int(seed) % 2**32)


def set_own_seed(seed: int) -> None:
    """The same, but that Python's and NumPy's generators stay as they are."""
    global _seed, _streams
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**63:
        raise ValueError(f"A seed is an integer from 0 to 2**63 - 1. Received: {seed!r}.")
    _seed, _streams = int(seed), 0


def current_seed() -> int:
    """The seed in force; drawn from the operating system when none was set."""
    global _seed
    if _seed is None:
        _seed = int.from_bytes(os.urandom(8), "little") >> 1
    return _seed


class Scope:
    """A random state of its own: ``with scope:`` everything drawn inside follows from its seed, from where it was left the last time; what
    was in force before goes on afterwards. Raises ValueError for what is no seed."""

    def __init__(self, seed: int):
        before = state()
        try:
            set_random_seed(seed)
            self.seed, self._inside = int(seed), state()
        finally:
            set_state(before)

    def __enter__(self) -> "Scope":
        self._outside = state()
        set_state(self._inside)
        return self

    def __exit__(self, *exception: Any) -> None:
        self._inside = state()
        set_state(self._outside)


def state() -> tuple[Any, ...]:
    """All that the host's numbers follow from, NumPy's legacy ones and Python's among them; `set_state` goes on from there."""
    return _seed, _streams, np.random.get_state(), random.getstate()


def set_state(state: tuple[Any, ...]) -> None:
    global _seed, _streams
    _seed, _streams = state[:2]
    np.random.set_state(state[2])
    random.setstate(state[3])


def next_stream() -> int:
    """A stream nobody has used under the current seed."""
    global _streams
    current_seed()
    _streams += 1
    return _streams


def uniform(shape: tuple[int, ...], low: float, high: float, seed: int, stream: int, step: int = 0) -> np.ndarray:
    """float64 uniforms of 24 bits on [low, high)."""
    r = words(int(np.prod(shape)), seed, stream, step) >> np.uint32(8)
    return (low + (high - low) * (r * 2.0**-24)).reshape(shape)


def normal(shape: tuple[int, ...], seed: int, stream: int, step: int = 0) -> np.ndarray:
    """Standard normals, float64, by Box and Muller's transform."""
    return normals(int(np.prod(shape)), seed, stream, step).reshape(shape)


def permutation(n: int, seed: int, stream: int = ORDER, step: int = 0) -> np.ndarray:
    """An order of 0..n-1 as int32: random words with the index below them, sorted, so that no two keys are equal."""
    keys = (words(n, seed, stream, step).astype(np.uint64) << np.uint64(32)) | np.arange(n, dtype=np.uint64)
    keys.sort()
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.int32)
