"""A product whose sum is cut into parts, so that each core keeps to its own rows of the right matrix. The CPU's alone.

A wide first layer has more weights than a small batch has numbers. With the sum over k in parts, a core reads and updates its part of the
weights only, and the batch's few numbers travel instead (see `gpunn.backend.split`).
"""

import numpy as np

from gpunn.kernels.data import gather_reference
from gpunn.kernels.gemm import BLOCK_K, BLOCK_ROWS
from gpunn.kernels.record import Kernel, columns_of, matrix, parse, register, rows_of


def part_of(rows: int, k: int) -> int:
    """How many k a part of the sum has: for small batches more parts. From the shapes alone, so that results do not depend on the cores."""
    parts = 8 if rows <= 64 else 4
    return min(-(-k // parts) + 7, BLOCK_K) // 8 * 8


def _columns(*arguments):
    return columns_of(arguments[-1])


def _gather(name: str, dtype: str) -> Kernel:
    return register(
        Kernel(
            name=name, operands=parse(f"data:whole:{dtype}, order:row:i4, position:row:i8, scale:const -> out:cols"), extent=_columns,
            reference=gather_reference, native_text="from gpunn.kernels.gather_native import gather_columns as body", geometry="cpu",
            cost=lambda *a: 0.4 * rows_of(a[-1]), grain=16,
        )
    )


# The batch, a range of its columns at a time: what `data.GATHER` does a range of its rows at a time.
GATHER_COLUMNS = {"gather_u8": _gather("gather_columns_u8", "u1"), "gather_float": _gather("gather_columns_float", "T")}


def _parts_reference(a, b, part, parts):
    for p, start in enumerate(range(0, b.shape[0], part)):
        np.matmul(a[:, start : start + part], b[start : start + part], out=parts[p])


def _parts_scratch(a, *rest):
    return (BLOCK_ROWS + 16) * BLOCK_K * (a.dtype.itemsize + 4) + 64 * 1024


# parts[p] = a[:, p * part : (p + 1) * part] @ b[p * part : (p + 1) * part]; parts has shape (number of parts, rows, columns)
GEMM_PARTS = register(
    Kernel(
        name="gemm_parts", operands=parse("a:cols, b, part:const:i8 -> parts:whole"), extent=lambda a, b, *r: rows_of(b),
        reference=_parts_reference, native_text="from gpunn.kernels.gemm_native import gemm_parts as body", geometry="cpu",
        cost=lambda a, b, *r: 0.02 * rows_of(a) * columns_of(b), scratch=_parts_scratch, grain=lambda a, b, part, parts: part,
    )
)


def _sum_reference(parts, out):
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    matrix(out)[...] = total


def _sum_native(parts, out, lo, hi, scratch):
    n = out.shape[1]
    for r in range(lo, hi):
        target = out[r]
        first = parts[0, r * n : (r + 1) * n]
        for j in range(n):
            target[j] = first[j]
        for p in range(1, parts.shape[0]):
            more = parts[p, r * n : (r + 1) * n]
            for j in range(n):
                target[j] += more[j]


SUM_PARTS = register(
    Kernel(
        name="sum_parts", operands=parse("parts:whole -> out"), extent=lambda parts, out: rows_of(out), reference=_sum_reference,
        native=_sum_native, geometry="cpu", cost=lambda parts, out: 0.05 * rows_of(parts) * columns_of(out),
    )
)
