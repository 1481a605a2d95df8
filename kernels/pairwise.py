"""Losses of pairs of rows: each row of a batch against every other. Row kernels over a square matrix."""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.elementwise import elementwise
from gpunn.kernels.record import Kernel, columns_of, first_rows, matrix, parse, register

FAR = -1e30  # below any exponent that counts


# Sun et al. 2020, in Keras's form. d = max(1 - s, 0); a = gamma (d^2 - margin^2) of pairs of one label, b = gamma max(1 + margin - d, 0)
# (1 - margin - d) of the others; loss = log(1 + sum exp a sum exp b); slope = its gradient in s.
def _circle_reference(s, label, gamma, margin, no_diagonal, loss, slope):
    s2, same = matrix(s), label.reshape(-1, 1) == label.reshape(1, -1)
    other, gamma, margin = ~same, float(gamma), float(margin)
    if no_diagonal:
        same = same & ~np.eye(len(same), dtype=bool)
    with np.errstate(all="ignore"):
        d = np.maximum(1 - s2, 0)
        a = np.where(same, gamma * (d * d - margin * margin), FAR)
        near = np.maximum(1 + margin - d, 0)
        b = np.where(other, gamma * near * (1 - margin - d), FAR)
        (top_a, e_a), (top_b, e_b) = ((t, np.exp(x - t)) for x, t in ((x, x.max(axis=1, keepdims=True, initial=FAR)) for x in (a, b)))
        sum_a, sum_b = (e_a * same).sum(axis=1, keepdims=True), (e_b * other).sum(axis=1, keepdims=True)
        none = (sum_a == 0) | (sum_b == 0)
        x = top_a + np.log(sum_a) + top_b + np.log(sum_b)
        outer = np.where(none, 0, 1 / (1 + np.exp(-x)))
        inner = e_a * same / sum_a * (2 * gamma * d) + e_b * other / sum_b * np.where(near > 0, gamma * (2 * d - 2), 0)
        result = np.where(none | (s2 >= 1), 0, -outer * inner)
        value = np.where(none, 0, np.maximum(x, 0) + np.log1p(np.exp(-abs(x))))
    loss[...] = value.reshape(loss.shape)
    matrix(slope)[...] = result


def _circle_native(s, label, gamma, margin, no_diagonal, loss, slope, lo, hi, scratch):
    T = s.dtype.type
    one, g, m = T(1), T(gamma[0]), T(margin[0])
    for i in range(lo, hi):
        top_a, top_b = T(FAR), T(FAR)
        pairs, others = 0, 0
        for j in range(s.shape[1]):
            d = np.maximum(one - s[i, j], T(0))
            if label[i] != label[j]:
                others += 1
                top_b = np.maximum(top_b, g * np.maximum(one + m - d, T(0)) * (one - m - d))
            elif i != j or no_diagonal[0] == 0:
                pairs += 1
                top_a = np.maximum(top_a, g * (d * d - m * m))
        sum_a, sum_b = T(0), T(0)
        for j in range(s.shape[1]):
            d = np.maximum(one - s[i, j], T(0))
            if label[i] != label[j]:
                sum_b += np.exp(g * np.maximum(one + m - d, T(0)) * (one - m - d) - top_b)
            elif i != j or no_diagonal[0] == 0:
                sum_a += np.exp(g * (d * d - m * m) - top_a)
        counts = pairs > 0 and others > 0
        x = top_a + np.log(sum_a) + top_b + np.log(sum_b)
        loss[i] = np.maximum(x, T(0)) + np.log1p(np.exp(-abs(x))) if counts else T(0)
        outer = one / (one + np.exp(-x)) if counts else T(0)
        for j in range(s.shape[1]):
            d = np.maximum(one - s[i, j], T(0))
            inner = T(0)
            if label[i] != label[j]:
                near = np.maximum(one + m - d, T(0))
                if near > T(0):
                    inner = np.exp(g * near * (one - m - d) - top_b) / sum_b * g * (T(2) * d - T(2))
            elif i != j or no_diagonal[0] == 0:
                inner = np.exp(g * (d * d - m * m) - top_a) / sum_a * T(2) * g * d
            slope[i, j] = -outer * inner if counts and s[i, j] < one else T(0)


CIRCLE = register(
    Kernel(
        name="circle", operands=parse("s, label:row:i4, gamma:const, margin:const, no_diagonal:const:i8 -> loss:col, slope"),
        extent=first_rows, reference=_circle_reference, native=_circle_native, cuda=cuda_kernel("pairwise.cu", "circle", FAR=repr(FAR)),
        geometry="warps", family="circle", cost=lambda s, *a: 30.0 * columns_of(s),
    )
)


@elementwise("value -> positive", family="circle")
def is_positive(value):
    return 1.0 if value > 0.0 else 0.0 * value
