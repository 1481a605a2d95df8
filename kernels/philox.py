"""Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): the same bits in NumPy, Numba and CUDA.

Counter words: (block, stream, step low, step high); key: the 64-bit seed, low word first. A uniform is ``(word >> 8) * 2**-24``.
"""

from typing import Any

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, first_rows, parse, register

M0, M1, W0, W1 = 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85
MASK = 0xFFFFFFFF


def philox(c0: np.ndarray, c1: Any, c2: Any, c3: Any, k0: int, k1: int) -> tuple[np.ndarray, ...]:
    """Four uint32 words a counter. Counters are integer arrays or integers, broadcast together; keys are integers below 2**32."""
    x, y, z, w = (np.asarray(c, np.uint64) & np.uint64(MASK) for c in (c0, c1, c2, c3))
    for _ in range(10):
        p0, p1 = x * np.uint64(M0), z * np.uint64(M1)
        x, y, z, w = (
            (p1 >> np.uint64(32)) ^ y ^ np.uint64(k0), p1 & np.uint64(MASK),
            (p0 >> np.uint64(32)) ^ w ^ np.uint64(k1), p0 & np.uint64(MASK),
        )
        k0, k1 = (k0 + W0) & MASK, (k1 + W1) & MASK
    return tuple(np.broadcast_to(a, np.broadcast_shapes(x.shape, y.shape, z.shape, w.shape)).astype(np.uint32) for a in (x, y, z, w))


def words(n: int, seed: int, stream: int, step: int) -> np.ndarray:
    """The first n uint32 words of (seed, stream, step)."""
    blocks = np.arange((n + 3) // 4)
    out = philox(blocks, stream, step & MASK, (step >> 32) & MASK, seed & MASK, (seed >> 32) & MASK)
    return np.stack(out, axis=1).reshape(-1)[:n]


def philox_block(q, stream, s0, s1, k0, k1):
    """One block, for Numba: unsigned 64-bit scalars throughout, so that products do not overflow."""
    x, y, z, w = q & np.uint64(MASK), stream, s0, s1
    for _ in range(10):
        p0 = x * np.uint64(M0)
        p1 = z * np.uint64(M1)
        x, y, z, w = (p1 >> np.uint64(32)) ^ y ^ k0, p1 & np.uint64(MASK), (p0 >> np.uint64(32)) ^ w ^ k1, p0 & np.uint64(MASK)
        k0 = (k0 + np.uint64(W0)) & np.uint64(MASK)
        k1 = (k1 + np.uint64(W1)) & np.uint64(MASK)
    return x, y, z, w


def _dropout_reference(x, step, seed, stream, threshold, scale, y):
    r = words(x.size, int(seed) & (2**64 - 1), int(stream), int(step.reshape(-1)[0])).reshape(x.shape)
    np.multiply(x, scale, out=y, casting="same_kind")
    y[r < np.uint32(int(threshold))] = 0


def _dropout_native(x, step, seed, stream, threshold, scale, y, lo, hi, scratch):
    columns = x.shape[1]
    x, y = x.reshape(x.size), y.reshape(y.size)
    t = np.uint64(step[0])
    s0, s1 = t & np.uint64(MASK), t >> np.uint64(32)
    key = np.uint64(seed[0])
    k0, k1 = key & np.uint64(MASK), key >> np.uint64(32)
    st, th = np.uint64(stream[0]), np.uint64(threshold[0])
    f = x.dtype.type(scale[0])
    start, stop = lo * columns, hi * columns
    q0, q1 = (start + 3) // 4, stop // 4
    for q in range(q0, q1):  # whole blocks: this loop vectorises
        a, b, c, d = philox_block(np.uint64(q), st, s0, s1, k0, k1)
        y[4 * q] = x[4 * q] * f if a >= th else x.dtype.type(0)
        y[4 * q + 1] = x[4 * q + 1] * f if b >= th else x.dtype.type(0)
        y[4 * q + 2] = x[4 * q + 2] * f if c >= th else x.dtype.type(0)
        y[4 * q + 3] = x[4 * q + 3] * f if d >= th else x.dtype.type(0)
    for e in range(start, stop):  # the ragged ends
        if e >= 4 * q0 and e < 4 * q1:
            continue
        r = philox_block(np.uint64(e // 4), st, s0, s1, k0, k1)
        y[e] = x[e] * f if r[e % 4] >= th else x.dtype.type(0)


DROPOUT = register(
    Kernel(
        name="dropout",
        operands=parse("x, step:row:i8, seed:const:i8, stream:const:i8, threshold:const:i8, scale:const -> y"),
        extent=first_rows, reference=_dropout_reference, native=_dropout_native,
        cuda=cuda_kernel("philox.cu", "dropout"), per_thread=4, cost=lambda x, *a: 1.0 * columns_of(x),
    )
)
