"""Cross-entropy on probabilities, and the accuracies that compare an argmax. Row kernels."""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, first_rows, matrix, parse, register
from gpunn.kernels.row_losses import EPSILON


# Keras: q = p / sum(p), clipped to [eps, 1 - eps]; loss = -sum t log q. The clip has no gradient outside.
def _dense_reference(p, target, weight, scale, loss, dp):
    p2, t = matrix(p), matrix(target)
    total = p2.sum(axis=1, keepdims=True)
    q = p2 / total
    loss[...] = -(t * np.log(np.clip(q, EPSILON, 1 - EPSILON))).sum(axis=1)
    inside = t * ((q > EPSILON) & (q < 1 - EPSILON))
    with np.errstate(all="ignore"):
        grad = inside.sum(axis=1, keepdims=True) / total - np.where(inside != 0, inside / p2, 0)
    matrix(dp)[...] = grad * (weight.reshape(-1, 1) * p.dtype.type(scale))


def _dense_native(p, target, weight, scale, loss, dp, lo, hi, scratch):
    T = p.dtype.type
    low, high = T(EPSILON), T(1.0 - EPSILON)
    for i in range(lo, hi):
        total = T(0)
        for j in range(p.shape[1]):
            total += p[i, j]
        value, mass = T(0), T(0)
        for j in range(p.shape[1]):
            q = p[i, j] / total
            value -= target[i, j] * np.log(min(max(q, low), high))
            if q > low and q < high:
                mass += target[i, j]
        loss[i] = value
        factor = weight[i] * T(scale[0])
        for j in range(p.shape[1]):
            q = p[i, j] / total
            own = target[i, j] / p[i, j] if q > low and q < high else T(0)
            dp[i, j] = (mass / total - own) * factor


def _sparse_reference(p, label, weight, scale, loss, dp):
    onehot = np.zeros((p.shape[0], columns_of(p)), p.dtype)
    onehot[np.arange(p.shape[0]), label.reshape(-1)] = 1
    _dense_reference(p, onehot, weight, scale, loss, dp)


def _sparse_native(p, label, weight, scale, loss, dp, lo, hi, scratch):
    T = p.dtype.type
    low, high = T(EPSILON), T(1.0 - EPSILON)
    for i in range(lo, hi):
        total = T(0)
        for j in range(p.shape[1]):
            total += p[i, j]
        k = label[i]
        own = p[i, k]  # before dp, which may share p's memory
        q = own / total
        zero = T(0) if np.isfinite(total) else T(np.nan)  # an entry of the row that is not finite spoils everything
        loss[i] = zero - np.log(min(max(q, low), high))
        clipped = q <= low or q >= high  # no gradient; p[i, k] may be zero
        factor = zero if clipped else weight[i] * T(scale[0])
        for j in range(p.shape[1]):
            dp[i, j] = factor / total
        if not clipped:
            dp[i, k] -= factor / own


def _sparse_hit_reference(p, label, hit):
    hit[...] = matrix(p).argmax(axis=1) == label.reshape(-1)


def _sparse_hit_native(p, label, hit, lo, hi, scratch):
    for i in range(lo, hi):
        best = 0
        for j in range(1, p.shape[1]):
            if p[i, j] > p[i, best]:
                best = j
        hit[i] = p.dtype.type(1) if best == label[i] else p.dtype.type(0)


def _dense_hit_reference(p, target, hit):
    hit[...] = matrix(p).argmax(axis=1) == matrix(target).argmax(axis=1)


def _dense_hit_native(p, target, hit, lo, hi, scratch):
    for i in range(lo, hi):
        best, label = 0, 0
        for j in range(1, p.shape[1]):
            if p[i, j] > p[i, best]:
                best = j
            if target[i, j] > target[i, label]:
                label = j
        hit[i] = p.dtype.type(1) if best == label else p.dtype.type(0)


def _binary_hit_reference(p, target, threshold, hit):
    hit[...] = ((matrix(p) > threshold) == matrix(target)).mean(axis=1)  # a target that is neither 0 nor 1 is never hit, as in Keras


def _binary_hit_native(p, target, threshold, hit, lo, hi, scratch):
    T = p.dtype.type
    for i in range(lo, hi):
        total = T(0)
        for j in range(p.shape[1]):
            if (T(1) if p[i, j] > T(threshold[0]) else T(0)) == target[i, j]:
                total += T(1)
        hit[i] = total / T(p.shape[1])


def _record(name: str, signature: str, reference, native) -> Kernel:
    return register(
        Kernel(
            name=name, operands=parse(signature), extent=first_rows, reference=reference, native=native,
            cuda=cuda_kernel("categorical.cu", name, EPSILON=repr(EPSILON)), geometry="warps", cost=lambda p, *a: 3.0 * columns_of(p),
        )
    )


CROSSENTROPY_SPARSE = _record(
    "crossentropy_sparse", "p, label:col:i4, weight:col, scale:const -> loss:col, dp", _sparse_reference, _sparse_native
)
CROSSENTROPY_DENSE = _record("crossentropy_dense", "p, target, weight:col, scale:const -> loss:col, dp", _dense_reference, _dense_native)
HIT_SPARSE = _record("hit_sparse", "p, label:col:i4 -> hit:col", _sparse_hit_reference, _sparse_hit_native)
HIT_DENSE = _record("hit_dense", "p, target -> hit:col", _dense_hit_reference, _dense_hit_native)
HIT_BINARY = _record("hit_binary", "p, target, threshold:const -> hit:col", _binary_hit_reference, _binary_hit_native)
