"""An NVIDIA GPU through CuPy. Imported only when a GPU is asked for."""

from typing import Any

import cupy
import numpy as np

from gpunn.backend import cublas
from gpunn.backend.on_device import DeviceBackend
from gpunn.backend.schedule import Node
from gpunn.kernels.device import Properties


class GpuBackend(DeviceBackend):
    """CuPy arrays on the current device, one non-blocking stream, steps as CUDA graphs."""

    name = "gpu"

    def __init__(self) -> None:
        facts = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
        super().__init__(Properties(facts["multiProcessorCount"], facts["maxThreadsPerMultiProcessor"]))
        self.stream = cupy.cuda.Stream(non_blocking=True)  # never the default stream: it cannot be captured
        self.stream.use()
        workspace = cupy.empty(cublas.WORKSPACE, cupy.uint8)
        self.blas = cublas.Blas(cublas.load(), workspace, lambda a: a.data.ptr, self.stream.ptr)

    # ------------------------------------------------------------------ arrays
    def empty(self, shape: tuple[int, ...], dtype: Any = "float32") -> Any:
        return cupy.empty(shape, dtype)

    def zeros(self, shape: tuple[int, ...], dtype: Any = "float32") -> Any:
        return cupy.zeros(shape, dtype)

    def asarray(self, values: Any, dtype: Any = None) -> Any:
        return cupy.ascontiguousarray(cupy.asarray(values, dtype))

    def write(self, target: Any, values: Any) -> None:
        if isinstance(values, cupy.ndarray):
            target[...] = values
        else:
            target.set(np.ascontiguousarray(np.broadcast_to(np.asarray(values, target.dtype), target.shape)), stream=self.stream)

    def to_numpy(self, array: Any) -> np.ndarray:
        self.reads += 1
        return cupy.asnumpy(array, stream=self.stream)

    def synchronize(self) -> None:
        self.stream.synchronize()

    # ------------------------------------------------------------------ kernels
    def compile(self, source: str, names: tuple[str, ...]) -> dict[str, Any]:
        module = cupy.RawModule(code=source, options=("-std=c++17",))
        return {name: module.get_function(name) for name in names}

    def capture(self, nodes: list[Node], steps: int) -> Any:
        self.stream.use()
        self.prepare(nodes)
        self.stream.synchronize()
        self.stream.begin_capture()
        try:
            for _ in range(steps):
                for node in nodes:
                    self.run_node(node)
        finally:
            graph = self.stream.end_capture()
        graph.upload(self.stream)
        return graph

    def replay(self, graph: Any) -> None:
        graph.launch(self.stream)
