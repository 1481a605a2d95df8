"""Planned matrix products by cuBLASLt, with what comes before or after them done in the same launch.

A plan is made once, before any capture: operands, epilogue and algorithm. Row-major as in `cublas`: the operands go in swapped, so a bias
has one value a column, and a mask has a bit an element in rows of a multiple of 128 bits. float32 only.
"""

import ctypes as c
import weakref
from typing import Any

import numpy as np

from gpunn.backend.cublas import TF32, BlasError

# cublasLtEpilogue_t. relu_aux_bias leaves the mask that drelu_bgrad takes; drelu_bgrad and bgrad write the sum over rows of the result,
# or (bgrad) of the right operand, which of x^T @ dz is the bias gradient.
EPILOGUES = {"none": 1, "bias": 4, "relu_bias": 6, "relu_aux_bias": 134, "drelu_bgrad": 152, "bgrad": 256}
_FLOAT, _FULL = 0, 68  # CUDA_R_32F, CUBLAS_COMPUTE_32F
_TRANSPOSE_A, _TRANSPOSE_B, _EPILOGUE, _BIAS, _MASK, _MASK_STRIDE = 3, 4, 7, 8, 11, 12  # cublasLtMatmulDescAttributes_t
_BIAS_STEP, _MASK_STEP = 10, 13  # of the same: between two products of a batch, in elements and in bits
_BATCH_COUNT, _BATCH_STEP = 5, 6  # cublasLtMatrixLayoutAttribute_t
_MAX_WORKSPACE = 1  # cublasLtMatmulPreferenceAttributes_t
CANDIDATES = 8
MASK_BITS = 128


class _Algorithm(c.Structure):
    _fields_ = [("data", c.c_uint64 * 8)]


class _Heuristic(c.Structure):
    _fields_ = [
        ("algorithm", _Algorithm), ("workspace", c.c_size_t), ("state", c.c_int), ("waves", c.c_float), ("reserved", c.c_int * 4)
    ]


def mask_shape(rows: int, columns: int) -> tuple[int, int]:
    """Bytes of a mask of one bit an element."""
    return rows, -(-columns // MASK_BITS) * (MASK_BITS // 8)


class Light:
    """A cuBLASLt handle: good for every stream.

    Args: ``library``: `load` or a stand-in; ``pointer(array) -> int``; ``workspace``: bytes each stream has.
    """

    def __init__(self, library: Any, pointer: Any, workspace: int):
        self._library, self.pointer, self.workspace = library, pointer, workspace
        self.handle = c.c_void_p()
        self.tf32 = False
        self.call("cublasLtCreate", c.byref(self.handle))

    def call(self, name: str, *arguments: Any) -> None:
        function = getattr(self._library, name)
        function.restype = c.c_int
        if status := function(*arguments):
            raise BlasError(f"{name} failed with cuBLAS status {status}.")

    @property
    def version(self) -> int:
        function = self._library.cublasLtGetVersion
        function.restype = c.c_size_t
        return function()


class Plan:
    """out (+)= op(a) @ op(b) with an epilogue. Raises `BlasError` where the library has no algorithm for it.

    With a `batch` (``batch.count``, ``batch.pitch(array)`` in bytes) a product of each replica, of which these arrays are the first one's.

    ``key`` names what the choice of an algorithm depends on; ``candidates``: the algorithms to choose from, as bytes, the library's
    favourite first; ``algorithm``: the one taken.
    """

    def __init__(
        self, light: Light, a: Any, b: Any, out: Any, ta: bool = False, tb: bool = False, epilogue: str = "none", bias: Any = None,
        mask: Any = None, add: bool = False, batch: Any = None,
    ):
        m, k = a.shape[::-1] if ta else a.shape
        k2, n = b.shape[::-1] if tb else b.shape
        if k != k2 or out.shape != (m, n):
            shapes = f"{a.shape}{' transposed' * ta} and {b.shape}{' transposed' * tb}"
            raise ValueError(f"Matrix product: shapes {shapes} do not give {out.shape}.")
        if 0 in (m, n, k) or any(np.dtype(x.dtype) != np.float32 for x in (a, b, out)):
            raise BlasError("Plans are for float32 matrices with rows and columns.")
        self._light, self._arrays = light, (a, b, out, bias, mask)
        self.key = f"{m}x{n}x{k} {'nt'[ta]}{'nt'[tb]} {epilogue} add={int(add)} tf32={int(light.tf32)}"
        if batch is not None:
            self.key += f" x{batch.count}"
        self._alpha, self._beta = c.c_float(1.0), c.c_float(1.0 if add else 0.0)
        self._description = self._made("cublasLtMatmulDesc", c.c_int(TF32 if light.tf32 else _FULL), c.c_int(_FLOAT))
        self._set(_TRANSPOSE_A, c.c_int32(tb))
        self._set(_TRANSPOSE_B, c.c_int32(ta))
        self._set(_EPILOGUE, c.c_uint32(EPILOGUES[epilogue]))
        if bias is not None:
            self._set(_BIAS, c.c_void_p(light.pointer(bias)))
        if mask is not None:
            if mask.shape != mask_shape(m, n) or light.pointer(mask) % 16:
                raise ValueError(f"A mask of shape {mask_shape(m, n)}, aligned to 16 bytes, is needed. Received: {mask.shape}.")
            self._set(_MASK, c.c_void_p(light.pointer(mask)))
            self._set(_MASK_STRIDE, c.c_int64(mask.shape[1] * 8))
        self._layouts = [
            self._made("cublasLtMatrixLayout", c.c_int(_FLOAT), c.c_uint64(x.shape[1]), c.c_uint64(x.shape[0]), c.c_int64(x.shape[1]))
            for x in (b, a, out)
        ]
        if batch is not None:
            self._spread(batch, bias, mask, (b, a, out))
        self.candidates = self._ask()
        self.algorithm = self.candidates[0]

    def _spread(self, batch: Any, bias: Any, mask: Any, matrices: tuple[Any, Any, Any]) -> None:
        """A batch of products, their operands the same distances apart."""
        if bias is not None:
            self._set(_BIAS_STEP, c.c_int64(batch.pitch(bias) // bias.itemsize))
        if mask is not None:
            self._set(_MASK_STEP, c.c_int64(batch.pitch(mask) * 8))
        for layout, matrix in zip(self._layouts, matrices, strict=True):
            for what, value in ((_BATCH_COUNT, c.c_int32(batch.count)), (_BATCH_STEP, c.c_int64(batch.pitch(matrix) // matrix.itemsize))):
                size = c.c_size_t(c.sizeof(value))
                self._light.call("cublasLtMatrixLayoutSetAttribute", layout, c.c_int(what), c.byref(value), size)

    def _made(self, kind: str, *arguments: Any) -> c.c_void_p:
        """An object of the library's, which goes when the plan goes."""
        out = c.c_void_p()
        self._light.call(f"{kind}Create", c.byref(out), *arguments)
        weakref.finalize(self, self._light.call, f"{kind}Destroy", c.c_void_p(out.value)).atexit = False
        return out

    def _set(self, attribute: int, value: Any) -> None:
        size = c.c_size_t(c.sizeof(value))
        self._light.call("cublasLtMatmulDescSetAttribute", self._description, c.c_int(attribute), c.byref(value), size)

    def _ask(self) -> list[bytes]:
        preference = self._made("cublasLtMatmulPreference")
        size = c.c_uint64(self._light.workspace)
        self._light.call("cublasLtMatmulPreferenceSetAttribute", preference, c.c_int(_MAX_WORKSPACE), c.byref(size), c.c_size_t(8))
        found, count = (_Heuristic * CANDIDATES)(), c.c_int()
        b, a, out = self._layouts
        self._light.call(
            "cublasLtMatmulAlgoGetHeuristic", self._light.handle, self._description, b, a, out, out, preference, c.c_int(CANDIDATES),
            found, c.byref(count),
        )
        usable = [bytes(found[i].algorithm) for i in range(count.value) if found[i].state == 0]
        if not usable:
            raise BlasError(f"cuBLASLt has no algorithm for {self.key}.")
        return usable

    def run(self, stream: int, workspace: Any, algorithm: bytes | None = None) -> None:
        """Launch on a stream, with that stream's own workspace."""
        a, b, out = (c.c_void_p(self._light.pointer(x)) for x in self._arrays[:3])
        lb, la, lo = self._layouts
        self._light.call(
            "cublasLtMatmul", self._light.handle, self._description, c.byref(self._alpha), b, lb, a, la, c.byref(self._beta), out, lo,
            out, lo, c.byref(_Algorithm.from_buffer_copy(algorithm or self.algorithm)), c.c_void_p(self._light.pointer(workspace)),
            c.c_size_t(self._light.workspace), c.c_void_p(stream),
        )
