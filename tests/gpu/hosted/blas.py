"""The stand-in for cuBLAS behind streams: calls that compute are given to the stream that the handle or the call names."""

import ctypes as c
from typing import Any

from gpunn.backend.sim.backend import _blas_library


def _frozen(argument: Any) -> Any:
    """Numbers given by reference are read at the call."""
    inner = getattr(argument, "_obj", None)
    return argument if inner is None else c.byref(type(inner).from_buffer_copy(inner))


class Library:
    """cuBLAS and cuBLASLt in one, as `gpunn.backend.sim` has them."""

    def __init__(self, streams: Any):
        self._streams, self._library = streams, _blas_library()
        self._real = c.c_void_p()
        self._library.cublasCreate_v2(c.byref(self._real))  # it has one handle; those given out are numbers
        self._stream_of: dict[int, int] = {}

    def __getattr__(self, name: str) -> Any:
        if name.endswith("Destroy"):  # what was launched with it may not have run: cuBLAS has read it by then, the stand-in has not
            return lambda *arguments: 0
        function = getattr(self._library, name)
        mine = {
            "cublasCreate_v2": self._create, "cublasSetStream_v2": self._set_stream,
            "cublasSetWorkspace_v2": lambda handle, *rest: function(self._real, *rest),
            "cublasGemmEx": lambda handle, *rest: self._later(self._stream_of[handle.value], function, (self._real, *rest)),
            "cublasGemmStridedBatchedEx": lambda handle, *rest: self._later(self._stream_of[handle.value], function, (self._real, *rest)),
            "cublasLtMatmul": lambda *arguments: self._later(arguments[-1].value or 0, function, arguments),
        }.get(name)
        return function if mine is None else lambda *arguments: mine(*arguments)  # a function, whose result's type can be set

    def _create(self, handle: Any) -> int:
        handle._obj.value = self._streams.handle()
        return 0

    def _set_stream(self, handle: Any, stream: Any) -> int:
        self._stream_of[handle.value] = stream.value or 0
        return 0

    def _later(self, stream: int, function: Any, arguments: tuple[Any, ...]) -> int:
        kept = tuple(_frozen(a) for a in arguments)

        def run() -> None:
            function.restype = c.c_int
            if status := function(*kept):
                raise RuntimeError(f"the stand-in for cuBLAS answered {status} after the call had been taken")

        self._streams.enqueue(stream, run)
        return 0
