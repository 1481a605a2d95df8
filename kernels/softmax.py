"""Softmax over the columns of each row: alone (true Jacobian) and fused with cross-entropy."""

import numpy as np

from gpunn.kernels import vector_math
from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, first_rows, matrix, parse, register


def _softmax_rows(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _softmax_reference(z, y):
    matrix(y)[...] = _softmax_rows(matrix(z))


def _softmax_native(z, y, lo, hi, scratch):
    for i in range(lo, hi):
        top = vector_math.largest(z[i])
        total = z.dtype.type(0)
        for j in range(z.shape[1]):
            y[i, j] = vector_math.exp(z[i, j] - top)
            total += y[i, j]
        inverse = z.dtype.type(1) / total
        for j in range(z.shape[1]):
            y[i, j] *= inverse


def _softmax_bwd_reference(dy, y, dx):
    dy, y = matrix(dy), matrix(y)
    matrix(dx)[...] = y * (dy - (dy * y).sum(axis=1, keepdims=True))


def _softmax_bwd_native(dy, y, dx, lo, hi, scratch):
    for i in range(lo, hi):
        inner = y.dtype.type(0)
        for j in range(y.shape[1]):
            inner += dy[i, j] * y[i, j]
        for j in range(y.shape[1]):
            dx[i, j] = y[i, j] * (dy[i, j] - inner)


def _sparse_reference(z, label, weight, scale, p, loss, dz):
    z, rows = matrix(z), np.arange(z.shape[0])
    top = z.max(axis=1)
    shifted = z - top[:, None]
    e = np.exp(shifted)
    total = e.sum(axis=1)
    loss[...] = np.log(total) - shifted[rows, label.reshape(-1)]
    prob = e / total[:, None]
    matrix(p)[...] = prob
    grad = prob.copy()
    grad[rows, label.reshape(-1)] -= 1
    matrix(dz)[...] = grad * (weight.reshape(-1, 1) * z.dtype.type(scale))


def _sparse_native(z, label, weight, scale, p, loss, dz, lo, hi, scratch):
    one = z.dtype.type(1)
    for i in range(lo, hi):
        top = vector_math.largest(z[i])
        total = z.dtype.type(0)
        target = z[i, label[i]] - top  # before p and dz, which may share z's memory
        for j in range(z.shape[1]):
            e = vector_math.exp(z[i, j] - top)
            p[i, j] = e
            total += e
        loss[i] = np.log(total) - target
        inverse = one / total
        factor = weight[i] * z.dtype.type(scale[0])
        for j in range(z.shape[1]):
            q = p[i, j] * inverse
            p[i, j] = q
            dz[i, j] = q * factor
        dz[i, label[i]] -= factor


def _dense_reference(z, target, weight, scale, p, loss, dz):
    z, t = matrix(z), matrix(target)
    shifted = z - z.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss[...] = -(t * logs).sum(axis=1)
    prob = np.exp(logs)
    matrix(p)[...] = prob
    matrix(dz)[...] = (prob * t.sum(axis=1, keepdims=True) - t) * (weight.reshape(-1, 1) * z.dtype.type(scale))


def _dense_native(z, target, weight, scale, p, loss, dz, lo, hi, scratch):
    for i in range(lo, hi):
        top = vector_math.largest(z[i])
        total = z.dtype.type(0)
        mass = z.dtype.type(0)
        inner = z.dtype.type(0)
        for j in range(z.shape[1]):
            shifted = z[i, j] - top
            inner += target[i, j] * shifted
            mass += target[i, j]
            e = vector_math.exp(shifted)
            p[i, j] = e
            total += e
        loss[i] = np.log(total) * mass - inner
        inverse = z.dtype.type(1) / total
        factor = weight[i] * z.dtype.type(scale[0])
        for j in range(z.shape[1]):
            q = p[i, j] * inverse
            p[i, j] = q
            dz[i, j] = (q * mass - target[i, j]) * factor


def _record(name: str, signature: str, reference, native, cost: float) -> Kernel:
    return register(
        Kernel(
            name=name, operands=parse(signature), extent=first_rows, reference=reference, native=native,
            cuda=cuda_kernel("softmax.cu", name), geometry="warps", cost=lambda z, *a: cost * columns_of(z),
        )
    )


SOFTMAX = _record("softmax", "z -> y", _softmax_reference, _softmax_native, 8.0)
SOFTMAX_BWD = _record("softmax_bwd", "dy, y -> dx", _softmax_bwd_reference, _softmax_bwd_native, 1.0)
# p = softmax(z); loss = -log p[label]; dz = weight * scale * (p - onehot(label))
SOFTMAX_CE_SPARSE = _record(
    "softmax_ce_sparse", "z, label:col:i4, weight:col, scale:const -> p, loss:col, dz", _sparse_reference, _sparse_native, 9.0
)
# the same with a distribution over the columns as target
SOFTMAX_CE_DENSE = _record(
    "softmax_ce_dense", "z, target, weight:col, scale:const -> p, loss:col, dz", _dense_reference, _dense_native, 9.0
)
