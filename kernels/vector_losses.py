"""Losses whose gradient in a column needs more of the row than that column: a row is a vector, or a group of outcomes. Row kernels."""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, first_rows, matrix, parse, register
from gpunn.kernels.row_losses import EPSILON


# value = -<p, t> / (|p| |t|), a length counted as at least EPSILON
def _cosine_reference(p, t, weight, scale, loss, dp):
    p2, t2 = matrix(p), matrix(t)
    with np.errstate(all="ignore"):
        across = np.minimum(1 / np.sqrt(np.square(p2).sum(axis=1, keepdims=True)), 1 / EPSILON)
        target = np.minimum(1 / np.sqrt(np.square(t2).sum(axis=1, keepdims=True)), 1 / EPSILON)
        cosine = (p2 * t2).sum(axis=1, keepdims=True) * across * target
        turn = np.where(across < 1 / EPSILON, cosine, 0)
        slope = across * (p2 * across * turn - t2 * target) * (weight.reshape(-1, 1) * p.dtype.type(scale))
    loss[...] = -cosine.reshape(loss.shape)
    matrix(dp)[...] = slope


def _cosine_native(p, t, weight, scale, loss, dp, lo, hi, scratch):
    T = p.dtype.type
    most = T(1.0 / EPSILON)
    for i in range(lo, hi):
        squares, squares_t, inner = T(0), T(0), T(0)
        for j in range(p.shape[1]):
            squares += p[i, j] * p[i, j]
            squares_t += t[i, j] * t[i, j]
            inner += p[i, j] * t[i, j]
        across, target = most, most
        if squares != T(0):
            across = np.minimum(T(1) / np.sqrt(squares), most)
        if squares_t != T(0):
            target = np.minimum(T(1) / np.sqrt(squares_t), most)
        cosine = inner * across * target
        turn = cosine if across < most else T(0)
        factor = weight[i] * T(scale[0])
        loss[i] = -cosine
        for j in range(p.shape[1]):
            dp[i, j] = across * (p[i, j] * across * turn - t[i, j] * target) * factor


# value = max(0, 1 + max_j (1 - t_j) p_j - <t, p>); of equal largest the leftmost has the gradient
def _categorical_hinge_reference(p, t, weight, scale, loss, dp):
    p2, t2, rows = matrix(p), matrix(t), np.arange(p.shape[0])
    with np.errstate(all="ignore"):
        others = (1 - t2) * p2
        margin = others.max(axis=1) - (t2 * p2).sum(axis=1) + 1
        at = others.argmax(axis=1)
        slope = -t2
        slope[rows, at] += 1 - t2[rows, at]
        slope = np.where(margin[:, None] > 0, slope, 0) * (weight.reshape(-1, 1) * p.dtype.type(scale))
        loss[...] = np.maximum(margin, 0).reshape(loss.shape)
    matrix(dp)[...] = slope


def _categorical_hinge_native(p, t, weight, scale, loss, dp, lo, hi, scratch):
    T = p.dtype.type
    one = T(1)
    for i in range(lo, hi):
        at, largest, inner = 0, (one - t[i, 0]) * p[i, 0], T(0)
        best = largest
        for j in range(p.shape[1]):
            other = (one - t[i, j]) * p[i, j]
            inner += t[i, j] * p[i, j]
            largest = np.maximum(largest, other)
            if other > best:
                best, at = other, j
        margin = largest - inner + one
        factor = weight[i] * T(scale[0]) if margin > T(0) else T(0)
        own = t[i, at]
        loss[i] = np.maximum(margin, T(0))
        for j in range(p.shape[1]):
            dp[i, j] = -t[i, j] * factor
        dp[i, at] += (one - own) * factor


# Lin et al. 2017 for classes, as Keras has it: q = p / sum(p), clipped; value = -sum_j alpha_j t_j (1 - q_j)^gamma log q_j
def _categorical_focal_reference(p, t, alpha, weight, scale, gamma, loss, dp):
    p2, t2, gamma = matrix(p), matrix(t), float(gamma)
    share = t2 * alpha.reshape(-1)
    with np.errstate(all="ignore"):
        total = p2.sum(axis=1, keepdims=True)
        q = p2 / total
        clipped = np.clip(q, EPSILON, 1 - EPSILON)
        values = -(share * np.power(1 - clipped, gamma) * np.log(clipped)).sum(axis=1)
        inside = (q > EPSILON) & (q < 1 - EPSILON)
        steep = gamma * np.power(1 - clipped, gamma - 1) * np.log(clipped) - np.power(1 - clipped, gamma) / clipped
        slope = np.where(inside, share * steep, 0)
        inner = (slope * q).sum(axis=1, keepdims=True)
        slope = (slope - inner) / total * (weight.reshape(-1, 1) * p.dtype.type(scale))
    loss[...] = values.reshape(loss.shape)
    matrix(dp)[...] = slope


def _categorical_focal_native(p, t, alpha, weight, scale, gamma, loss, dp, lo, hi, scratch):
    T = p.dtype.type
    low, high, one, g = T(EPSILON), T(1.0 - EPSILON), T(1), T(gamma[0])
    for i in range(lo, hi):
        total = T(0)
        for j in range(p.shape[1]):
            total += p[i, j]
        value, inner = T(0), T(0)
        for j in range(p.shape[1]):
            q = p[i, j] / total
            c = np.minimum(np.maximum(q, low), high)
            share, logarithm = t[i, j] * alpha[j], np.log(c)
            value -= share * (one - c) ** g * logarithm
            slope = T(0)
            if q > low and q < high:
                slope = share * (g * (one - c) ** (g - one) * logarithm - (one - c) ** g / c)
            inner += slope * q  # NaN where an entry of the row is not finite
        loss[i] = value
        factor = weight[i] * T(scale[0]) / total
        for j in range(p.shape[1]):
            c = p[i, j] / total
            slope = T(0)
            if c > low and c < high:
                slope = t[i, j] * alpha[j] * (g * (one - c) ** (g - one) * np.log(c) - (one - c) ** g / c)
            dp[i, j] = (slope - inner) * factor


# value = 1 - a s / (b s + c sum(t) + d sum(p) + EPSILON) with s = <p, t>: Dice and Tversky by their numbers
def _overlap_reference(p, t, weight, scale, a, b, c, d, loss, dp):
    p2, t2, (a, b, c, d) = matrix(p), matrix(t), map(float, (a, b, c, d))
    with np.errstate(all="ignore"):
        both = (p2 * t2).sum(axis=1, keepdims=True)
        below = b * both + c * t2.sum(axis=1, keepdims=True) + d * p2.sum(axis=1, keepdims=True) + EPSILON
        share = a * both / below
        slope = (share * (b * t2 + d) - a * t2) / below * (weight.reshape(-1, 1) * p.dtype.type(scale))
    loss[...] = (1 - share).reshape(loss.shape)
    matrix(dp)[...] = slope


def _overlap_native(p, t, weight, scale, a, b, c, d, loss, dp, lo, hi, scratch):
    T = p.dtype.type
    for i in range(lo, hi):
        both, targets, given = 0.0, 0.0, 0.0  # in double: a group may be a whole batch of images
        for j in range(p.shape[1]):
            both += np.float64(p[i, j]) * np.float64(t[i, j])
            targets += np.float64(t[i, j])
            given += np.float64(p[i, j])
        below = b[0] * both + c[0] * targets + d[0] * given + EPSILON
        share = a[0] * both / below
        loss[i] = T(1.0 - share)
        factor = weight[i] * T(scale[0]) / T(below)
        of_target, of_all = T(share * b[0] - a[0]), T(share * d[0])
        for j in range(p.shape[1]):
            dp[i, j] = (of_target * t[i, j] + of_all) * factor


def _record(name: str, signature: str, reference, native, cost: float, geometry: str = "warps") -> Kernel:
    return register(
        Kernel(
            name=name, operands=parse(signature), extent=first_rows, reference=reference, native=native,
            cuda=cuda_kernel("vector_losses.cu", name, EPSILON=repr(EPSILON)), geometry=geometry, family=name,
            cost=lambda p, *a: cost * columns_of(p),
        )
    )


_PLAIN = "p, t, weight:col, scale:const -> loss:col, dp"
COSINE_SIMILARITY = _record("cosine_similarity", _PLAIN, _cosine_reference, _cosine_native, 2.0)
CATEGORICAL_HINGE = _record("categorical_hinge", _PLAIN, _categorical_hinge_reference, _categorical_hinge_native, 2.0)
CATEGORICAL_FOCAL = _record(
    "categorical_focal_crossentropy", "p, t, alpha:row, weight:col, scale:const, gamma:const -> loss:col, dp",
    _categorical_focal_reference, _categorical_focal_native, 60.0,
)
OVERLAP = _record(
    "overlap", "p, t, weight:col, scale:const, a:const, b:const, c:const, d:const -> loss:col, dp", _overlap_reference, _overlap_native,
    2.0, "rows",
)
