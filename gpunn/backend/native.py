"""Replaying a schedule with compiled kernels over threads. Imported only when Numba is there."""

import os
import queue
import threading
from typing import Any

import numpy as np

from gpunn.backend.schedule import Node, Schedule
from gpunn.kernels import native, runner

NAP = 20  # microseconds a waiting thread sleeps once spinning has not helped


class Replay:
    """A schedule with its argument blocks; calling it runs steps."""

    def __init__(self, plan: Schedule, threads: int):
        self.threads = threads
        self._keep: list[Any] = [plan]
        blocks = []
        self._functions = np.empty(len(plan.order), np.int64)
        scratch = 64
        for i, node in enumerate(plan.order):
            block, keep = native.words(node.kernel, node.arguments)
            blocks.append(block)
            self._keep += keep
            self._functions[i] = native.entry(node.kernel, node.kernel.dtype(node.arguments))
            scratch = max(scratch, node.kernel.scratch(*node.arguments))
        self._width = max(map(len, blocks))
        self._blocks = np.array([b + [0] * (self._width - len(b)) for b in blocks], np.int64).reshape(-1)
        self._tasks, self._phases = plan.tasks, plan.phases
        self._state = runner.make_state()
        self._scratch = [np.empty(scratch + 64, np.uint8) for _ in range(threads)]
        self._nap = native.nap_address()

    def __call__(self, steps: int) -> None:
        last = steps * (self._phases.size - 1)
        self._state[:] = 0
        shared = (self._state.ctypes.data, self._phases, self._tasks, self._functions, self._blocks, self._width, last)

        def part(thread: int) -> None:
            area = self._scratch[thread].ctypes.data
            runner.work(*shared, (area + 63) // 64 * 64, self._nap, NAP)

        if self.threads == 1:
            part(0)
            return
        waiting = [_crew().submit(part, i) for i in range(1, self.threads)]
        part(0)
        for done in waiting:
            done.wait()


def run_node(node: Node) -> None:
    """One launch, now, on this thread."""
    if node.extent:
        Replay(Schedule([node], np.array([[0, 1, 0, node.extent]], np.int64), np.array([0, 1], np.int64), 0.0), 1)(1)


class _Crew:
    """Threads that wait for work; daemons, so that they never keep a process alive."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue = queue.SimpleQueue()
        self._size = 0
        self._free = threading.Semaphore(0)

    def submit(self, function: Any, *arguments: Any) -> threading.Event:
        done = threading.Event()
        if not self._free.acquire(blocking=False):
            threading.Thread(target=self._serve, daemon=True, name="gpunn").start()
        self._jobs.put((function, arguments, done))
        return done

    def _serve(self) -> None:
        while True:
            function, arguments, done = self._jobs.get()
            try:
                function(*arguments)
            finally:
                self._free.release()
                done.set()


_crews: dict[int, _Crew] = {}


def _crew() -> _Crew:
    """This process's threads: a fork does not inherit them."""
    return _crews.setdefault(os.getpid(), _Crew())
