"""Scaled dot-product attention (Vaswani et al. 2017) of every head and row: shares, mixture, and their gradients.

q is (rows, T, heads, width), k (rows, S, heads, width), v (rows, S, heads, width of values); shares p (rows, heads, T, S). A place that is
masked gets the score `OUT`; where every place is, all get the same share, as in JAX.
"""

import numpy as np

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


def _mix_reference(p, v, steps, others, heads, width, y):
    steps, others, heads = int(steps), int(others), int(heads)
    shares = p.reshape(p.shape[0], heads, steps, others)
    y[...] = np.einsum("ihts,ishd->ithd", shares, _four(v, others, heads)).reshape(y.shape)


def _mix_bwd_reference(dy, p, v, steps, others, heads, width, dp, dv):
    steps, others, heads = int(steps), int(others), int(heads)
    shares, d = p.reshape(p.shape[0], heads, steps, others), _four(dy, steps, heads)
    dp[...] = np.einsum("ithd,ishd->ihts", d, _four(v, others, heads)).reshape(dp.shape)
    dv[...] = np.einsum("ihts,ithd->ishd", shares, d).reshape(dv.shape)


def _attend_bwd_reference(dp, p, q, k, queries, keys, whole, steps, others, heads, width, scale, options, dq, dk):
    steps, others, heads = int(steps), int(others), int(heads)
    allowed = _allowed(queries, keys, whole, int(options), len(q), steps, others)
    p, d = (x.reshape(x.shape[0], heads, steps, others) for x in (p, dp))
    ds = np.where(allowed, p * (d - (p * d).sum(axis=3, keepdims=True)) * q.dtype.type(scale), 0)
    d[...] = ds
    dq[...] = np.einsum("ihts,ishd->ithd", ds, _four(k, others, heads)).reshape(dq.shape)
    dk[...] = np.einsum("ihts,ithd->ishd", ds, _four(q, steps, heads)).reshape(dk.shape)


_SIZES = "steps:const:i8, others:const:i8, heads:const:i8, width:const:i8"


def _scratch(*arguments) -> int:
    """Bytes: a head's keys or values transposed, and tables of offsets. The sizes are the four numbers side by side."""
    steps, others, _, width = (int(a) for a in [a for a in arguments if not getattr(a, "ndim", 0)][:4])
    return others * width * arguments[0].itemsize + 4 * (2 * steps + others + width) + 512


def _record(name: str, signature: str, reference, cost: float) -> Kernel:
    return register(
        Kernel(
            name=name, operands=parse(signature), extent=first_rows, reference=reference, family="attention",
            native_text=f"from gpunn.kernels.attention_native import {name} as body", scratch=_scratch,
            cuda=cuda_kernel("attention.cu", name, **WORDS), geometry="rows", cost=lambda *a: cost * columns_of(a[0]),
        )
    )


WORDS = {n: f"{b}LL" for n, b in (("QUERIES", QUERIES), ("KEYS", KEYS), ("WHOLE", WHOLE), ("CAUSAL", CAUSAL))} | {"OUT": f"T({OUT!r})"}
ATTEND = _record("attend", f"q, k, queries, keys, whole, {_SIZES}, scale:const, options:const:i8 -> p", _attend_reference, 2.0)
MIX = _record("mix", f"p, v, {_SIZES} -> y", _mix_reference, 0.3)
MIX_BWD = _record("mix_bwd", f"dy, p, v, {_SIZES} -> dp, dv", _mix_bwd_reference, 1.3)
ATTEND_BWD = _record(
    "attend_bwd", f"dp, p, q, k, queries, keys, whole, {_SIZES}, scale:const, options:const:i8 -> dp, dq, dk", _attend_bwd_reference, 1.1,
)
