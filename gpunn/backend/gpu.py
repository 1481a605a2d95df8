"""An NVIDIA GPU through CuPy. Imported only when a GPU is asked for."""

import contextlib
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cupy
import cupyx
import numpy as np
from cupy_backends.cuda.api import driver

from gpunn.backend import cublas, cublaslt, lanes
from gpunn.backend.errors import DeviceMemoryError, compile_error
from gpunn.backend.foreign import elsewhere, gpu_of
from gpunn.backend.on_device import DeviceBackend
from gpunn.backend.traced import refuse
from gpunn.kernels.device import ModuleText, Properties
from gpunn.kernels.persistent import threads_for

OPTIONS = ("-std=c++17",)
TIMED = 20  # launches in a graph by which an algorithm is timed


class GpuBackend(DeviceBackend):
    """CuPy arrays on the device that was current when this was made, non-blocking streams of our own, steps as CUDA graphs.

    A stream is current in a thread only while a call of ours runs: the user's own CuPy code keeps its stream.
    """

    name = "gpu"

    def __init__(self) -> None:
        self.device = cupy.cuda.Device()
        facts = cupy.cuda.runtime.getDeviceProperties(self.device.id)
        threads = threads_for(10 * facts["major"] + facts["minor"])
        super().__init__(
            Properties(facts["multiProcessorCount"], facts["maxThreadsPerMultiProcessor"], facts["l2CacheSize"], threads)
        )
        self.cooperative = bool(facts["cooperativeLaunch"])
        # never the default stream, which cannot be captured; non-blocking, so that nothing on the default stream holds it up
        self.streams = [cupy.cuda.Stream(non_blocking=True) for _ in (lanes.MAIN, lanes.SIDE, lanes.COPY)]
        self.stream = self.streams[lanes.MAIN]
        self._gate = threading.RLock()  # what another thread gave a stream that is being captured would run with every replay
        self._sent: list[np.ndarray] = []  # host memory that a copy may still be reading
        self._sent_bytes = 0
        self._marks: list[Any] = []  # events live as long as the capture that recorded them
        library, light = cublas.load()
        for stream in self.streams[: lanes.COPY]:  # a workspace each: products on two streams run at the same time
            self.blas.append(cublas.Blas(library, self.empty((cublas.WORKSPACE,), "uint8"), self.address, stream.ptr))
        self.light = cublaslt.Light(light, self.address, cublas.WORKSPACE)
        name = facts["name"].decode() if isinstance(facts["name"], bytes) else facts["name"]
        self.tuning = f"{name} cublasLt {self.light.version}"

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        """Our device and stream are the current ones: where CuPy allocates, copies and computes. Waits for another thread's capture."""
        with self._gate, self.device, self.stream:
            yield

    # ------------------------------------------------------------------ arrays
    def allocate(self, shape: tuple[int, ...], dtype: Any) -> Any:
        self._check_allocation(shape)
        with self.here():
            try:
                return cupy.empty(shape, dtype)
            except cupy.cuda.memory.OutOfMemoryError as error:
                asked = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
                raise DeviceMemoryError(asked, self.free_memory(), self.name) from error

    def zeros(self, shape: tuple[int, ...], dtype: Any = "float32") -> Any:
        array = self.empty(shape, dtype)
        with self.here():
            array.data.memset_async(0, array.nbytes, self.stream)
        return array

    def asarray(self, values: Any, dtype: Any = None) -> Any:
        if isinstance(values, cupy.ndarray):
            with self.here():
                return cupy.asarray(values, dtype, order="C")
        values = np.asarray(values, dtype, order="C")  # ascontiguousarray would give a number an axis
        array = self.empty(values.shape, values.dtype)
        self._send(array, values)
        return array

    def adopt(self, value: Any, name: str) -> Any | None:
        number = gpu_of(value)
        if number is None:
            return None
        if number != self.device.id:
            raise elsewhere(name, number, f"gpu {self.device.id}")
        with self._gate, self.device:  # whoever made it has finished before we read: on the caller's stream, where its library does not say
            self.stream.wait_event(cupy.cuda.get_current_stream().record())
        if isinstance(value, cupy.ndarray):
            return value
        try:
            with self.here():  # the library that made it is told our stream, and orders the two
                return cupy.from_dlpack(value) if hasattr(value, "__dlpack__") else cupy.asarray(value)
        except (TypeError, ValueError, RuntimeError, BufferError) as error:
            raise ValueError(f"Argument {name}: expected an array of numbers. Received: {type(value).__name__} ({error}).") from error

    def take_in(self, array: Any) -> Any:
        return self.asarray(array) if isinstance(array, np.ndarray) else array

    def hand_out(self, array: Any) -> Any:
        with self._gate, self.device:
            cupy.cuda.get_current_stream().wait_event(self.stream.record())
        return array

    def first_not_finite(self, rows: Any) -> int | None:
        with self.here():
            if bool(cupy.isfinite(rows.sum())):  # one pass; NaN and infinity stay in a sum
                return None
            bad = ~cupy.isfinite(rows.reshape(len(rows), -1)).all(axis=1)
            return int(cupy.argmax(bad)) if bool(bad.any()) else None

    def write(self, target: Any, values: Any) -> None:
        refuse("sets a value")
        if isinstance(values, cupy.ndarray):
            with self.here():
                cupy.copyto(target, values)
        else:
            self._send(target, np.asarray(np.broadcast_to(np.asarray(values, target.dtype), target.shape), order="C"))

    def _send(self, target: Any, values: np.ndarray) -> None:
        """Copy host memory behind what the stream does already. The memory is kept until the stream was waited for: where a driver
        reads pageable memory directly, the copy may still be under way when the call returns."""
        if values.nbytes:
            with self._gate:
                target.set(values, stream=self.stream)
            self._sent.append(values)
            self._sent_bytes += values.nbytes
            if self._sent_bytes > 1 << 28:
                self.synchronize()

    def to_numpy(self, array: Any) -> np.ndarray:
        refuse("reads a value")
        if isinstance(array, np.ndarray):  # nothing is waited for: copies that are under way still need what they read
            return array
        self.reads += 1
        with self.here():
            values = cupy.asnumpy(array, stream=self.stream)  # blocks until the stream has come here
        self._forget()
        return values

    def _forget(self) -> None:
        """The stream has come past all copies."""
        self._sent.clear()
        self._sent_bytes = 0

    def synchronize(self) -> None:
        with self._gate:
            for stream in self.streams:
                stream.synchronize()
            self._forget()

    def free_memory(self) -> int:
        """Bytes that an allocation could get: free on the device, or kept free by CuPy's pool."""
        with self.device:
            return cupy.cuda.runtime.memGetInfo()[0] + cupy.get_default_memory_pool().free_bytes()

    def address(self, array: Any) -> int:
        return array.data.ptr

    # ------------------------------------------------------------------ uploads beside the steps
    def staging(self, array: Any) -> np.ndarray:
        with self.device:
            return cupyx.empty_pinned(array.shape, array.dtype)

    def upload(self, target: Any, staged: np.ndarray) -> None:
        with self.device:
            target.set(staged, stream=self.streams[lanes.COPY])

    def mark(self, lane: int) -> Any:
        with self._gate, self.device:
            event = cupy.cuda.Event(block=True, disable_timing=True)  # a thread that waits for it sleeps
            event.record(self.streams[lane])
        return event

    def follow(self, lane: int, mark: Any) -> None:
        with self._gate, self.device:
            self.streams[lane].wait_event(mark)

    def reached(self, mark: Any) -> None:
        with self.device:
            mark.synchronize()

    # ------------------------------------------------------------------ kernels
    def compile_all(self, texts: Any) -> list[dict[str, Any]]:
        with self._gate:  # no capture meanwhile; the threads that compile do not ask for it
            return super().compile_all(texts)

    def compile(self, text: ModuleText, cooperative: bool = False) -> dict[str, Any]:
        module = cupy.RawModule(code=text.source, options=OPTIONS, enable_cooperative_groups=cooperative)
        try:
            with self.device:
                functions = {name: module.get_function(name) for name in text.names}
                for function in functions.values():
                    _ = function.num_regs  # compiles, and loads: loading a kernel lazily could break a capture
        except cupy.cuda.compiler.CompileException as error:
            raise compile_error(str(error), text, f"sm_{self.device.compute_capability}") from error
        return functions

    def run_node(self, node: Any, lane: int = lanes.MAIN) -> None:
        with self._gate:
            super().run_node(node, lane)

    def call(self, function: Any, grid: tuple[int, ...], block: tuple[int, ...], arguments: tuple[Any, ...], lane: int) -> None:
        with self.device:
            function(grid, block, arguments, stream=self.streams[lane])

    def compile_persistent(self, text: ModuleText) -> Any:
        with self.here():
            function = self.compile(text, cooperative=True)[text.names[0]]
            blocks = driver.occupancyMaxActiveBlocksPerMultiprocessor(function.kernel.ptr, self.properties.persistent_threads, 0)
        if blocks < 1:
            raise RuntimeError("no multiprocessor can hold a block of it")
        return function

    def call_persistent(self, function: Any, steps: int, arrived: Any, arguments: Sequence[Any]) -> None:
        grid, block = (self.properties.multiprocessors,), (self.properties.persistent_threads,)
        with self._gate, self.device:
            function(grid, block, (np.int64(steps), arrived, *arguments), stream=self.stream)

    def clock(self, run: Callable[[], None]) -> float:
        with self.here():
            self.synchronize()
            begin, end = (cupy.cuda.Event() for _ in range(2))
            begin.record(self.stream)
            run()
            end.record(self.stream)
            end.synchronize()
            return cupy.cuda.get_elapsed_time(begin, end) * 1e-3

    def capture(self, body: Callable[[], None]) -> Any:
        with self.here():
            self.synchronize()
            self.stream.begin_capture()  # relaxed: other threads may go on allocating
            try:
                with cupy.cuda.using_allocator(_refuse):
                    body()
            except BaseException:
                with contextlib.suppress(Exception):  # the first error is the one to show
                    self.stream.end_capture()
                raise
            graph = self.stream.end_capture()
            self._marks.clear()
            graph.upload(self.stream)
        return graph

    def time(self, launch: Callable[[], None]) -> float:
        try:
            with self.here():
                launch()  # loads the library's kernel, which a capture must not

                def body() -> None:  # eager launches cost more than what they launch
                    for _ in range(TIMED):
                        launch()

                graph = self.capture(body)
                graph.launch(self.stream)
                begin, end = (cupy.cuda.Event() for _ in range(2))
                begin.record(self.stream)
                graph.launch(self.stream)
                end.record(self.stream)
                end.synchronize()
                return cupy.cuda.get_elapsed_time(begin, end) * 1e-3 / TIMED
        except (cublas.BlasError, cupy.cuda.runtime.CUDARuntimeError):
            return math.inf  # an algorithm that the library offers and cannot run

    def replay(self, graph: Any) -> None:
        with self._gate, self.device:
            graph.launch(self.stream)

    def signal(self, lane: int) -> Any:
        with self.device:
            event = cupy.cuda.Event(disable_timing=True)
        event.record(self.streams[lane])
        self._marks.append(event)
        return event

    def wait(self, lane: int, mark: Any) -> None:
        self.streams[lane].wait_event(mark)


def _refuse(size: int) -> Any:
    raise RuntimeError(f"A step allocates {size} bytes while it is captured. Its graph would write to memory that others get.")
