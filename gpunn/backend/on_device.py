"""What the GPU and its stand-in `sim` have in common: kernels of one compiled module, cuBLAS, and steps captured as graphs."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from gpunn.backend import algorithms, lanes, products
from gpunn.backend.base import Backend
from gpunn.backend.device_program import DeviceProgram
from gpunn.backend.schedule import Node
from gpunn.backend.together import Stack
from gpunn.backend.traced import refuse
from gpunn.kernels import REGISTRY, Kernel
from gpunn.kernels.device import (
    ModuleText,
    Properties,
    function_name,
    instances,
    launch_arguments,
    launch_geometry,
    module_text,
)
from gpunn.kernels.many import many_module, many_name

COMPILERS = 8  # threads that compile side by side, at most


class DeviceBackend(Backend):
    """A backend whose kernels are CUDA text. A subclass says how to allocate, compile, launch, capture and replay.

    Attributes: ``fork``, whether weight gradients run on a stream of their own, beside the input gradients (programs captured from now on);
    ``tuning``: device and library by name, under which chosen algorithms are kept, or None; ``persistent``: whether a step may run as one
    kernel: "measured" (where it was faster), "always" (a test of it) or "never"; ``cooperative``: whether the device can.
    """

    tuning: str | None = None
    persistent = "measured"
    writes_later = True
    cooperative = False
    block = 32 << 20

    def __init__(self, properties: Properties):
        super().__init__()
        self.properties = properties
        self.fork = True
        self._functions: dict[str, Any] = {}
        self._threads_own = threading.local()
        self.blas: list[Any] = []  # one handle a lane
        self.light: Any = None  # cuBLASLt, or None: products without plans
        self._capturing = False

    @property
    def _recording(self) -> DeviceProgram | None:
        """The program that this thread records: others, which make data meanwhile, launch at once."""
        return getattr(self._threads_own, "program", None)

    @_recording.setter
    def _recording(self, program: DeviceProgram | None) -> None:
        self._threads_own.program = program

    # ------------------------------------------------------------------ arrays
    def empty(self, shape: tuple[int, ...], dtype: Any = "float32") -> Any:
        slices = getattr(self._threads_own, "slices", None)
        return self.allocate(shape, dtype) if slices is None else slices.take(shape, dtype)

    @contextmanager
    def allocating(self, slices: Any) -> Iterator[None]:
        """What this thread allocates meanwhile, ``slices.take(shape, dtype)`` gives."""
        before, self._threads_own.slices = getattr(self._threads_own, "slices", None), slices
        try:
            yield
        finally:
            self._threads_own.slices = before

    def stack(self, count: int) -> Stack:
        from gpunn.backend.stacked import DeviceStack

        return DeviceStack(self, count)

    # ------------------------------------------------------------------ what a subclass gives
    def allocate(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """A new array. Raises `DeviceMemoryError`."""
        raise NotImplementedError

    def compile(self, text: ModuleText) -> dict[str, Any]:
        """-> functions by name. Raises `KernelCompileError`."""
        raise NotImplementedError

    def call(self, function: Any, grid: tuple[int, ...], block: tuple[int, ...], arguments: tuple[Any, ...], lane: int) -> None:
        raise NotImplementedError

    def capture(self, body: Callable[[], None]) -> Any:
        """The graph of what `body` launches."""
        raise NotImplementedError

    def replay(self, graph: Any) -> None:
        raise NotImplementedError

    def signal(self, lane: int) -> Any:
        """A mark in a lane, for `wait`."""
        raise NotImplementedError

    def wait(self, lane: int, mark: Any) -> None:
        raise NotImplementedError

    def clock(self, run: Callable[[], None]) -> float:
        """Seconds that the device takes for what `run` gives it."""
        raise NotImplementedError

    def compile_persistent(self, text: ModuleText) -> Any:
        """The one kernel of a text, for `call_persistent`. Raises `KernelCompileError`, and RuntimeError where no block of it fits."""
        raise NotImplementedError

    def call_persistent(self, function: Any, steps: int, arrived: Any, arguments: Sequence[Any]) -> None:
        """Launch it with a block on every multiprocessor, all of them at once."""
        raise NotImplementedError

    # ------------------------------------------------------------------ kernels
    def launch(self, kernel: Kernel, *arguments: Any) -> None:
        node = Node(kernel, list(arguments), kernel.extent(*arguments))
        if self._recording is not None:
            self._recording.nodes.append(node)
        else:
            refuse("runs on another device")
            self.run_node(node)

    def run_node(self, node: Node, lane: int = lanes.MAIN) -> None:
        """One launch, now or into the graph that is being captured."""
        kernel, arguments = node.kernel, node.arguments
        count = getattr(node, "count", 1)  # of replicas, or of parts; see `many.Many`
        if isinstance(node, products.Planned):
            self.run_plan(node.plan, lane)
            return
        if kernel.name in products.TRANSPOSES:
            a, b, add, out = arguments
            ta, tb = products.TRANSPOSES[kernel.name]
            steps = (node.steps[0], node.steps[1], node.steps[3]) if count > 1 else (0, 0, 0)  # type: ignore[attr-defined]
            self.blas[lane].gemm(_matrix(a), _matrix(b), _matrix(out), ta, tb, bool(add), count, steps)
            return
        geometry = launch_geometry(kernel, arguments, self.properties, getattr(node, "together", 1))
        if geometry is None:
            return
        grid, block = geometry
        if count > 1:
            arguments = node.device_arguments  # type: ignore[attr-defined]
            self.call(self.many([node])[0], (grid[0], 1, count), block, arguments, lane)
        else:
            self.call(self.function(kernel, kernel.dtype(arguments)), grid, block, launch_arguments(kernel, arguments), lane)

    def function(self, kernel: Kernel, dtype: Any) -> Any:
        """The compiled kernel. What is registered of its family and not compiled yet for this type is compiled with it, as one module."""
        self.ready([(kernel, dtype)])
        return self._functions[function_name(kernel, dtype)]

    def ready(self, wanted: Iterable[tuple[Kernel, Any]]) -> None:
        """Compile what is not compiled yet of these kernels and their families, families side by side."""
        texts: dict[tuple[str, str], ModuleText] = {}
        for kernel, dtype in wanted:
            kind = (kernel.family, np.dtype(dtype).name)
            if function_name(kernel, dtype) in self._functions or kind in texts:
                continue
            family = [k for k in REGISTRY.values() if k.cuda and k.family == kernel.family]
            fresh = [k for k, d in instances([dtype], family) if function_name(k, d) not in self._functions]
            texts[kind] = module_text([dtype], fresh)
        for functions in self.compile_all(list(texts.values())):
            self._functions |= functions

    def compile_all(self, texts: Sequence[ModuleText]) -> list[dict[str, Any]]:
        """`compile` of each, in threads: compilers leave Python's lock to others."""
        if len(texts) < 2:
            return [self.compile(text) for text in texts]
        with ThreadPoolExecutor(min(len(texts), os.cpu_count() or 1, COMPILERS)) as pool:
            return list(pool.map(self.compile, texts))

    def many(self, nodes: Sequence[Any]) -> list[Any]:
        """The compiled kernels of launches over replicas; what is not there yet is compiled together."""
        names = [many_name(*n.entry) for n in nodes]
        fresh = {name: n.entry for name, n in zip(names, nodes, strict=True) if name not in self._functions}
        if fresh:
            (functions,) = self.compile_all([many_module(fresh.values())])
            self._functions |= functions
        return [self._functions[name] for name in names]

    # ------------------------------------------------------------------ planned products
    def run_plan(self, plan: Any, lane: int, algorithm: bytes | None = None) -> None:
        blas = self.blas[lane]
        plan.run(blas.stream, blas.workspace, algorithm)

    def tune(self, plan: Any) -> None:
        """Choose the plan's algorithm. What it writes meanwhile, a step writes again before it reads it."""
        algorithms.choose(plan, self.tuning, lambda algorithm: self.time(lambda: self.run_plan(plan, lanes.MAIN, algorithm)))

    def time(self, launch: Callable[[], None]) -> float:
        """Seconds that one launch takes inside a graph; infinite where it fails."""
        raise NotImplementedError

    def set_precision(self, tf32: bool) -> None:
        """Whether products of float32 may use TF32; for programs recorded from now on."""
        for handle in (*self.blas, self.light):
            if handle is not None:
                handle.tf32 = tf32

    # ------------------------------------------------------------------ programs
    def prepare(self, plan: "list[lanes.Placed]") -> None:
        """Before a capture: compile what the nodes need, and let cuBLAS see every product once, on memory nobody reads."""
        own, plain = [], []
        for placed in plan:
            node, count = placed.node, getattr(placed.node, "count", 1)
            if isinstance(node, products.Planned):
                self.run_plan(node.plan, placed.lane)  # what it writes, a step writes again before it reads it
            elif node.kernel.name in products.TRANSPOSES:
                a, b, _, out = node.arguments
                room = max(out.size, getattr(node, "steps", (0,))[-1]) * count
                scratch = self.empty((room,), out.dtype)[: out.size].reshape(out.shape)
                self.run_node(replace(node, arguments=[a, b, 0.0, scratch]), placed.lane)
            elif count > 1:
                own.append(node)
            else:
                plain.append((node.kernel, node.kernel.dtype(node.arguments)))
        self.ready(plain)
        self.many(own)

    def capture_steps(self, plan: "list[lanes.Placed]", steps: int) -> Any:
        self.synchronize()  # steps still under way must not meet what `prepare` writes on the other stream
        self.prepare(plan)

        def body() -> None:
            self._capturing = True
            try:
                for _ in range(steps):
                    self._lay(plan)
            finally:
                self._capturing = False

        return self.capture(body)

    def _lay(self, plan: "list[lanes.Placed]") -> None:
        """The launches of one step, lane by lane; afterwards the main lane has waited for the other."""
        marks: dict[int, Any] = {}
        forked = any(p.lane == lanes.SIDE for p in plan)
        if forked:  # what is launched there belongs to the graph only behind a mark of the lane that is captured
            self.wait(lanes.SIDE, self.signal(lanes.MAIN))
        for i, placed in enumerate(plan):
            if placed.after is not None:
                self.wait(placed.lane, marks[placed.after])
            self.run_node(placed.node, placed.lane)
            if placed.marked:
                marks[i] = self.signal(placed.lane)
        if forked:
            self.wait(lanes.MAIN, self.signal(lanes.SIDE))

    @contextmanager
    def record(self) -> Iterator[DeviceProgram]:
        if self._recording is not None:
            raise RuntimeError("A program is being recorded already.")
        self._recording = DeviceProgram(self)
        try:
            yield self._recording
        finally:
            self._recording = None

    def _check_allocation(self, shape: tuple[int, ...]) -> None:
        if self._capturing:
            raise RuntimeError(f"A step allocates while it is captured: {shape}. Its graph would write to memory that others get.")


def _matrix(a: Any) -> Any:
    return a if a.ndim == 2 else a.reshape(a.shape[0], int(np.prod(a.shape[1:])))
