"""The CPU: NumPy arrays. With Numba a program is one compiled run over threads; without it, NumPy calls one after another."""

import importlib.util
import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gpunn.backend.base import Backend
from gpunn.backend.flat import cut_flat
from gpunn.backend.flipped import flip_weights
from gpunn.backend.schedule import Node, Schedule, schedule
from gpunn.backend.split import split_first
from gpunn.backend.together import CpuStack, Stack
from gpunn.backend.traced import refuse
from gpunn.kernels import Kernel, gemm_flipped, gemm_symmetric

ONE_THREAD = 40_000.0  # nanoseconds: a step shorter than this gains nothing from a second thread
MAX_THREADS = 16
LINE = 64  # bytes of a cache line


def cores() -> int:
    """CPU cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def has_numba() -> bool:
    """Whether compiled kernels can be used. ``GPUNN_NUMBA=0`` says no."""
    return os.environ.get("GPUNN_NUMBA", "1") != "0" and importlib.util.find_spec("numba") is not None


class CpuProgram:
    """A recorded step on the CPU."""

    repeated = False

    def __init__(self, threads: int, compiled: bool):
        self.nodes: list[Node] = []
        self._threads, self._compiled = threads, compiled
        self._plan: Schedule | None = None
        self._runs: Any = None
        self._replays: dict[int, Any] = {}

    @property
    def plan(self) -> Schedule:
        if self._plan is None:
            self._plan = self._schedule(self._threads)
        return self._plan

    def _schedule(self, threads: int, like: Schedule | None = None) -> Schedule:
        nodes = cut_flat(flip_weights(split_first(self.nodes)))
        return (None if like is None else like.of(nodes)) or schedule(nodes, threads)

    def replay(self, threads: int, like: Any = None) -> Any:
        """The compiled step for so many threads, for whoever runs several programs at once. The same bits as `run`'s. `like`: that of
        another model of the same architecture, whose schedule it can have."""
        if threads not in self._replays:
            from gpunn.backend.native import Replay

            self._replays[threads] = Replay(self._schedule(threads, None if like is None else like.plan), threads)
        return self._replays[threads]

    def run(self, steps: int = 1) -> None:
        if not self.nodes or steps <= 0:
            return
        if not self._compiled:
            with np.errstate(all="ignore"):  # compiled kernels say nothing of an overflow either
                for _ in range(steps):
                    for node in self.nodes:
                        node.kernel.reference(*node.arguments)
            return
        if self._runs is None:
            from gpunn.backend.native import Replay

            plan = self.plan
            self._runs = Replay(plan, self._threads if plan.cost > ONE_THREAD else 1)
        self._runs(steps)

    def describe(self) -> list[str]:
        if not self._compiled:
            return [f"{n.kernel.name} x {n.extent} (NumPy)" for n in self.nodes]
        lines = []
        for node in self.plan.order:
            lines.append(f"phase {node.phase}: {node.kernel.name} x {node.extent}")
        return lines


class CpuBackend(Backend):
    """NumPy arrays; kernels by Numba where it is installed, by their NumPy reference elsewhere."""

    name = "cpu"
    chains = True

    def __init__(self, threads: int | None = None, compiled: bool | None = None):
        super().__init__()
        self.threads = threads or int(os.environ.get("GPUNN_THREADS", 0)) or min(cores(), MAX_THREADS)
        self.compiled = has_numba() if compiled is None else compiled
        self._threads_own = threading.local()

    @property
    def _recording(self) -> CpuProgram | None:
        """The program that this thread records: others, which make data meanwhile, launch at once."""
        return getattr(self._threads_own, "program", None)

    @_recording.setter
    def _recording(self, program: CpuProgram | None) -> None:
        self._threads_own.program = program

    @property
    def turning(self) -> int:
        """Bytes of a vector whose numbers can change places in one go; 0: none."""
        if not self.compiled:
            return 0
        from gpunn.kernels.lane_tiles import TURNS, VECTOR

        return VECTOR if TURNS else 0

    def empty(self, shape: tuple[int, ...], dtype: Any = "float32") -> np.ndarray:
        """An array that starts on a cache line: threads that share it by rows or columns do not meet in one."""
        size, kind = math.prod(shape), np.dtype(dtype)
        raw = np.empty(size * kind.itemsize + LINE, np.uint8)
        first = -raw.ctypes.data % LINE
        return raw[first : first + size * kind.itemsize].view(kind).reshape(shape)

    def zeros(self, shape: tuple[int, ...], dtype: Any = "float32") -> np.ndarray:
        array = self.empty(shape, dtype)
        array[...] = 0
        return array

    def asarray(self, values: Any, dtype: Any = None) -> np.ndarray:
        return np.ascontiguousarray(values, dtype)

    def write(self, target: np.ndarray, values: Any) -> None:
        refuse("sets a value")
        target[...] = values

    def to_numpy(self, array: np.ndarray) -> np.ndarray:
        refuse("reads a value")
        self.reads += 1
        return np.array(array)

    def address(self, array: np.ndarray) -> int:
        return array.ctypes.data

    def stack(self, count: int) -> Stack:
        return CpuStack(self, count, ONE_THREAD)

    def launch(self, kernel: Kernel, *arguments: Any) -> None:
        kernel.check(arguments)
        node = Node(kernel, list(arguments), kernel.extent(*arguments))
        if self._recording is not None:
            self._recording.nodes.append(node)
            return
        refuse("runs on another device")
        if self.compiled:
            from gpunn.backend.native import run_node

            run_node(node, self.threads)
        else:
            with np.errstate(all="ignore"):
                kernel.reference(*arguments)

    def gram(self, x: np.ndarray, out: np.ndarray | None = None, *, columns: bool = False) -> np.ndarray:
        if not self.compiled:  # NumPy sees for itself that this is symmetric
            return super().gram(x, out, columns=columns)
        side = x.shape[columns]
        flipped, out = self.empty(x.shape[::-1], x.dtype), self.empty((side, side), x.dtype) if out is None else out
        self.launch(gemm_flipped.FLIP, x, flipped)
        self.launch(gemm_symmetric.GEMM_SYMMETRIC, *((flipped, x) if columns else (x, flipped)), out)
        return out

    def square(self, x: np.ndarray, out: np.ndarray) -> np.ndarray:
        self.launch(gemm_symmetric.GEMM_SYMMETRIC, x, x, out)
        return out

    @contextmanager
    def record(self) -> Iterator[CpuProgram]:
        if self._recording is not None:
            raise RuntimeError("A program is being recorded already.")
        self._recording = CpuProgram(self.threads, self.compiled)
        try:
            yield self._recording
        finally:
            self._recording = None
