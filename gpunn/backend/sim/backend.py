"""`SimBackend`: the GPU backend's Python and the very same CUDA text, on NumPy arrays. A test tool, never a default."""

import ctypes
import hashlib
import os
import pathlib
import shutil
import subprocess
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpunn.backend import cublas, cublaslt, lanes
from gpunn.backend.errors import DeviceMemoryError, compile_error
from gpunn.backend.foreign import elsewhere, gpu_of
from gpunn.backend.on_device import DeviceBackend
from gpunn.backend.sim.graph import LaneGraph, Streams
from gpunn.backend.sim.host_compiler import HostCompileError
from gpunn.backend.sim.host_module import HostGraph, HostModule
from gpunn.backend.traced import refuse
from gpunn.kernels import cache
from gpunn.kernels.device import ModuleText, Properties

BLAS_TEXT = pathlib.Path(__file__).with_name("cublas_on_host.c")
LIGHT_TEXT = pathlib.Path(__file__).with_name("cublaslt_on_host.h")


class SimBackend(DeviceBackend):
    """NumPy arrays, kernels through `HostModule`, cuBLAS's entry points on host memory, steps recorded as `LaneGraph`.

    Args: ``order`` of the threads and of the lanes, ``guard`` and ``watch``, as in `HostModule`; ``memory``: bytes the device has.
    Attributes: ``allocated``, bytes in use; ``allocations``, how many arrays were made so far; ``captures``.
    Raises `HostCompileError` without a C++ compiler.
    """

    name = "sim"
    cooperative = True

    def __init__(self, order: str = "forward", guard: bool = False, memory: int = 1 << 40, watch: bool = False):
        super().__init__(Properties(multiprocessors=4, persistent_threads=128))
        self._order, self._guard, self._watch, self.memory = order, guard, watch, memory
        self.lanes = Streams(order)
        self._kept: dict[int, Any] = {}  # the owners of adopted memory
        self.allocated = self.allocations = self.captures = 0
        library = _blas_library()
        self.blas = [_RecordedBlas(library, np.empty(1 << 16, np.uint8), self.address) for _ in (lanes.MAIN, lanes.SIDE)]
        self.light = cublaslt.Light(library, self.address, 1 << 16)

    # ------------------------------------------------------------------ arrays
    def allocate(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        self._check_allocation(shape)
        asked = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        if asked > self.free_memory():
            raise DeviceMemoryError(asked, self.free_memory(), self.name)
        array = np.empty(shape, dtype)  # fresh: nothing that is queued can mean it
        array.reshape(-1).view(np.uint8).fill(0xFF)  # NaN: what is read before it is written shows
        self.allocated, self.allocations = self.allocated + asked, self.allocations + 1
        weakref.finalize(array, self._freed, asked).atexit = False
        return array

    def _freed(self, size: int) -> None:
        self.allocated -= size

    def free_memory(self) -> int:
        return self.memory - self.allocated

    def asarray(self, values: Any, dtype: Any = None) -> np.ndarray:
        self.lanes.finish()  # the values may be those of an array of ours
        values = np.asarray(values, dtype)
        array = self.empty(values.shape, values.dtype)  # a copy: a device has memory of its own
        array[...] = values
        return array

    def adopt(self, value: Any, name: str) -> np.ndarray | None:
        """Its foreign arrays are objects with ``__cuda_array_interface__`` whose pointers are addresses of the host: stand-ins, too."""
        number = gpu_of(value)
        if number is None:
            return None
        if number:
            raise elsewhere(name, number, "gpu 0")
        face = value.__cuda_array_interface__
        size = int(np.prod(face["shape"])) * np.dtype(face["typestr"]).itemsize
        array = np.frombuffer((ctypes.c_char * size).from_address(face["data"][0]), face["typestr"]).reshape(face["shape"])
        self._kept[id(array)] = value
        weakref.finalize(array, self._kept.pop, id(array)).atexit = False
        return array

    def first_not_finite(self, rows: np.ndarray) -> int | None:
        self.lanes.finish()
        bad = ~np.isfinite(rows.reshape(len(rows), -1)).all(axis=1)
        return int(np.argmax(bad)) if bad.any() else None

    def write(self, target: np.ndarray, values: Any) -> None:
        refuse("sets a value")
        kept = np.array(values)
        self.lanes.run(lanes.MAIN, lambda: target.__setitem__(..., kept))

    def to_numpy(self, array: np.ndarray) -> np.ndarray:
        refuse("reads a value")
        self.reads += 1
        self.lanes.finish()
        return np.array(array)

    def synchronize(self) -> None:
        self.lanes.finish()

    def address(self, array: np.ndarray) -> int:
        return array.ctypes.data

    # ------------------------------------------------------------------ uploads beside the steps
    def staging(self, array: np.ndarray) -> np.ndarray:
        staged = np.empty(array.shape, array.dtype)
        staged.reshape(-1).view(np.uint8).fill(0xFF)
        return staged

    def upload(self, target: np.ndarray, staged: np.ndarray) -> None:
        self.lanes.run(lanes.COPY, lambda: target.__setitem__(..., staged))  # what is in `staged` when the copy runs

    def mark(self, lane: int) -> Any:
        return self.lanes.mark(lane)

    def follow(self, lane: int, mark: Any) -> None:
        self.lanes.follow(lane, mark)

    def reached(self, mark: Any) -> None:
        self.lanes.finish(mark)

    # ------------------------------------------------------------------ kernels
    def compile(self, text: ModuleText, guard: bool | None = None) -> dict[str, Any]:
        try:
            guard = self._guard if guard is None else guard
            module = HostModule(code=text.source, order=self._order, guard=guard, watch=self._watch)
        except HostCompileError as error:
            if "refused" not in str(error):
                raise
            raise compile_error(str(error), text, "sim") from error
        return {name: module.get_function(name) for name in text.names}

    def call(self, function: Any, grid: tuple[int, ...], block: tuple[int, ...], arguments: tuple[Any, ...], lane: int) -> None:
        function(grid, block, arguments)

    def compile_persistent(self, text: ModuleText) -> Any:
        return self.compile(text, guard=False)[text.names[0]]  # guarded copies would part arrays that lie in one another

    def call_persistent(self, function: Any, steps: int, arrived: np.ndarray, arguments: Sequence[Any]) -> None:
        device, values = self.properties, (np.int64(steps), arrived, *arguments)
        grid, block = (device.multiprocessors,), (device.persistent_threads,)
        self.lanes.run(lanes.MAIN, lambda: function(grid, block, values, cooperative=True))

    def clock(self, run: Callable[[], None]) -> float:
        run()
        self.lanes.finish()
        return 1.0

    def run_node(self, node: Any, lane: int = lanes.MAIN) -> None:
        if isinstance(HostGraph.recording, LaneGraph):
            HostGraph.recording.lane = lane
        else:
            self.lanes.finish()
        super().run_node(node, lane)

    def run_plan(self, plan: Any, lane: int, algorithm: bytes | None = None) -> None:
        if HostGraph.recording is not None:
            HostGraph.recording.node("plan", lambda: super(SimBackend, self).run_plan(plan, lane, algorithm))
        else:
            self.lanes.finish()
            super().run_plan(plan, lane, algorithm)

    def time(self, launch: Callable[[], None]) -> float:
        launch()
        return 1.0  # all alike: the first is taken

    def capture(self, body: Callable[[], None]) -> LaneGraph:
        self.captures += 1
        graph = LaneGraph(self._order)
        with self.lanes.lock, graph:
            body()
        return graph

    def replay(self, graph: LaneGraph) -> None:
        self.lanes.run(lanes.MAIN, graph.launch)

    def signal(self, lane: int) -> Any:
        return HostGraph.recording.signal(lane)  # type: ignore[union-attr]

    def wait(self, lane: int, mark: Any) -> None:
        HostGraph.recording.wait(lane, mark)  # type: ignore[union-attr]


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
    key = hashlib.sha256(BLAS_TEXT.read_bytes() + LIGHT_TEXT.read_bytes()).hexdigest()[:24]
    library = cache.folder("sim") / f"cublas-{key}.so"
    if not library.exists():
        if shutil.which(compiler) is None:
            raise HostCompileError(f"{compiler} was not found. The sim backend needs a C compiler: install gcc, or set CC.")
        temporary = library.with_suffix(f".{os.getpid()}.tmp")
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", str(BLAS_TEXT), "-o", str(temporary)], check=True)
        os.replace(temporary, library)
    return ctypes.CDLL(str(library))
