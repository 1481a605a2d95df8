"""Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): the same bits in NumPy, Numba and CUDA.

Counter words: (block, stream, step low, step high); key: the 64-bit seed, low word first. A uniform is ``(word >> 8) * 2**-24``.
"""

from typing import Any

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, first_rows, parse, register

M0, M1, W0, W1 = 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85
MASK = 0xFFFFFFFF
AT_ONCE = 64  # blocks of four words that the CPU makes together


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
    st, th = np.uint64(stream[0]), np.uint32(threshold[0])
    f = x.dtype.type(scale[0])
    start, stop = lo * columns, hi * columns
    word, zero = np.empty((4, AT_ONCE), np.uint32), x.dtype.type(0)
    for first in range(start // 4, (stop + 3) // 4, AT_ONCE):  # so many blocks, a step at a time: each of these loops is one of vectors
        for q in range(AT_ONCE):
            a, b, c, d = philox_block(np.uint64(first + q), st, s0, s1, k0, k1)
            word[0, q], word[1, q], word[2, q], word[3, q] = np.uint32(a), np.uint32(b), np.uint32(c), np.uint32(d)
        if start <= 4 * first and 4 * (first + AT_ONCE) <= stop:
            for q in range(AT_ONCE):
                e = 4 * (first + q)
                y[e] = x[e] * f if word[0, q] >= th else zero
                y[e + 1] = x[e + 1] * f if word[1, q] >= th else zero
                y[e + 2] = x[e + 2] * f if word[2, q] >= th else zero
                y[e + 3] = x[e + 3] * f if word[3, q] >= th else zero
        else:  # the ragged ends
            for e in range(max(start, 4 * first), min(stop, 4 * (first + AT_ONCE))):
                y[e] = x[e] * f if word[e & 3, (e >> 2) - first] >= th else zero


DROPOUT = register(
    Kernel(
        name="dropout",
        operands=parse("x, step:row:i8, seed:const:i8, stream:const:i8, threshold:const:i8, scale:const -> y"),
        extent=first_rows, reference=_dropout_reference, native=_dropout_native,
        cuda=cuda_kernel("philox.cu", "dropout"), per_thread=4, cost=lambda x, *a: 0.6 * columns_of(x),
    )
)
