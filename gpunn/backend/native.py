"""Replaying a schedule with compiled kernels over threads. Imported only when Numba is there."""

import ctypes
import os
import queue
import statistics
import threading
import time
from typing import Any

import numpy as np

from gpunn.backend.schedule import Node, Schedule, schedule
from gpunn.kernels import compiling, native, runner

LOOK_EVERY = 0.5  # seconds between two comparisons of all threads with one
GLANCE = 0.006  # seconds that each side of a comparison may take
GLANCES = 12  # calls of few steps that are compared
TRIAL = 16  # at most one step in so many is spent on each side
LINGER = 20_000  # looks, of some 20 ns, that a thread out of work takes before it sleeps
LONG = 300_000.0  # nanoseconds: a launch longer than this is worth a schedule of its own
CLEARLY = 0.75  # one thread is taken when it needs less than this share of the time: a glance may be unlucky


class Replay:
    """A schedule with its argument blocks; calling it runs steps."""

    def __init__(self, plan: Schedule, threads: int):
        self.threads, self.plan = threads, plan
        self._keep: list[Any] = [plan]
        blocks = []
        self._functions = np.empty(len(plan.order), np.int64)
        scratch = 64
        compiling.prepare([(node.kernel, node.kernel.dtype(node.arguments)) for node in plan.order], threads)
        for i, node in enumerate(plan.order):
            block, keep = native.words(node.kernel, node.arguments)
            blocks.append(block)
            self._keep += keep
            self._functions[i] = native.entry(node.kernel, node.kernel.dtype(node.arguments))
            scratch = max(scratch, node.kernel.scratch(*node.arguments))
        self._width = max(map(len, blocks))
        self._blocks = np.array([b + [0] * (self._width - len(b)) for b in blocks], np.int64).reshape(-1)
        self._tasks, self._queues = plan.tasks, plan.queues
        self._state = runner.make_state(plan.queues.shape[1] - 1)
        areas = [np.empty(scratch + 64, np.uint8) for _ in range(threads)]
        self._keep += areas
        self._scratch = [_aligned(area) for area in areas]
        self._counters = self._state.ctypes.data
        self._nap = native.nap()
        self._chosen, self._look, self._pace = threads, 0.0, GLANCE
        self._glances: list[float] = []

    def __call__(self, steps: int) -> None:
        """Run steps, on all threads or on one, whichever was seen faster lately: the results are the same to the bit.

        Two cores that share no cache, or that others keep busy, can be slower together than one alone; which it is changes by the minute.
        """
        look = self.threads > 1 and time.perf_counter() >= self._look
        if look and steps < TRIAL:
            self._glance(steps)
            return
        if look:
            trial = max(1, min(steps // TRIAL, int(GLANCE / self._pace)))
            together, single = self._run(trial, self.threads), self._run(trial, 1)
            self._chosen = 1 if single < CLEARLY * together else self.threads
            self._look = time.perf_counter() + (LOOK_EVERY if self._chosen > 1 else LOOK_EVERY / 4)
            steps -= 2 * trial
        self._pace = max(self._run(steps, self._chosen) / steps, 1e-7)

    def _glance(self, steps: int) -> None:
        """One of some calls of few steps that are compared with each other, first on all threads, then on one: to wake a thread for a step
        takes from a tenth of the step's time to several times as long."""
        half = GLANCES // 2
        self._glances.append(self._run(steps, self.threads if len(self._glances) < half else 1) / steps)
        if len(self._glances) == GLANCES:
            together, single = (statistics.median(self._glances[at + 1 : at + half]) for at in (0, half))  # but the first: threads slept
            self._chosen = 1 if single < together else self.threads
            self._look = time.perf_counter() + LOOK_EVERY
            self._glances.clear()

    def _run(self, steps: int, threads: int) -> float:
        """-> seconds it took."""
        began = time.perf_counter()
        last = steps * len(self._queues)
        runner.restart(self._state)
        shared = (self._queues, self._tasks, self._functions, self._blocks, self._width, last)

        def part(thread: int) -> None:
            runner.work(self._counters, thread, *shared, self._scratch[thread], *self._nap)

        waiting = [_crew().submit(part, i) for i in range(1, threads)]
        part(0)
        for done in waiting:
            done.wait()
        return time.perf_counter() - began


def run_node(node: Node, threads: int = 1) -> None:
    """One launch, now: on this thread, or where it is long on several."""
    if not node.extent:
        return
    if threads > 1 and node.cost * node.extent > LONG:
        Replay(schedule([node], threads), threads)(1)
        return
    kernel, arguments = node.kernel, node.arguments
    block, keep = native.words(kernel, arguments)
    held = (ctypes.c_int64 * len(block))(*block)
    runner.once(native.entry(kernel, kernel.dtype(arguments)), ctypes.addressof(held), node.extent, _scratch(kernel.scratch(*arguments)))
    del keep, held  # until here


def _scratch(size: int) -> int:
    """The address of this thread's memory for a launch, at a cache line's beginning."""
    area = getattr(_own, "area", None)
    if area is None or area.size < size + 64:
        area = _own.area = np.empty(max(size + 64, 1 << 16), np.uint8)
        _own.address = _aligned(area)
    return _own.address


def _aligned(area: np.ndarray) -> int:
    """The first address in it where a cache line begins."""
    return (area.ctypes.data + 63) // 64 * 64


_own = threading.local()


class _Crew:
    """Threads that wait for work; daemons, so that they never keep a process alive. One that has worked looks out for more for a moment
    before it sleeps: steps that come one by one, with some Python in between, find it awake."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue = queue.SimpleQueue()
        self._free = threading.Semaphore(0)
        self._bell = np.zeros(1, np.int64)  # jobs so far

    def submit(self, function: Any, *arguments: Any) -> threading.Event:
        done = threading.Event()
        if not self._free.acquire(blocking=False):
            threading.Thread(target=self._serve, daemon=True, name="gpunn").start()
        self._bell[0] += 1
        self._jobs.put((function, arguments, done))
        return done

    def _serve(self) -> None:
        while True:
            function, arguments, done = self._jobs.get()
            heard = int(self._bell[0])
            try:
                function(*arguments)
            finally:
                self._free.release()
                done.set()
            runner.linger(self._bell.ctypes.data, heard, LINGER)


_crews: dict[int, _Crew] = {}


def _crew() -> _Crew:
    """This process's threads: a fork does not inherit them."""
    return _crews.setdefault(os.getpid(), _Crew())
