"""An L2 penalty of one weight matrix, row by row: value and gradient in one pass, in step with the sum of the row's gradient.

The factor is a number on the device, so that it may differ from batch to batch.
"""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, first_rows, matrix, parse, register


def _reference(w, factor, g, value):
    w, f = matrix(w), factor.reshape(-1)[0]
    matrix(g)[...] += f * w
    value[...] = w.dtype.type(0.5) * f * np.square(w).sum(axis=1)


def _native(w, factor, g, value, lo, hi, scratch):
    f = factor[0]
    half = w.dtype.type(0.5) * f
    for i in range(lo, hi):
        row, slope = w[i], g[i]
        total = w.dtype.type(0)
        for j in range(row.size):
            slope[j] += f * row[j]
            total += row[j] * row[j]
        value[i] = half * total


# g += factor * w; value = factor / 2 * sum w^2 of each row
DECAY_ROWS = register(
    Kernel(
        name="decay_rows", operands=parse("w, factor:row, g -> g, value:col"), extent=first_rows, reference=_reference, native=_native,
        cuda=cuda_kernel("decay.cu", "decay_rows"), geometry="warps", family="decay_rows",
        cost=lambda w, *a: 0.2 * columns_of(w),
    )
)
