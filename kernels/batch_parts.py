"""Batch normalization's sums over many rows, in parts: the CPU's alone, where a few channels would leave all the work to one core.

A part is a fixed number of rows, counted from the number of rows alone, and parts are joined in their order: the same bits whatever the
threads. Means and squares are joined without cancellation (Chan, Golub & LeVeque 1979).
"""

import numpy as np

from gpunn.kernels.record import Kernel, columns_of, first_rows, matrix, parse, register, rows_of

MANY = 4096  # rows: fewer, and cores share out the channels
PARTS = 64


def part_of(rows: int) -> int:
    """Rows of a part."""
    return -(-rows // PARTS)


def _moments_reference(x, part, parts):
    x, size = matrix(x), int(part)
    for p in range(parts.shape[0]):
        some = x[p * size : (p + 1) * size]
        mean = some.mean(axis=0)
        parts[p] = np.concatenate([mean, np.square(some - mean).sum(axis=0)])


def _moments_native(x, part, parts, lo, hi, scratch):
    size, width = part[0], x.shape[1]
    for p in range(lo // size, (hi + size - 1) // size):
        first, end = p * size, min((p + 1) * size, x.shape[0])
        mean, squares = parts[p, :width], parts[p, width:]
        mean[:] = x.dtype.type(0)
        squares[:] = x.dtype.type(0)
        fours = first + (end - first) // 4 * 4
        for r in range(first, fours, 4):  # four rows at a time: a sum waits for the one before it
            a, b, c, d = x[r], x[r + 1], x[r + 2], x[r + 3]
            for j in range(width):
                mean[j] += (a[j] + b[j]) + (c[j] + d[j])
        for r in range(fours, end):
            row = x[r]
            for j in range(width):
                mean[j] += row[j]
        share = x.dtype.type(1) / x.dtype.type(end - first)
        for j in range(width):
            mean[j] *= share
        for r in range(first, fours, 4):
            a, b, c, d = x[r], x[r + 1], x[r + 2], x[r + 3]
            for j in range(width):
                m = mean[j]
                k, n, u, v = a[j] - m, b[j] - m, c[j] - m, d[j] - m
                squares[j] += (k * k + n * n) + (u * u + v * v)
        for r in range(fours, end):
            row = x[r]
            for j in range(width):
                d0 = row[j] - mean[j]
                squares[j] += d0 * d0


# parts[p] = (mean, sum of squares about it) of rows p * part to (p + 1) * part
MOMENT_PARTS = register(
    Kernel(
        name="moment_parts", operands=parse("x, part:const:i8 -> parts:whole"), extent=first_rows, reference=_moments_reference,
        native=_moments_native, geometry="cpu", cost=lambda x, *a: 0.2 * columns_of(x), grain=lambda x, part, parts: part,
    )
)


def _join_reference(parts, part, rows, mean, variance):
    width, size = mean.size, int(part)
    total, squares, count = parts[0, :width].copy(), parts[0, width:].copy(), min(size, int(rows))
    for p in range(1, parts.shape[0]):
        more = min(size, int(rows) - p * size)
        apart = parts[p, :width] - total
        total += apart * parts.dtype.type(more / (count + more))
        squares += parts[p, width:] + apart * apart * parts.dtype.type(count * more / (count + more))
        count += more
    mean[...] = total.reshape(mean.shape)
    variance[...] = (squares / parts.dtype.type(count)).reshape(variance.shape)


def _join_native(parts, part, rows, mean, variance, lo, hi, scratch):
    T = parts.dtype.type
    width = parts.shape[1] // 2
    for j in range(lo, hi):
        total, squares, count = parts[0, j], parts[0, width + j], min(part[0], rows[0])
        for p in range(1, parts.shape[0]):
            more = min(part[0], rows[0] - p * part[0])
            apart = parts[p, j] - total
            total += apart * T(more / (count + more))
            squares += parts[p, width + j] + apart * apart * T(count * more / (count + more))
            count += more
        mean[j] = total
        variance[j] = squares / T(count)


MOMENT_JOIN = register(
    Kernel(
        name="moment_join", operands=parse("parts:whole, part:const:i8, rows:const:i8 -> mean:row, variance:row"),
        extent=lambda parts, *a: columns_of(parts) // 2, reference=_join_reference, native=_join_native, geometry="cpu",
        cost=lambda parts, *a: 2.0 * rows_of(parts),
    )
)


def _sums_reference(dy, x, mean, inverse, part, parts):
    dy, x, size = matrix(dy), matrix(x), int(part)
    for p in range(parts.shape[0]):
        some = slice(p * size, (p + 1) * size)
        parts[p] = np.concatenate([dy[some].sum(axis=0), (dy[some] * (x[some] - mean) * inverse).sum(axis=0)])


def _sums_native(dy, x, mean, inverse, part, parts, lo, hi, scratch):
    size, width = part[0], x.shape[1]
    for p in range(lo // size, (hi + size - 1) // size):
        first, second = parts[p, :width], parts[p, width:]
        first[:] = x.dtype.type(0)
        second[:] = x.dtype.type(0)
        start, end = p * size, min((p + 1) * size, x.shape[0])
        fours = start + (end - start) // 4 * 4
        for r in range(start, fours, 4):
            x0, x1, x2, x3, d0, d1, d2, d3 = x[r], x[r + 1], x[r + 2], x[r + 3], dy[r], dy[r + 1], dy[r + 2], dy[r + 3]
            for j in range(width):
                m, f = mean[j], inverse[j]
                first[j] += (d0[j] + d1[j]) + (d2[j] + d3[j])
                upper = d0[j] * (x0[j] - m) * f + d1[j] * (x1[j] - m) * f
                second[j] += upper + (d2[j] * (x2[j] - m) * f + d3[j] * (x3[j] - m) * f)
        for r in range(fours, end):
            row, up = x[r], dy[r]
            for j in range(width):
                first[j] += up[j]
                second[j] += up[j] * (row[j] - mean[j]) * inverse[j]


# what `reductions.NORMALIZE_SUMS` sums, of a part; `conv.CONV_SUM` adds parts up
NORMALIZE_PARTS = register(
    Kernel(
        name="normalize_parts", operands=parse("dy, x, mean:row, inverse:row, part:const:i8 -> parts:whole"), extent=first_rows,
        reference=_sums_reference, native=_sums_native, geometry="cpu", cost=lambda x, *a: 0.3 * columns_of(x),
        grain=lambda dy, x, mean, inverse, part, parts: part,
    )
)
