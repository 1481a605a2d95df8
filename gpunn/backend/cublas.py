"""Matrix products by cuBLAS, called directly: CuPy refuses every cuBLAS call while a stream is being captured, the library itself does not.

Everything here is row-major: out[m, n] (+)= op(a) @ op(b). cuBLAS is column-major, so the operands go in swapped. The library is the one
CuPy needs anyway, found by cuda.pathfinder; `gpunn.backend.sim` has one with the same entry points for host memory.
"""

import ctypes as c
from typing import Any

import numpy as np

# (cudaDataType, cublasComputeType) of each type, and of float32 with TF32 allowed
KINDS = {"float32": (0, 68), "float64": (1, 70)}
TF32 = 77
DEFAULT_ALGORITHM = -1
WORKSPACE = 32 << 20  # bytes; without one of our own cuBLAS would allocate inside a captured graph


class BlasError(RuntimeError):
    """A cuBLAS call failed; the message names it and its status."""


def load() -> tuple[Any, Any]:
    """The real libraries, (cuBLAS, cuBLASLt). Raises ImportError with the mending command when they are not installed."""
    try:
        from cuda.pathfinder import load_nvidia_dynamic_lib

        light = c.CDLL(load_nvidia_dynamic_lib("cublasLt").abs_path)
        return c.CDLL(load_nvidia_dynamic_lib("cublas").abs_path), light
    except Exception as error:
        raise ImportError('cuBLAS was not found. Install it with: pip install "gpunn[cuda13]"') from error


class Blas:
    """A cuBLAS handle on one stream.

    Args:
        library: cuBLAS as `load` returns it, or a stand-in.
        workspace: an array on the device, kept for ever.
        pointer: ``pointer(array) -> int``, where an array lies.
        stream: the stream's handle.
    """

    def __init__(self, library: Any, workspace: Any, pointer: Any, stream: int = 0):
        self._library, self.workspace, self._pointer, self.stream = library, workspace, pointer, stream
        self._handle = c.c_void_p()
        self.tf32 = False
        self._call("cublasCreate_v2", c.byref(self._handle))
        self._call("cublasSetStream_v2", self._handle, c.c_void_p(stream))  # this resets the workspace, so it comes first
        self._call("cublasSetWorkspace_v2", self._handle, c.c_void_p(pointer(workspace)), c.c_size_t(workspace.nbytes))

    def _call(self, name: str, *arguments: Any) -> None:
        function = getattr(self._library, name)
        function.restype = c.c_int
        status = function(*arguments)
        if status:
            raise BlasError(f"{name} failed with cuBLAS status {status}.")

    def gemm(
        self, a: Any, b: Any, out: Any, ta: bool, tb: bool, add: bool, count: int = 1, steps: tuple[int, int, int] = (0, 0, 0)
    ) -> None:
        """out (+)= op(a) @ op(b) for matrices of one type; of a batch of `count` such products these are the first one's, and `steps` the
        elements between two of each. Raises ValueError for shapes that do not fit, BlasError from the library."""
        m, k = a.shape[::-1] if ta else a.shape
        k2, n = b.shape[::-1] if tb else b.shape
        if k != k2 or out.shape != (m, n):
            left, right = f"{a.shape}{' transposed' * ta}", f"{b.shape}{' transposed' * tb}"
            raise ValueError(f"Matrix product: shapes {left} and {right} do not give {out.shape}.")
        if 0 in (m, n):
            return
        name = np.dtype(out.dtype).name
        data, compute = KINDS[name]
        if self.tf32 and name == "float32":
            compute = TF32
        number = c.c_float if name == "float32" else c.c_double
        alpha, beta = number(1.0), number(1.0 if add else 0.0)  # host numbers: read at the call, frozen in a graph
        p = [c.c_void_p(self._pointer(x)) for x in (b, a, out)]
        ld = [c.c_int(max(1, x.shape[1])) for x in (b, a, out)]
        apart = [[c.c_longlong(step)] if count > 1 else [] for step in (steps[1], steps[0], steps[2])]
        self._call(
            "cublasGemmStridedBatchedEx" if count > 1 else "cublasGemmEx", self._handle, c.c_int(tb), c.c_int(ta), c.c_int(n), c.c_int(m),
            c.c_int(k), c.byref(alpha), p[0], c.c_int(data), ld[0], *apart[0], p[1], c.c_int(data), ld[1], *apart[1], c.byref(beta),
            p[2], c.c_int(data), ld[2], *apart[2], *([c.c_int(count)] if count > 1 else []), c.c_int(compute), c.c_int(DEFAULT_ALGORITHM),
        )
