"""How rows of predictions go with their targets: Pearson's correlation and Lin's concordance. Row kernels for metrics."""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, first_rows, matrix, parse, register
from gpunn.kernels.row_losses import EPSILON


# with means m, variances v and covariance c of a row: c / sqrt(v_p v_t), or 2 c / (v_p + v_t + (m_p - m_t)^2 + EPSILON) (Lin 1989)
def _correlation_reference(p, t, concordance, value):
    p2, t2 = matrix(p), matrix(t)
    with np.errstate(all="ignore"):
        mean, mean_t = p2.mean(axis=1, keepdims=True), t2.mean(axis=1, keepdims=True)
        off, off_t = p2 - mean, t2 - mean_t
        v, v_t, c = (off * off).mean(axis=1), (off_t * off_t).mean(axis=1), (off * off_t).mean(axis=1)
        below = v + v_t + np.square(mean - mean_t)[:, 0] + EPSILON if concordance else np.sqrt(v) * np.sqrt(v_t)
        value[...] = ((2 * c if concordance else c) / below).reshape(value.shape)


def _correlation_native(p, t, concordance, value, lo, hi, scratch):
    T = p.dtype.type
    columns = T(p.shape[1])
    for i in range(lo, hi):
        mean, mean_t = T(0), T(0)
        for j in range(p.shape[1]):
            mean += p[i, j]
            mean_t += t[i, j]
        mean, mean_t = mean / columns, mean_t / columns
        v, v_t, c = T(0), T(0), T(0)
        for j in range(p.shape[1]):
            off, off_t = p[i, j] - mean, t[i, j] - mean_t
            v += off * off
            v_t += off_t * off_t
            c += off * off_t
        v, v_t, c = v / columns, v_t / columns, c / columns
        if concordance[0] != 0:
            value[i] = T(2) * c / (v + v_t + (mean - mean_t) * (mean - mean_t) + T(EPSILON))
        else:
            value[i] = c / (np.sqrt(v) * np.sqrt(v_t))


CORRELATION = register(
    Kernel(
        name="correlation", operands=parse("p, target, concordance:const:i8 -> value:col"), extent=first_rows,
        reference=_correlation_reference, native=_correlation_native, geometry="warps", family="correlation",
        cuda=cuda_kernel("correlation.cu", "correlation", EPSILON=repr(EPSILON)), cost=lambda p, *a: 3.0 * columns_of(p),
    )
)
