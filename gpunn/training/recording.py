"""Recordings: what a function of the user's did in one call, as launches to be done again."""

import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from gpunn import random
from gpunn.backend.base import Backend
from gpunn.backend.copies import made_in_place
from gpunn.backend.traced import Later, NotRecorded, Trace, tracing
from gpunn.layers.fed import Fed
from gpunn.layers.graph import flat, packed
from gpunn.layers.parameter import Parameter
from gpunn.layers.tensor import Block, Tensor
from gpunn.ops.moves import copy
from gpunn.training.again import alike

RESTLESS = 8  # recordings one after another that ran once, after which no more are made


class Recording:
    """What a function did in one call, to be done again with other values in its arguments' arrays.

    Attributes: ``program``; ``trace``; ``fed``, its arguments; ``out``, what it returned; ``read``, the parameters that it read.
    """

    restless = 0  # recordings before this one that ran once

    def __init__(self, program: Any, trace: Trace, fed: Sequence[Fed], out: Any, read: list[Parameter]):
        self.program, self.trace, self.fed, self.out, self.read, self.runs = program, trace, fed, out, read, 0
        self._taken = self._state()

    def _state(self) -> list[Any]:
        return [*(p.value for p in self.read), *(v for taken in self.trace.taken for v in taken())]

    @property
    def lasting(self) -> list[Any]:
        """The arrays of weights, layers and optimizers."""
        kind = type(self.read[0].value) if self.read else np.ndarray
        return [a for a in self._taken if isinstance(a, kind)]

    def holds(self) -> bool:
        """Whether weights lie where they were, and layers and optimizers have the attributes that they had."""
        return alike(self._state(), self._taken)

    def fill(self, values: list[Any]) -> None:
        for fed, value in zip(self.fed, values, strict=True):
            fed.fill(value)

    def run(self, times: int = 1) -> None:
        """So many calls, one after another."""
        before, after = self.trace.before, self.trace.after
        portions = [1] * times if before or after else [times]
        for steps in portions:
            for action in before:
                action()
            self.program.run(steps)
            self.runs += steps
            for action in (*after, *self.trace.ends):
                action()

    def result(self) -> Any:
        """What the last call returned."""
        return packed(self.out, [v.read() if isinstance(v, Later) else _copied(v) for v in flat(self.out)])


def record(
    call: Callable[[], Any], function: Any, ops: Backend, block: Block, fed: Sequence[Fed] = (), step: Any = None,
    taken: Callable[[], Iterable[Any]] = tuple,
) -> Recording | str:
    """A recording of a call of this function, which has not run; or why there is none. `step`: its number, on the device, if it has one;
    `taken` gives what else it depends on."""
    before = random.state()
    with tracing(lambda value: value if isinstance(value, Fed) and value.on_host else _copied(value), step) as trace:
        try:
            with ops.record() as program:
                out = call()
                out = packed(out, map(_copied, flat(out)))
            trace.taken.append(taken)
            if not _same_draws(before, random.state()):
                raise NotRecorded("draws numbers of NumPy's or of Python's random")
        except Exception as error:  # where it is the function's own, the call that follows raises it
            for action in reversed(trace.undo):
                action()
            random.set_state(before)
            code = getattr(function, "__code__", None)
            lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if code is not None and f.filename == code.co_filename]
            what = str(error) if isinstance(error, NotRecorded) else f"{type(error).__name__}: {error}"
            return f"line {lines[-1]} {what}" if lines else what
    found = Recording(program, trace, fed, out, list(block.read.values()))
    program.nodes[:] = made_in_place(program.nodes, ops.address, found.lasting)
    return found


def renewed(old: Recording | None, make: Callable[[], Recording | str]) -> Recording | str:
    """Another recording, for layers, optimizers and weights as they are now."""
    if old is not None and old.restless == RESTLESS:
        return "what it uses has other attributes in every call"
    new = make()
    if isinstance(new, Recording) and old is not None and old.runs == 1:
        new.restless = old.restless + 1
    return new


def _same_draws(one: Any, other: Any) -> bool:
    """Whether NumPy's legacy generator and Python's are the same in two states of `gpunn.random`."""
    (_, words, *rest), (_, others, *more) = one[2], other[2]
    return np.array_equal(words, others) and rest == more and one[3] == other[3]


def _copied(value: Any) -> Any:
    """A tensor's values in memory of their own; other values as they are."""
    return Tensor(copy(value.backend, value.array), value.backend, value.dtype) if isinstance(value, Tensor) else value
