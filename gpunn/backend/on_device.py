"""What the GPU and its stand-in `sim` have in common: kernels of one compiled module, cuBLAS, and steps captured as graphs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gpunn.backend.base import Backend
from gpunn.backend.schedule import Node
from gpunn.kernels import REGISTRY, Kernel, gemm
from gpunn.kernels.device import Properties, function_name, instances, launch_arguments, launch_geometry, module_text

STEPS_PER_GRAPH = 16  # steps captured together: the gaps between graphs vanish
TRANSPOSES = {gemm.GEMM_NN.name: (False, False), gemm.GEMM_NT.name: (False, True), gemm.GEMM_TN.name: (True, False)}


class DeviceProgram:
    """A recorded step: captured at its first run, once alone and once several steps long."""

    def __init__(self, ops: "DeviceBackend"):
        self._ops = ops
        self.nodes: list[Node] = []
        self._graphs: dict[int, Any] = {}

    def run(self, steps: int = 1) -> None:
        for size in (STEPS_PER_GRAPH, 1):
            while steps >= size and self.nodes:
                if size not in self._graphs:
                    self._graphs[size] = self._ops.capture(self.nodes, size)
                self._ops.replay(self._graphs[size])
                steps -= size

    def describe(self) -> list[str]:
        return [f"node {i}: {n.kernel.name} x {n.extent}" for i, n in enumerate(self.nodes)]


class DeviceBackend(Backend):
    """A backend whose kernels are CUDA text. A subclass says how to compile, capture and replay."""

    def __init__(self, properties: Properties):
        super().__init__()
        self.properties = properties
        self._functions: dict[str, Any] = {}
        self._recording: DeviceProgram | None = None
        self.blas: Any = None

    # ------------------------------------------------------------------ what a subclass gives
    def compile(self, source: str, names: tuple[str, ...]) -> dict[str, Any]:
        """-> functions by name, each called as ``function(grid, block, arguments)``."""
        raise NotImplementedError

    def capture(self, nodes: list[Node], steps: int) -> Any:
        raise NotImplementedError

    def replay(self, graph: Any) -> None:
        raise NotImplementedError

    # ------------------------------------------------------------------ kernels
    def launch(self, kernel: Kernel, *arguments: Any) -> None:
        node = Node(kernel, list(arguments), kernel.extent(*arguments))
        if self._recording is not None:
            self._recording.nodes.append(node)
        else:
            self.run_node(node)

    def run_node(self, node: Node) -> None:
        """One launch on the stream, now or into the graph that is being captured."""
        kernel, arguments = node.kernel, node.arguments
        if kernel.name in TRANSPOSES:
            a, b, add, out = arguments
            ta, tb = TRANSPOSES[kernel.name]
            self.blas.gemm(_matrix(a), _matrix(b), _matrix(out), ta, tb, bool(add))
            return
        geometry = launch_geometry(kernel, arguments, self.properties)
        if geometry is not None:
            self.function(kernel, kernel.dtype(arguments))(*geometry, launch_arguments(kernel, arguments))

    def function(self, kernel: Kernel, dtype: Any) -> Any:
        """The compiled kernel. Whatever is registered and not compiled yet is compiled with it, as one module."""
        name = function_name(kernel, dtype)
        if name not in self._functions:
            text = module_text(kernels=[k for k in REGISTRY.values() if not self._compiled(k)])
            self._functions |= self.compile(text.source, text.names)
        return self._functions[name]

    def _compiled(self, kernel: Kernel) -> bool:
        return all(function_name(kernel, d) in self._functions for _, d in instances(kernels=[kernel]))

    def prepare(self, nodes: list[Node]) -> None:
        """Before a capture: compile what the nodes need, and let cuBLAS see every product once, on memory nobody reads."""
        for node in nodes:
            if node.kernel.name in TRANSPOSES:
                a, b, _, out = node.arguments
                self.run_node(Node(node.kernel, [a, b, 0.0, self.empty(out.shape, out.dtype)], node.extent))
            else:
                self.function(node.kernel, node.kernel.dtype(node.arguments))

    @contextmanager
    def record(self) -> Iterator[DeviceProgram]:
        if self._recording is not None:
            raise RuntimeError("A program is being recorded already.")
        self._recording = DeviceProgram(self)
        try:
            yield self._recording
        finally:
            self._recording = None


def _matrix(a: Any) -> Any:
    return a if a.ndim == 2 else a.reshape(a.shape[0], int(np.prod(a.shape[1:])))
