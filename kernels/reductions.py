"""Sums over the rows of a batch, a column at a time: bias gradients and batch-normalisation statistics."""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.elementwise import elementwise
from gpunn.kernels.endings import Ending
from gpunn.kernels.record import REGISTRY, Kernel, columns_of, matrix, parse, register, rows_of


def _columns(*arguments):
    return columns_of(arguments[0])


def wide_columns(x, *rest):
    """The least columns of a CPU task: of a matrix that no near cache holds, pieces of rows that memory gives at full speed."""
    return 32 if x.nbytes < 1 << 20 else 128


def _column_sum_reference(x, add, out):
    total = matrix(x).sum(axis=0)
    out[...] = (out + total if add else total).reshape(out.shape)


def _column_sum_native(x, add, out, lo, hi, scratch):
    out = out[lo:hi]
    if add[0] == 0.0:
        out[:] = x.dtype.type(0)
    four = x.shape[0] // 4 * 4
    for r in range(0, four, 4):  # four streams of memory at a time
        a, b, c, d = x[r, lo:hi], x[r + 1, lo:hi], x[r + 2, lo:hi], x[r + 3, lo:hi]
        for j in range(out.size):
            out[j] += (a[j] + b[j]) + (c[j] + d[j])
    for r in range(four, x.shape[0]):
        row = x[r, lo:hi]
        for j in range(out.size):
            out[j] += row[j]


COLUMN_SUM = register(
    Kernel(
        name="column_sum", operands=parse("x:whole, add:const, out:row -> out:row"), extent=_columns,
        reference=_column_sum_reference, native=_column_sum_native,
        cuda=cuda_kernel("reductions.cu", "column_sum"), geometry="columns", cost=lambda x, *a: 0.1 * rows_of(x), grain=wide_columns,
    )
)


def column_sum_then(then: Kernel, place: int) -> Kernel:
    """The sums and, of each, an elementwise kernel that takes it as its operand number `place`; made once. Operands: x, and those of the
    `Ending`, one value a column. A device's alone."""
    ending = Ending(then, place)
    name = f"column_sum_{ending.name}"
    if name in REGISTRY:
        return REGISTRY[name]

    def reference(x, *rest):
        ending.reference(matrix(x).sum(axis=0), *rest)

    return register(
        Kernel(
            name=name, operands=(*parse("x:whole"), *ending.operands("row")), extent=_columns, reference=reference, geometry="columns",
            formulas=then.formulas, family="endings", cuda=cuda_kernel("reductions.cu", "column_sum_then", name, **ending.words()),
        )
    )


def _moments_reference(x, mean, variance):
    x = matrix(x)
    mean[...] = x.mean(axis=0)
    variance[...] = np.square(x - mean).mean(axis=0)


def _moments_native(x, mean, variance, lo, hi, scratch):
    rows = x.shape[0]
    inverse = x.dtype.type(1) / x.dtype.type(rows)
    mean, variance = mean[lo:hi], variance[lo:hi]
    mean[:] = x.dtype.type(0)
    variance[:] = x.dtype.type(0)
    for r in range(rows):
        row = x[r, lo:hi]
        for j in range(mean.size):
            mean[j] += row[j]
    for j in range(mean.size):
        mean[j] *= inverse
    for r in range(rows):
        row = x[r, lo:hi]
        for j in range(mean.size):
            d = row[j] - mean[j]
            variance[j] += d * d
    for j in range(mean.size):
        variance[j] *= inverse


MOMENTS = register(  # two passes: no cancellation for data far from zero
    Kernel(
        name="moments", operands=parse("x:whole -> mean:row, variance:row"), extent=_columns,
        reference=_moments_reference, native=_moments_native,
        cuda=cuda_kernel("reductions.cu", "moments"), geometry="columns", cost=lambda x, *a: 0.3 * rows_of(x), grain=32,
    )
)


def _join_reference(means, variances, part, rows, mean, variance):
    counts = np.full((means.shape[0], 1), part, means.dtype)
    counts[-1] = rows - (means.shape[0] - 1) * part
    middle = (counts * means).sum(axis=0) / means.dtype.type(rows)
    mean[...] = middle
    variance[...] = (counts * (variances + np.square(means - middle))).sum(axis=0) / means.dtype.type(rows)


# of parts of so many rows each, the last of the rest; a device's alone, as the CPU's stand in `batch_parts`
JOIN_MOMENTS = register(
    Kernel(
        name="join_moments", operands=parse("means:whole, variances:whole, part:const:i8, rows_in_all:const:i8 -> mean:row, variance:row"),
        extent=_columns, reference=_join_reference, cuda=cuda_kernel("reductions.cu", "join_moments"), geometry="columns",
    )
)


def _normalize_sums_reference(dy, x, mean, inverse, dbeta, dgamma):
    dy, x = matrix(dy), matrix(x)
    dbeta[...] = dy.sum(axis=0)
    dgamma[...] = (dy * (x - mean) * inverse).sum(axis=0)


def _normalize_sums_native(dy, x, mean, inverse, dbeta, dgamma, lo, hi, scratch):
    mean, inverse, dbeta, dgamma = mean[lo:hi], inverse[lo:hi], dbeta[lo:hi], dgamma[lo:hi]
    dbeta[:] = x.dtype.type(0)
    dgamma[:] = x.dtype.type(0)
    for r in range(x.shape[0]):
        row, upstream = x[r, lo:hi], dy[r, lo:hi]
        for j in range(mean.size):
            dbeta[j] += upstream[j]
            dgamma[j] += upstream[j] * (row[j] - mean[j]) * inverse[j]


NORMALIZE_SUMS = register(
    Kernel(
        name="normalize_sums", operands=parse("dy:whole, x:whole, mean:row, inverse:row -> dbeta:row, dgamma:row"), extent=_columns,
        reference=_normalize_sums_reference, native=_normalize_sums_native,
        cuda=cuda_kernel("reductions.cu", "normalize_sums"), geometry="columns", cost=lambda x, *a: 0.3 * rows_of(x), grain=32,
    )
)


@elementwise("variance, epsilon:const -> inverse")
def inverse_deviation(variance, epsilon):
    return 1.0 / sqrt(variance + epsilon)  # noqa: F821


@elementwise("moving, batch, momentum:const -> moving")
def moving_average(moving, batch, momentum):
    return moving * momentum + batch * (1.0 - momentum)


@elementwise("x, mean:row, inverse:row, gamma:row, beta:row -> y")
def normalize(x, mean, inverse, gamma, beta):
    return (x - mean) * inverse * gamma + beta


@elementwise("dy, x, mean:row, inverse:row, gamma:row, dbeta:row, dgamma:row, share:const -> dx")
def normalize_bwd(dy, x, mean, inverse, gamma, dbeta, dgamma, share):
    """Ioffe & Szegedy 2015, section 3, with the sums over the batch as given; `share` is 1 / rows."""
    return gamma * inverse * (dy - share * (dbeta + (x - mean) * inverse * dgamma))


@elementwise("dy, inverse:row, gamma:row -> dx")
def normalize_fixed_bwd(dy, inverse, gamma):
    return dy * inverse * gamma  # statistics are constants: inference mode


@elementwise("a, b -> a")
def add(a, b):
    return a + b

