"""Normalization within each row: over all of it (layer normalization), or over groups of its channels.

A row is (places, channels) and group g owns `size` neighbouring channels at all places: places * size elements with a mean and a variance
of their own. ``centered`` 0 takes the mean for 0 (root mean square normalization). gamma and beta have a value a channel.
"""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, first_rows, matrix, parse, register, rows_of


def _grouped(x, channels, groups):
    """(rows, places, groups, channels of a group)."""
    return x.reshape(x.shape[0], columns_of(x) // channels, groups, channels // groups)


def _normalize_reference(x, gamma, beta, channels, groups, epsilon, centered, y, mean, inverse):
    channels, groups = int(channels), int(groups)
    v = _grouped(x, channels, groups)
    middle = v.mean(axis=(1, 3)) * x.dtype.type(centered)
    spread = np.square(v - middle[:, None, :, None]).mean(axis=(1, 3))
    matrix(mean)[...] = middle
    matrix(inverse)[...] = 1 / np.sqrt(spread + x.dtype.type(epsilon))
    hat = (v - middle[:, None, :, None]) * matrix(inverse)[:, None, :, None]
    y[...] = (hat.reshape(-1, channels) * gamma.reshape(-1) + beta.reshape(-1)).reshape(y.shape)


def _normalize_native(x, gamma, beta, channels, groups, epsilon, centered, y, mean, inverse, lo, hi, scratch):
    T = x.dtype.type
    wide, count = channels[0], groups[0]
    size, places = wide // count, x.shape[1] // wide
    share, eps, center = T(1) / T(size * places), T(epsilon[0]), T(centered[0])
    for i in range(lo, hi):
        for g in range(count):
            first = g * size
            total = T(0)
            for p in range(places):
                row = x[i, p * wide + first : p * wide + first + size]
                for k in range(size):
                    total += row[k]
            middle = total * share * center
            squares = T(0)
            for p in range(places):
                row = x[i, p * wide + first : p * wide + first + size]
                for k in range(size):
                    d = row[k] - middle
                    squares += d * d
            factor = T(1) / np.sqrt(squares * share + eps)
            mean[i, g] = middle
            inverse[i, g] = factor
            a, b = gamma[first : first + size], beta[first : first + size]
            for p in range(places):
                row = x[i, p * wide + first : p * wide + first + size]
                out = y[i, p * wide + first : p * wide + first + size]
                for k in range(size):
                    out[k] = (row[k] - middle) * factor * a[k] + b[k]


GROUP_NORMALIZE = register(
    Kernel(
        name="group_normalize", operands=parse(
            "x, gamma:row, beta:row, channels:const:i8, groups:const:i8, epsilon:const, centered:const -> y, mean, inverse"
        ),
        extent=first_rows, reference=_normalize_reference, native=_normalize_native, cuda=cuda_kernel("group_norms.cu", "group_normalize"),
        geometry="rows", per_thread=4, cost=lambda x, *a: 1.0 * columns_of(x), family="group_norms",
    )
)


def _backward_reference(dy, x, gamma, mean, inverse, channels, groups, centered, dx):
    channels, groups = int(channels), int(groups)
    d = _grouped((matrix(dy).reshape(-1, channels) * gamma.reshape(-1)).reshape(x.shape), channels, groups)
    factor = matrix(inverse)[:, None, :, None]
    hat = (_grouped(x, channels, groups) - matrix(mean)[:, None, :, None]) * factor
    inner = (d * hat).mean(axis=(1, 3), keepdims=True)
    outer = d.mean(axis=(1, 3), keepdims=True) * x.dtype.type(centered)
    dx[...] = (factor * (d - outer - hat * inner)).reshape(dx.shape)


def _backward_native(dy, x, gamma, mean, inverse, channels, groups, centered, dx, lo, hi, scratch):
    T = x.dtype.type
    wide, count = channels[0], groups[0]
    size, places = wide // count, x.shape[1] // wide
    share, center = T(1) / T(size * places), T(centered[0])
    for i in range(lo, hi):
        for g in range(count):
            first = g * size
            middle, factor = mean[i, g], inverse[i, g]
            a = gamma[first : first + size]
            outer, inner = T(0), T(0)
            for p in range(places):
                row = x[i, p * wide + first : p * wide + first + size]
                up = dy[i, p * wide + first : p * wide + first + size]
                for k in range(size):
                    d = up[k] * a[k]
                    outer += d
                    inner += d * (row[k] - middle) * factor
            outer, inner = outer * share * center, inner * share
            for p in range(places):
                row = x[i, p * wide + first : p * wide + first + size]
                up = dy[i, p * wide + first : p * wide + first + size]
                out = dx[i, p * wide + first : p * wide + first + size]
                for k in range(size):
                    out[k] = factor * (up[k] * a[k] - outer - (row[k] - middle) * factor * inner)


GROUP_NORMALIZE_BWD = register(  # Ba, Kiros & Hinton 2016, with the means over the group as batch normalization has them over the batch
    Kernel(
        name="group_normalize_bwd", operands=parse(
            "dy, x, gamma:row, mean, inverse, channels:const:i8, groups:const:i8, centered:const -> dx"
        ), extent=first_rows,
        reference=_backward_reference, native=_backward_native, cuda=cuda_kernel("group_norms.cu", "group_normalize_bwd"),
        geometry="rows", per_thread=4, cost=lambda x, *a: 1.0 * columns_of(x), family="group_norms",
    )
)


def _sums_reference(dy, x, mean, inverse, places, groups, dbeta, dgamma):
    channels = dbeta.size
    d, v = (_grouped(a.reshape(rows_of(mean), int(places) * channels), channels, int(groups)) for a in (dy, x))
    hat = (v - matrix(mean)[:, None, :, None]) * matrix(inverse)[:, None, :, None]
    dbeta[...] = d.sum(axis=(0, 1)).reshape(-1)
    dgamma[...] = (d * hat).sum(axis=(0, 1)).reshape(-1)


def _sums_native(dy, x, mean, inverse, places, groups, dbeta, dgamma, lo, hi, scratch):
    size, step, rows = x.shape[1] // groups[0], places[0], x.shape[0]
    dbeta[lo:hi] = x.dtype.type(0)
    dgamma[lo:hi] = x.dtype.type(0)
    for g in range(lo // size, (hi + size - 1) // size):
        first, end = max(lo, g * size), min(hi, (g + 1) * size)
        plain, scaled = dbeta[first:end], dgamma[first:end]
        for r in range(0, rows // 4 * 4, 4):  # four rows at a time: a sum waits for the one before it
            i, j, k, n = r // step, (r + 1) // step, (r + 2) // step, (r + 3) // step
            d0, d1, d2, d3 = dy[r, first:end], dy[r + 1, first:end], dy[r + 2, first:end], dy[r + 3, first:end]
            x0, x1, x2, x3 = x[r, first:end], x[r + 1, first:end], x[r + 2, first:end], x[r + 3, first:end]
            m0, m1, m2, m3 = mean[i, g], mean[j, g], mean[k, g], mean[n, g]
            f0, f1, f2, f3 = inverse[i, g], inverse[j, g], inverse[k, g], inverse[n, g]
            for c in range(end - first):
                plain[c] += (d0[c] + d1[c]) + (d2[c] + d3[c])
                upper = d0[c] * (x0[c] - m0) * f0 + d1[c] * (x1[c] - m1) * f1
                scaled[c] += upper + (d2[c] * (x2[c] - m2) * f2 + d3[c] * (x3[c] - m3) * f3)
        for r in range(rows // 4 * 4, rows):
            up, row, middle, factor = dy[r, first:end], x[r, first:end], mean[r // step, g], inverse[r // step, g]
            for c in range(end - first):
                plain[c] += up[c]
                scaled[c] += up[c] * (row[c] - middle) * factor


# dy and x as (rows * places, channels); mean and inverse as (rows, groups)
GROUP_SUMS = register(
    Kernel(
        name="group_sums", operands=parse(
            "dy:whole, x:whole, mean:whole, inverse:whole, places:const:i8, groups:const:i8 -> dbeta:row, dgamma:row"
        ),
        extent=lambda dy, *a: columns_of(dy), reference=_sums_reference, native=_sums_native,
        cuda=cuda_kernel("group_norms.cu", "group_sums"), geometry="columns", cost=lambda dy, *a: 0.3 * rows_of(dy), grain=32,
        family="group_norms",
    )
)
