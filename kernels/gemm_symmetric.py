"""Products that are symmetric, x times x' or a symmetric matrix times itself: half of the sums, and the other half copied. The CPU's
alone; a device multiplies in full."""

import numpy as np

from gpunn.kernels.gemm import BLOCK_K, BLOCK_ROWS
from gpunn.kernels.record import Kernel, columns_of, matrix, parse, register, rows_of


def _reference(a, b, out):
    np.matmul(matrix(a), matrix(b), out=out)


def _scratch(a, *rest):
    return (BLOCK_ROWS + 16) * BLOCK_K * (a.dtype.itemsize + 4) + 64 * 1024


# out = a @ b, known to be symmetric. Index i stands for rows i and n - 1 - i: sums up to the diagonal, so that all cost the same.
GEMM_SYMMETRIC = register(
    Kernel(
        name="gemm_symmetric", operands=parse("a:whole, b:whole -> out:whole"), extent=lambda a, *r: (rows_of(a) + 1) // 2,
        reference=_reference, native_text="from gpunn.kernels.gemm_native import gemm_symmetric as body", geometry="cpu",
        cost=lambda a, *r: 0.02 * columns_of(a) * rows_of(a), scratch=_scratch, grain=32,
    )
)
