"""`SimBackend`: the GPU backend's Python and the very same CUDA text, on NumPy arrays. A test tool, never a default."""

import ctypes
import hashlib
import os
import pathlib
import shutil
import subprocess
from typing import Any

import numpy as np

from gpunn.backend import cublas
from gpunn.backend.on_device import DeviceBackend
from gpunn.backend.schedule import Node
from gpunn.backend.sim.host_module import HostCompileError, HostGraph, HostModule
from gpunn.kernels import cache
from gpunn.kernels.device import Properties

BLAS_TEXT = pathlib.Path(__file__).with_name("cublas_on_host.c")


class SimBackend(DeviceBackend):
    """NumPy arrays, kernels through `HostModule`, cuBLAS's entry points on host memory, steps recorded as `HostGraph`.

    Args: ``order`` of the threads and ``guard`` as in `HostModule`. Raises `HostCompileError` without a C++ compiler.
    """

    name = "sim"

    def __init__(self, order: str = "forward", guard: bool = False):
        super().__init__(Properties(multiprocessors=4))
        self._order, self._guard = order, guard
        self.blas = _RecordedBlas(_blas_library(), np.empty(64, np.uint8), lambda a: a.ctypes.data)

    def empty(self, shape: tuple[int, ...], dtype: Any = "float32") -> np.ndarray:
        array = np.empty(shape, dtype)
        array.view(np.uint8).fill(0xFF)  # NaN: what is read before it is written shows
        return array

    def asarray(self, values: Any, dtype: Any = None) -> np.ndarray:
        return np.array(values, dtype, order="C")  # a copy: a device has memory of its own

    def write(self, target: np.ndarray, values: Any) -> None:
        target[...] = values

    def to_numpy(self, array: np.ndarray) -> np.ndarray:
        self.reads += 1
        return np.array(array)

    def compile(self, source: str, names: tuple[str, ...]) -> dict[str, Any]:
        module = HostModule(code=source, order=self._order, guard=self._guard)
        return {name: module.get_function(name) for name in names}

    def capture(self, nodes: list[Node], steps: int) -> HostGraph:
        self.prepare(nodes)
        with HostGraph() as graph:
            for _ in range(steps):
                for node in nodes:
                    self.run_node(node)
        return graph

    def replay(self, graph: HostGraph) -> None:
        graph.launch()


class _RecordedBlas(cublas.Blas):
    """Adds its calls to the graph that is being recorded, as a captured stream does."""

    def gemm(self, *arguments: Any) -> None:
        if HostGraph.recording is not None:
            HostGraph.recording.node("gemm", lambda: super(_RecordedBlas, self).gemm(*arguments))
        else:
            super().gemm(*arguments)


def _blas_library() -> ctypes.CDLL:
    """The stand-in library, compiled once and kept in the user's cache folder."""
    compiler = os.environ.get("CC", "gcc")
    key = hashlib.sha256(BLAS_TEXT.read_bytes()).hexdigest()[:24]
    library = cache.folder("sim") / f"cublas-{key}.so"
    if not library.exists():
        if shutil.which(compiler) is None:
            raise HostCompileError(f"{compiler} was not found. The sim backend needs a C compiler: install gcc, or set CC.")
        temporary = library.with_suffix(f".{os.getpid()}.tmp")
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", str(BLAS_TEXT), "-o", str(temporary)], check=True)
        os.replace(temporary, library)
    return ctypes.CDLL(str(library))
