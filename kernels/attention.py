"""Scaled dot-product attention (Vaswani et al. 2017) of every head and row: shares, mixture, and their gradients.

q is (rows, T, heads, width), k (rows, S, heads, width), v (rows, S, heads, width of values); shares p (rows, heads, T, S). A place that is
masked gets the score `OUT`; where every place is, all get the same share, as in JAX.
"""

import numpy as np

from gpunn.kernels import vector_math
from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, first_rows, parse, register

QUERIES, KEYS, WHOLE, CAUSAL = 1, 2, 4, 8  # masks that count: of queries (rows, T), of keys (rows, S), of pairs (rows, T S); s <= t only
OUT = -1e9


def _four(x, steps, heads):
    return x.reshape(x.shape[0], steps, heads, columns_of(x) // (steps * heads))


def _allowed(queries, keys, whole, options, rows, steps, others):
    out = np.ones((rows, 1, steps, others), bool)
    if options & QUERIES:
        out = out & (queries.reshape(rows, 1, steps, 1) != 0)
    if options & KEYS:
        out = out & (keys.reshape(rows, 1, 1, others) != 0)
    if options & WHOLE:
        out = out & (whole.reshape(rows, 1, steps, others) != 0)
    return out & np.tri(steps, others, dtype=bool) if options & CAUSAL else out


def _attend_reference(q, k, queries, keys, whole, steps, others, heads, width, scale, options, p):
    steps, others, heads, rows = int(steps), int(others), int(heads), q.shape[0]
    scores = np.einsum("ithd,ishd->ihts", _four(q, steps, heads), _four(k, others, heads)) * q.dtype.type(scale)
    scores = np.where(_allowed(queries, keys, whole, int(options), rows, steps, others), scores, OUT)
    shares = np.exp(scores - scores.max(axis=3, keepdims=True))
    p.reshape(shares.shape)[...] = shares / shares.sum(axis=3, keepdims=True)


def _out(queries, keys, whole, o, i, t, s, S):
    """Whether query t of row i may not look at place s."""
    out = ((o & QUERIES) != 0 and queries[i, t] == 0) or ((o & KEYS) != 0 and keys[i, s] == 0) or ((o & CAUSAL) != 0 and s > t)
    return out or ((o & WHOLE) != 0 and whole[i, t * S + s] == 0)


def _attend_native(q, k, queries, keys, whole, steps, others, heads, width, scale, options, p, lo, hi, scratch):
    T, S, H, K, o = steps[0], others[0], heads[0], width[0], options[0]
    V = q.dtype.type
    factor, far = V(scale[0]), V(OUT)
    for i in range(lo, hi):
        for h in range(H):
            for t in range(T):
                row, own = p[i, (h * T + t) * S : (h * T + t + 1) * S], q[i, (t * H + h) * K : (t * H + h + 1) * K]
                for s in range(S):
                    if _out(queries, keys, whole, o, i, t, s, S):
                        row[s] = far
                    else:
                        other, total = k[i, (s * H + h) * K : (s * H + h + 1) * K], V(0)
                        for d in range(K):
                            total += own[d] * other[d]
                        row[s] = total * factor
                top, total = vector_math.largest(row), V(0)
                for s in range(S):
                    row[s] = vector_math.exp(row[s] - top)
                    total += row[s]
                for s in range(S):
                    row[s] /= total


def _mix_reference(p, v, steps, others, heads, width, y):
    steps, others, heads = int(steps), int(others), int(heads)
    shares = p.reshape(p.shape[0], heads, steps, others)
    y[...] = np.einsum("ihts,ishd->ithd", shares, _four(v, others, heads)).reshape(y.shape)


def _mix_native(p, v, steps, others, heads, width, y, lo, hi, scratch):
    T, S, H, K = steps[0], others[0], heads[0], width[0]
    for i in range(lo, hi):
        for t in range(T):
            for h in range(H):
                row, out = p[i, (h * T + t) * S : (h * T + t + 1) * S], y[i, (t * H + h) * K : (t * H + h + 1) * K]
                for d in range(K):
                    out[d] = y.dtype.type(0)
                for s in range(S):
                    other = v[i, (s * H + h) * K : (s * H + h + 1) * K]
                    for d in range(K):
                        out[d] += row[s] * other[d]


def _mix_bwd_reference(dy, p, v, steps, others, heads, width, dp, dv):
    steps, others, heads = int(steps), int(others), int(heads)
    shares, d = p.reshape(p.shape[0], heads, steps, others), _four(dy, steps, heads)
    dp[...] = np.einsum("ithd,ishd->ihts", d, _four(v, others, heads)).reshape(dp.shape)
    dv[...] = np.einsum("ihts,ithd->ishd", shares, d).reshape(dv.shape)


def _mix_bwd_native(dy, p, v, steps, others, heads, width, dp, dv, lo, hi, scratch):
    T, S, H, K = steps[0], others[0], heads[0], width[0]
    for i in range(lo, hi):
        for j in range(dv.shape[1]):
            dv[i, j] = dv.dtype.type(0)
        for h in range(H):
            for t in range(T):
                at, d = (h * T + t) * S, dy[i, (t * H + h) * K : (t * H + h + 1) * K]
                for s in range(S):
                    other, back = v[i, (s * H + h) * K : (s * H + h + 1) * K], dv[i, (s * H + h) * K : (s * H + h + 1) * K]
                    share, total = p[i, at + s], dy.dtype.type(0)
                    for n in range(K):
                        total += d[n] * other[n]
                    for n in range(K):
                        back[n] += share * d[n]
                    dp[i, at + s] = total


def _attend_bwd_reference(dp, p, q, k, queries, keys, whole, steps, others, heads, width, scale, options, dq, dk):
    steps, others, heads = int(steps), int(others), int(heads)
    allowed = _allowed(queries, keys, whole, int(options), len(q), steps, others)
    p, d = (x.reshape(x.shape[0], heads, steps, others) for x in (p, dp))
    ds = np.where(allowed, p * (d - (p * d).sum(axis=3, keepdims=True)) * q.dtype.type(scale), 0)
    d[...] = ds
    dq[...] = np.einsum("ihts,ishd->ithd", ds, _four(k, others, heads)).reshape(dq.shape)
    dk[...] = np.einsum("ihts,ithd->ishd", ds, _four(q, steps, heads)).reshape(dk.shape)


def _attend_bwd_native(dp, p, q, k, queries, keys, whole, steps, others, heads, width, scale, options, dq, dk, lo, hi, scratch):
    T, S, H, K, o = steps[0], others[0], heads[0], width[0], options[0]
    V = q.dtype.type
    factor = V(scale[0])
    for i in range(lo, hi):
        for j in range(dk.shape[1]):
            dk[i, j] = V(0)
        for h in range(H):
            for t in range(T):
                row, d = p[i, (h * T + t) * S : (h * T + t + 1) * S], dp[i, (h * T + t) * S : (h * T + t + 1) * S]
                own, back = q[i, (t * H + h) * K : (t * H + h + 1) * K], dq[i, (t * H + h) * K : (t * H + h + 1) * K]
                inner = V(0)
                for s in range(S):
                    inner += row[s] * d[s]
                for n in range(K):
                    back[n] = V(0)
                for s in range(S):
                    d[s] = V(0) if _out(queries, keys, whole, o, i, t, s, S) else row[s] * (d[s] - inner) * factor
                    other, behind = k[i, (s * H + h) * K : (s * H + h + 1) * K], dk[i, (s * H + h) * K : (s * H + h + 1) * K]
                    for n in range(K):
                        back[n] += d[s] * other[n]
                    for n in range(K):
                        behind[n] += d[s] * own[n]


_SIZES = "steps:const:i8, others:const:i8, heads:const:i8, width:const:i8"


def _record(name: str, signature: str, reference, native, cost: float) -> Kernel:
    return register(
        Kernel(
            name=name, operands=parse(signature), extent=first_rows, reference=reference, native=native, family="attention",
            cuda=cuda_kernel("attention.cu", name, **WORDS), geometry="rows", cost=lambda *a: cost * columns_of(a[0]) * 16,
        )
    )


WORDS = {n: f"{b}LL" for n, b in (("QUERIES", QUERIES), ("KEYS", KEYS), ("WHOLE", WHOLE), ("CAUSAL", CAUSAL))} | {"OUT": f"T({OUT!r})"}
ATTEND = _record(
    "attend", f"q, k, queries, keys, whole, {_SIZES}, scale:const, options:const:i8 -> p", _attend_reference, _attend_native, 1.0
)
MIX = _record("mix", f"p, v, {_SIZES} -> y", _mix_reference, _mix_native, 0.5)
MIX_BWD = _record("mix_bwd", f"dy, p, v, {_SIZES} -> dp, dv", _mix_bwd_reference, _mix_bwd_native, 1.0)
ATTEND_BWD = _record(
    "attend_bwd", f"dp, p, q, k, queries, keys, whole, {_SIZES}, scale:const, options:const:i8 -> dp, dq, dk", _attend_bwd_reference,
    _attend_bwd_native, 1.0,
)
