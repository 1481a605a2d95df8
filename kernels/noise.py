"""Noise drawn where the step runs: normal numbers, and masks that elements may share. The same numbers on every device, up to rounding.

Element i of a launch has word i of (seed, stream, step), as dropout's mask; two words make two normals (Box & Muller 1958).
"""

import numpy as np

from gpunn.kernels import vector_math
from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.philox import AT_ONCE, MASK, philox_block, words
from gpunn.kernels.record import Kernel, columns_of, first_rows, parse, register


def normals(n: int, seed: int, stream: int, step: int) -> np.ndarray:
    """Standard normals, float64."""
    r = (words(2 * ((n + 1) // 2), seed, stream, step).astype(np.float64) + 0.5) * 2.0**-32
    radius, angle = np.sqrt(-2.0 * np.log(r[0::2])), 2.0 * np.pi * r[1::2]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)[:n]


def _gaussian_reference(x, step, seed, stream, stddev, relative, y):
    n = normals(x.size, int(seed) & (2**64 - 1), int(stream), int(step.reshape(-1)[0])).reshape(x.shape).astype(x.dtype)
    np.add(x, x.dtype.type(stddev) * n * (x if relative else 1), out=y)


def _radius(x, word):
    """sqrt(-2 log u) for u = (word + 0.5) / 2^32, from the nearer of u and 1 - u, so that float32 loses nothing."""
    T = x.dtype.type
    low = T(np.int64(word)) + T(0.5)
    high = T(np.int64(np.uint64(0xFFFFFFFF) - word)) + T(0.5)
    unit = T(2.0**-32)
    near_zero, near_one = vector_math.log(low * unit), vector_math.log1p(-(high * unit))
    return np.sqrt(T(-2) * (near_zero if word < np.uint64(0x80000000) else near_one))


def _turn(x, word):
    """cos and sin of 2 pi (word + 0.5) / 2^32: the nearest quarter in integers, Taylor's polynomials on the rest."""
    T = x.dtype.type
    quarter = (np.int64(word >> np.uint64(29)) + 1) >> 1
    a = (T(np.int64(word) - (quarter << 30)) + T(0.5)) * T(2.0 * np.pi * 2.0**-32)
    z = a * a
    c = T(1.0 / 20922789888000.0)  # 1 / 16!
    c = c * z - T(1.0 / 87178291200.0)
    c = c * z + T(1.0 / 479001600.0)
    c = c * z - T(1.0 / 3628800.0)
    c = c * z + T(1.0 / 40320.0)
    c = c * z - T(1.0 / 720.0)
    c = c * z + T(1.0 / 24.0)
    c = c * z - T(0.5)
    c = c * z + T(1.0)
    s = T(1.0 / 355687428096000.0)  # 1 / 17!
    s = s * z - T(1.0 / 1307674368000.0)
    s = s * z + T(1.0 / 6227020800.0)
    s = s * z - T(1.0 / 39916800.0)
    s = s * z + T(1.0 / 362880.0)
    s = s * z - T(1.0 / 5040.0)
    s = s * z + T(1.0 / 120.0)
    s = s * z - T(1.0 / 6.0)
    s = (s * z + T(1.0)) * a
    odd, flip, back = (quarter & 1) == 1, (quarter & 2) == 2, ((quarter + 1) & 2) == 2
    cosine, sine = s if odd else c, c if odd else s
    return -cosine if back else cosine, -sine if flip else sine


def _noisy(x, v, n, stddev, relative):
    T = x.dtype.type
    return v + stddev * n * (v if relative != 0 else T(1))


def _gaussian_native(x, step, seed, stream, stddev, relative, y, lo, hi, scratch):
    columns = x.shape[1]
    x, y = x.reshape(x.size), y.reshape(y.size)
    T = x.dtype.type
    t = np.uint64(step[0])
    s0, s1 = t & np.uint64(MASK), t >> np.uint64(32)
    key = np.uint64(seed[0])
    k0, k1 = key & np.uint64(MASK), key >> np.uint64(32)
    st = np.uint64(stream[0])
    f, own = T(stddev[0]), relative[0]
    start, stop = lo * columns, hi * columns
    word, n = np.empty((4, AT_ONCE), np.uint64), np.empty((4, AT_ONCE), T)
    for first in range(start // 4, (stop + 3) // 4, AT_ONCE):  # so many blocks, a step at a time: each of these loops is one of vectors
        for q in range(AT_ONCE):
            word[0, q], word[1, q], word[2, q], word[3, q] = philox_block(np.uint64(first + q), st, s0, s1, k0, k1)
        for pair in range(2):
            for q in range(AT_ONCE):
                radius = _radius(x, word[2 * pair, q])
                cosine, sine = _turn(x, word[2 * pair + 1, q])
                n[2 * pair, q], n[2 * pair + 1, q] = radius * cosine, radius * sine
        for e in range(max(start, 4 * first), min(stop, 4 * (first + AT_ONCE))):
            y[e] = _noisy(x, x[e], n[e & 3, (e >> 2) - first], f, own)


# y = x + stddev * n, or x + stddev * n * x where `relative` is 1; n standard normal
GAUSSIAN = register(
    Kernel(
        name="gaussian", operands=parse("x, step:row:i8, seed:const:i8, stream:const:i8, stddev:const, relative:const:i8 -> y"),
        extent=first_rows, reference=_gaussian_reference, native=_gaussian_native, cuda=cuda_kernel("noise.cu", "gaussian"),
        per_thread=4, cost=lambda x, *a: 5.0 * columns_of(x), family="noise",
    )
)


def _masked_reference(x, step, seed, stream, threshold, scale, shift, dropped, b, c, d, e, y):
    b, c, d, e = int(b), int(c), int(d), int(e)
    count = x.size // (b * d)
    r = words(count, int(seed) & (2**64 - 1), int(stream), int(step.reshape(-1)[0])).reshape(-1, 1, c, 1, e)
    kept = np.broadcast_to(r >= np.uint32(int(threshold)), (count // (c * e), b, c, d, e)).reshape(x.shape)
    T = x.dtype.type
    y[...] = np.where(kept, x * T(scale) + T(shift), T(dropped))


def _masked_native(x, step, seed, stream, threshold, scale, shift, dropped, b, c, d, e, y, lo, hi, scratch):
    T = x.dtype.type
    columns = x.shape[1]
    x, y = x.reshape(x.size), y.reshape(y.size)
    t = np.uint64(step[0])
    s0, s1 = t & np.uint64(MASK), t >> np.uint64(32)
    key = np.uint64(seed[0])
    k0, k1 = key & np.uint64(MASK), key >> np.uint64(32)
    st, th = np.uint64(stream[0]), np.uint64(threshold[0])
    f, g, h = T(scale[0]), T(shift[0]), T(dropped[0])
    start, stop = lo * columns, hi * columns
    if b[0] * d[0] == 1:  # a word each: as many at once as in dropout
        word, cut = np.empty((4, AT_ONCE), np.uint32), np.uint32(th)
        for first in range(start // 4, (stop + 3) // 4, AT_ONCE):
            for q in range(AT_ONCE):
                w0, w1, w2, w3 = philox_block(np.uint64(first + q), st, s0, s1, k0, k1)
                word[0, q], word[1, q], word[2, q], word[3, q] = np.uint32(w0), np.uint32(w1), np.uint32(w2), np.uint32(w3)
            for i in range(max(start, 4 * first), min(stop, 4 * (first + AT_ONCE))):
                y[i] = x[i] * f + g if word[i & 3, (i >> 2) - first] >= cut else h
        return
    for i in range(start, stop):
        inner, outer = i % e[0], i // (e[0] * d[0])
        m = ((outer // (c[0] * b[0])) * c[0] + outer % c[0]) * e[0] + inner
        w0, w1, w2, w3 = philox_block(np.uint64(m // 4), st, s0, s1, k0, k1)
        w = (w0 if m % 4 == 0 else w1) if m % 4 < 2 else (w2 if m % 4 == 2 else w3)
        y[i] = x[i] * f + g if w >= th else h


# x is (a, b, c, d, e); elements that differ only in b and d share a word. y = x * scale + shift where it is kept, else `dropped`
MASKED = register(
    Kernel(
        name="masked",
        operands=parse(
            "x, step:row:i8, seed:const:i8, stream:const:i8, threshold:const:i8, scale:const, shift:const, dropped:const, b:const:i8, "
            "c:const:i8, d:const:i8, e:const:i8 -> y"
        ),
        extent=first_rows, reference=_masked_reference, native=_masked_native, cuda=cuda_kernel("noise.cu", "masked"),
        cost=lambda x, *a: 8.0 * columns_of(x), family="noise",
    )
)
