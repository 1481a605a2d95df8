"""A parameter that several columns share: laid out for each column, and the columns' gradients added up again; sums of a formula over rows.

Columns are (outer, shared, inner), the parameter is (outer, inner).
"""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, parse, register, rows_of
from gpunn.kernels.rectifiers import prelu_alpha
from gpunn.kernels.reductions import wide_columns


def _spread_reference(a, shared, inner, out):
    out.reshape(-1, int(shared), int(inner))[...] = a.reshape(-1, 1, int(inner))


def _spread_native(a, shared, inner, out, lo, hi, scratch):
    for j in range(lo, hi):
        out[j, 0] = a[j // (shared[0] * inner[0]) * inner[0] + j % inner[0]]


SPREAD = register(
    Kernel(
        name="spread", operands=parse("a:row, shared:const:i8, inner:const:i8 -> out"), extent=lambda *a: rows_of(a[-1]),
        reference=_spread_reference, native=_spread_native, cuda=cuda_kernel("reductions.cu", "spread"), family="shared",
    )
)


def _group_sum_reference(x, shared, inner, add, out):
    total = x.reshape(-1, int(shared), int(inner)).sum(axis=1).reshape(out.shape)
    out[...] = out + total if add else total


def _group_sum_native(x, shared, inner, add, out, lo, hi, scratch):
    for j in range(lo, hi):
        total = out[j, 0] if add[0] != 0.0 else out.dtype.type(0)
        first = j // inner[0] * shared[0] * inner[0] + j % inner[0]
        for k in range(shared[0]):
            total += x[first + k * inner[0]]
        out[j, 0] = total


GROUP_SUM = register(
    Kernel(
        name="group_sum", operands=parse("x:row, shared:const:i8, inner:const:i8, add:const, out -> out"),
        extent=lambda *a: rows_of(a[-1]), reference=_group_sum_reference, native=_group_sum_native,
        cuda=cuda_kernel("reductions.cu", "group_sum"), family="shared", cost=lambda x, shared, *a: 1.0 * shared,
    )
)


def _prelu_sum_reference(dy, x, add, out):
    values = np.empty_like(x)
    prelu_alpha.reference(dy, x, values)
    total = values.reshape(x.shape[0], columns_of(x)).sum(axis=0)
    out[...] = (out + total if add else total).reshape(out.shape)


PRELU_SUM = register(  # out (+)= sum over the rows of prelu_alpha(dy, x)
    Kernel(
        name="prelu_sum", operands=parse("dy:whole, x:whole, add:const, out:row -> out:row"), extent=lambda *a: columns_of(a[0]),
        reference=_prelu_sum_reference, geometry="columns", formulas=prelu_alpha.formulas, family="rectifier",
        native_text="\n".join(
            [
                "@inlined", prelu_alpha.formula.python("numba"),
                "def body(dy, x, add, out, lo, hi, scratch):",
                "    out = out[lo:hi]",
                "    if add[0] == 0.0:",
                "        out[:] = T(0)",
                "    four = x.shape[0] // 4 * 4",
                "    for r in range(0, four, 4):  # four streams of memory at a time",
                "        a, b, c, d = x[r, lo:hi], x[r + 1, lo:hi], x[r + 2, lo:hi], x[r + 3, lo:hi]",
                "        p, q, s, t = dy[r, lo:hi], dy[r + 1, lo:hi], dy[r + 2, lo:hi], dy[r + 3, lo:hi]",
                "        for j in range(out.size):",
                "            first = prelu_alpha(p[j], a[j]) + prelu_alpha(q[j], b[j])",
                "            out[j] += first + (prelu_alpha(s[j], c[j]) + prelu_alpha(t[j], d[j]))",
                "    for r in range(four, x.shape[0]):",
                "        row, upstream = x[r, lo:hi], dy[r, lo:hi]",
                "        for j in range(out.size):",
                "            out[j] += prelu_alpha(upstream[j], row[j])",
            ]
        ),
        cuda=cuda_kernel("reductions.cu", "prelu_sum"), cost=lambda x, *a: 0.2 * rows_of(x), grain=wide_columns,
    )
)
