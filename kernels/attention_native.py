"""The CPU's attention: scores, mixtures and their gradients as products of a head's rows, read where they lie. Needs Numba."""

from typing import Any

import numpy as np
from numba import njit

from gpunn.kernels import vector_math, vector_native  # noqa: F401  (the second teaches Numba the functions of the first)
from gpunn.kernels.attention import CAUSAL, KEYS, OUT, QUERIES, WHOLE
from gpunn.kernels.conv_places import products, take
from gpunn.kernels.gemm_moves import flip
from gpunn.kernels.gemm_tiles import ROWS_N, VECTOR, VECTORS_N
from gpunn.kernels.linked import APART, PLAIN
from gpunn.kernels.native import FAST, address, widest

_fast: dict[str, Any] = {"nogil": True, "error_model": "numpy", **PLAIN}
_apart: Any = njit(nogil=True, error_model="numpy", fastmath=eval(FAST), **APART)
_flip_n = flip(ROWS_N)


@njit(**_fast)
def _tables(like, first, second, pitch, scratch):
    """-> (tile rows' addresses, offsets of numbers side by side, offsets of numbers `pitch` apart, where private memory goes on)."""
    starts, at = take(scratch, ROWS_N, np.int64(0))
    beside, at = take(at, first, np.int32(0))
    apart, at = take(at, second, np.int32(0))
    for t in range(first):
        beside[t] = t
    for t in range(second):
        apart[t] = t * pitch
    return starts, beside, apart, at


@njit(**_fast)
def _multiply(like, starts, left, pitch, rows, table, count, right, line, columns, out, to):
    """out[r, c] = sum over t < count of left[r, table[t]] * right[t, c]; left, right and out are addresses, their rows `pitch`, `line` and
    `to` numbers apart."""
    size, step = like.itemsize, VECTORS_N * (VECTOR // like.itemsize)
    for j in range(0, columns, step):
        w = min(step, columns - j)
        for p in range(0, rows, ROWS_N):
            first = max(0, min(p, rows - ROWS_N))  # the last tile begins earlier rather than be a short one
            m = min(ROWS_N, rows - first)
            for q in range(m):
                starts[q] = left + (first + q) * pitch * size
            by, c = right + j * size, out + (first * to + j) * size
            products(like.dtype.type(0), address(starts), m, address(table), count, by, line, w, c, to, 0, 0)


@njit(**_fast)
def _turned(x, i, h, steps, heads, width, out):
    """out[d, s] = x[i, s, h, d]."""
    line, size = heads * width, x.itemsize
    wide, deep = steps // ROWS_N * ROWS_N, width // ROWS_N * ROWS_N
    start = address(x) + (i * x.shape[1] + h * width) * size
    for s in range(0, wide, ROWS_N):
        for d in range(0, deep, ROWS_N):
            _flip_n(x, start + (s * line + d) * size, line, address(out) + (d * steps + s) * size, steps)
    for s in range(steps):
        for d in range(deep if s < wide else 0, width):
            out[d * steps + s] = x[i, s * line + h * width + d]


@njit(**_fast)
def _hidden(queries, keys, whole, o, i, t, s, S):
    """Whether query t of row i may not look at place s."""
    out = ((o & QUERIES) != 0 and queries[i, t] == 0) or ((o & KEYS) != 0 and keys[i, s] == 0) or ((o & CAUSAL) != 0 and s > t)
    return out or ((o & WHOLE) != 0 and whole[i, t * S + s] == 0)


@_apart
def _below_largest(row):
    widest()
    top = vector_math.largest(row)
    for s in range(row.size):
        row[s] = row[s] - top


@_apart
def _times(row, factor):
    widest()
    for s in range(row.size):
        row[s] *= factor


@_apart
def _exponentials(block):
    widest()
    for j in range(block.size):
        block[j] = vector_math.exp(block[j])


@_apart
def _shared(row):
    widest()
    total = row.dtype.type(0)
    for s in range(row.size):
        total += row[s]
    for s in range(row.size):
        row[s] /= total


@_apart
def _through_softmax(d, share, factor):
    """The gradient of a row's scores from that of its shares."""
    widest()
    inner = d.dtype.type(0)
    for s in range(d.size):
        inner += share[s] * d[s]
    for s in range(d.size):
        d[s] = share[s] * (d[s] - inner) * factor


@njit(**_fast)
def attend(q, k, queries, keys, whole, steps, others, heads, width, scale, options, p, lo, hi, scratch):
    T, S, H, K, o = steps[0], others[0], heads[0], width[0], options[0]
    size, far, factor = q.itemsize, q.dtype.type(OUT), q.dtype.type(scale[0])
    starts, beside, _, at = _tables(q, K, 0, 1, scratch)
    turned, _ = take(at, K * S, q)
    for i in range(lo, hi):
        for h in range(H):
            block = p[i, h * T * S : (h + 1) * T * S]
            _turned(k, i, h, S, H, K, turned)
            left = address(q) + (i * q.shape[1] + h * K) * size
            _multiply(q, starts, left, H * K, T, beside, K, address(turned), S, S, address(block), S)
            _times(block, factor)
            if o != 0:
                for t in range(T):
                    for s in range(S):
                        if _hidden(queries, keys, whole, o, i, t, s, S):
                            block[t * S + s] = far
            for t in range(T):
                _below_largest(block[t * S : (t + 1) * S])
            _exponentials(block)
            for t in range(T):
                _shared(block[t * S : (t + 1) * S])


@njit(**_fast)
def mix(p, v, steps, others, heads, width, y, lo, hi, scratch):
    T, S, H, K = steps[0], others[0], heads[0], width[0]
    size = p.itemsize
    starts, beside, _, _ = _tables(p, S, 0, 1, scratch)
    for i in range(lo, hi):
        for h in range(H):
            left, right = address(p) + (i * p.shape[1] + h * T * S) * size, address(v) + (i * v.shape[1] + h * K) * size
            out = address(y) + (i * y.shape[1] + h * K) * size
            _multiply(p, starts, left, S, T, beside, S, right, H * K, K, out, H * K)


@njit(**_fast)
def mix_bwd(dy, p, v, steps, others, heads, width, dp, dv, lo, hi, scratch):
    T, S, H, K = steps[0], others[0], heads[0], width[0]
    size = p.itemsize
    starts, beside, apart, at = _tables(p, K, T, S, scratch)
    turned, _ = take(at, K * S, p)
    for i in range(lo, hi):
        for h in range(H):
            shares, up = address(p) + (i * p.shape[1] + h * T * S) * size, address(dy) + (i * dy.shape[1] + h * K) * size
            _turned(v, i, h, S, H, K, turned)
            _multiply(p, starts, up, H * K, T, beside, K, address(turned), S, S, address(dp) + (i * dp.shape[1] + h * T * S) * size, S)
            _multiply(p, starts, shares, 1, S, apart, T, up, H * K, K, address(dv) + (i * dv.shape[1] + h * K) * size, H * K)


@njit(**_fast)
def attend_bwd(dp, p, q, k, queries, keys, whole, steps, others, heads, width, scale, options, dq, dk, lo, hi, scratch):
    T, S, H, K, o = steps[0], others[0], heads[0], width[0], options[0]
    size, factor = q.itemsize, q.dtype.type(scale[0])
    starts, beside, apart, _ = _tables(q, S, T, S, scratch)
    for i in range(lo, hi):
        for h in range(H):
            first, column = h * T * S, h * K
            for t in range(T):
                at = first + t * S
                _through_softmax(dp[i, at : at + S], p[i, at : at + S], factor)
                if o != 0:
                    for s in range(S):
                        if _hidden(queries, keys, whole, o, i, t, s, S):
                            dp[i, at + s] = dp.dtype.type(0)
            d, other = address(dp) + (i * dp.shape[1] + first) * size, address(k) + (i * k.shape[1] + column) * size
            own = address(q) + (i * q.shape[1] + column) * size
            _multiply(q, starts, d, S, T, beside, S, other, H * K, K, address(dq) + (i * dq.shape[1] + column) * size, H * K)
            _multiply(q, starts, d, 1, S, apart, T, own, H * K, K, address(dk) + (i * dk.shape[1] + column) * size, H * K)
