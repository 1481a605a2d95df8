"""Programs of several replicas, run together: here side by side over a CPU's threads, each as it runs alone.

On a CPU a step of a small network is too short to be shared out, and one step for all replicas would carry the weights of each through the
cache in every step. So a thread takes a replica, runs its steps, and takes the next: its weights and moments stay where they are, nobody
waits for anybody, and every result has the bits that it has alone (`bench/replicas.py` measures both ways).
"""

import queue
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

PIECES = 4  # that a replica's steps are cut into where the threads do not come out even

Section = Callable[..., AbstractContextManager[Any]]


class Stack:
    """Where the arrays of replicas lie, and how their programs run: one after another, where a backend knows nothing better.

    Attributes: ``count``, the replicas; ``moves``, whether models must be settled in their sections before anything is recorded.
    """

    moves = False

    def __init__(self, ops: Any, count: int):
        self.ops, self.count = ops, count

    def section(self) -> Section:
        """``with section(r):`` around what replica r allocates. All of them allocate the same things in the same order."""
        return lambda replica: nullcontext()

    def program(self, programs: Sequence[Any]) -> "Together":
        """One program of those that the replicas have recorded. Raises ValueError where they are not the same step."""
        return Together(programs)

    def read(self, arrays: Sequence[Any]) -> list[Any]:
        """The same array of each replica, on the host."""
        return [self.ops.to_numpy(a) for a in arrays]

    def each(self, work: Callable[[int], Any]) -> list[Any]:
        """``work(r)`` of each replica: work on the host alone."""
        return [work(r) for r in range(self.count)]


class Together:
    """Programs that run as one."""

    def __init__(self, programs: Sequence[Any]):
        self.programs = list(programs)

    def run(self, steps: int = 1) -> None:
        """`steps` steps of each."""
        for program in self.programs:
            program.run(steps)

    def describe(self) -> list[str]:
        return [f"{len(self.programs)} programs, one after another; the first:", *self.programs[0].describe()]


class CpuStack(Stack):
    """Replicas over threads. ``least``: nanoseconds of work below which a second thread is not worth its call."""

    def __init__(self, ops: Any, count: int, least: float):
        super().__init__(ops, count)
        self.least = least

    def program(self, programs: Sequence[Any]) -> Together:
        return SideBySide(programs, self.ops.threads, self.least) if self.ops.compiled else Together(programs)

    def each(self, work: Callable[[int], Any]) -> list[Any]:
        out: list[Any] = [None] * self.count

        def one(r: int) -> None:
            out[r] = work(r)

        share_out([(one, r) for r in range(self.count)], min(self.ops.threads, self.count) if self.ops.compiled else 1)
        return out


class SideBySide(Together):
    """Compiled programs of a CPU, as many at a time as there are threads. Fewer programs than threads share these out."""

    def __init__(self, programs: Sequence[Any], threads: int, least: float):
        super().__init__(programs)
        self.least = least
        self.crew = min(threads, len(self.programs))
        self.each = max(1, threads // max(1, len(self.programs)))  # threads of one program

    def run(self, steps: int = 1) -> None:
        if steps <= 0:
            return
        first = self.programs[0].replay(self.each)
        runs = [p.replay(self.each, first) for p in self.programs]
        worth = self.crew > 1 and steps * first.plan.cost * len(runs) > self.least
        pieces = 1 if len(runs) % self.crew == 0 else min(PIECES, steps)
        cuts = [steps * i // pieces for i in range(pieces + 1)]

        def some(run: Any, n: int) -> Any:
            run(cuts[n + 1] - cuts[n])
            return (lambda: some(run, n + 1)) if n + 1 < pieces else None

        share_out([(some, run, 0) for run in runs], self.crew if worth else 1)

    def describe(self) -> list[str]:
        how = f"{self.crew} at a time, each on {self.each} threads"
        return [f"{len(self.programs)} programs, {how}; the first:", *self.programs[0].describe()]


def share_out(jobs: Sequence[tuple[Any, ...]], threads: int) -> None:
    """Call every (function, arguments...) on so many threads, this one among them. What a call returns, if anything, is called later: a
    job's next piece, behind those that wait. Raises what the first call that failed has raised, after all have ended."""
    failed: list[BaseException] = []
    waiting: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()
    ended: queue.SimpleQueue[None] = queue.SimpleQueue()
    for function, *arguments in jobs:
        waiting.put(lambda f=function, a=arguments: f(*a))  # type: ignore[misc]

    def work() -> None:
        while True:
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                if callable(rest := job()):
                    waiting.put(rest)
                    continue
            except BaseException as error:  # in a thread of the crew nobody would hear of it
                failed.append(error)
            ended.put(None)

    if threads > 1:
        from gpunn.backend.native import _crew

        for _ in range(threads - 1):
            _crew().submit(work)
    work()
    for _ in jobs:  # not for a thread that woke when nothing was left to do
        ended.get()
    if failed:
        raise failed[0]
