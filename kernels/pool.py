"""Pooling over windows of an image, zeros around it, and a matrix along one of its axes (which is what resizing is).

Geometry as in `windows`: here `filters` equals `channels`. Taps outside the image do not count. An image's gradient is added up window by
window on one core; a device gathers it by the image's elements, in the same order: no atomics, the same bits in every run.
"""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, first_rows, matrix, parse, register
from gpunn.kernels.windows import Windows, add_back, padded, taps_of, windows_of

FEW = 8  # channels


def _kernel(name: str, signature: str, reference, native, cost, section: str | None = None, **words: str) -> Kernel:
    """`section` of the CUDA file is by default the kernel's own."""
    return register(
        Kernel(
            name=name, operands=parse(signature), extent=first_rows, reference=reference, native=native,
            cuda=cuda_kernel("pool.cu", section or name, name, **words), cost=cost, family="images",
        )
    )


def _values(geometry) -> float:
    """Numbers that the windows of an image cover, each counted as often as it is."""
    g = windows_of(geometry)
    return float(g.places) * g.kernel_rows * g.kernel_columns * g.channels


def _flat(x: np.ndarray, g: Windows, fill: float) -> np.ndarray:
    """(rows, places, taps, channels), a copy."""
    return taps_of(padded(x, g, fill), g).reshape(x.shape[0], g.places, g.kernel_rows * g.kernel_columns, g.channels)


# ---------------------------------------------------------------------- the largest
def _max_reference(x, geometry, y, at):
    taps = _flat(x, windows_of(geometry), -np.inf)
    at[...] = np.argmax(taps, axis=2).reshape(at.shape)
    y[...] = taps.max(axis=2).reshape(y.shape)


def _max_native(x, g, y, at, lo, hi, scratch):
    height, width, channels = g[0, 0], g[1, 0], g[2, 0]
    for i in range(lo, hi):
        for r in range(g[3, 0]):
            for s in range(g[4, 0]):
                first = (r * g[4, 0] + s) * channels
                best, which = y[i, first : first + channels], at[i, first : first + channels]
                begun = False
                for a in range(g[6, 0]):
                    down = r * g[8, 0] + a - g[12, 0]
                    if down < 0 or down >= height:
                        continue
                    for b in range(g[7, 0]):
                        along = s * g[9, 0] + b - g[13, 0]
                        if along < 0 or along >= width:
                            continue
                        q = np.int32(a * g[7, 0] + b)
                        start = (down * width + along) * channels
                        new = x[i, start : start + channels]
                        if begun:
                            for c in range(channels):
                                v, old = new[c], best[c]
                                better = (v > old) | ((v != v) & (old == old))  # the first NaN is the largest
                                best[c] = v if better else old
                                which[c] = q if better else which[c]
                        else:
                            for c in range(channels):
                                best[c] = new[c]
                                which[c] = q
                            begun = True


MAX_POOL = _kernel("max_pool", "x, geometry:whole:i8 -> y, at:full:i4", _max_reference, _max_native, lambda x, g, *r: 0.2 * _values(g))


def _max_bwd_reference(dy, at, geometry, dx):
    g = windows_of(geometry)
    taps = np.arange(g.kernel_rows * g.kernel_columns)[:, None]
    shape = (dy.shape[0], g.places, 1, g.channels)
    split = np.where(at.reshape(shape) == taps, dy.reshape(shape), dy.dtype.type(0))
    dx[...] = add_back(split, g).reshape(dx.shape)


def _max_bwd_native(dy, at, g, dx, lo, hi, scratch):
    height, width, channels = g[0, 0], g[1, 0], g[2, 0]
    for i in range(lo, hi):
        dx[i] = dx.dtype.type(0)
        if channels < FEW:  # each winner for itself: too few channels for loops of vectors
            for place in range(g[3, 0] * g[4, 0]):
                top, left = place // g[4, 0] * g[8, 0] - g[12, 0], place % g[4, 0] * g[9, 0] - g[13, 0]
                for c in range(place * channels, (place + 1) * channels):
                    down, along = top + at[i, c] // g[7, 0], left + at[i, c] % g[7, 0]
                    dx[i, (down * width + along) * channels + c - place * channels] += dy[i, c]
            continue
        for r in range(g[3, 0]):
            for s in range(g[4, 0]):
                first = (r * g[4, 0] + s) * channels
                up, which = dy[i, first : first + channels], at[i, first : first + channels]
                for a in range(g[6, 0]):
                    down = r * g[8, 0] + a - g[12, 0]
                    for b in range(g[7, 0]):
                        along = s * g[9, 0] + b - g[13, 0]
                        if 0 <= down and down < height and 0 <= along and along < width:
                            start = (down * width + along) * channels
                            q, to = a * g[7, 0] + b, dx[i, start : start + channels]
                            for c in range(channels):
                                to[c] += up[c] if which[c] == q else dx.dtype.type(0)


MAX_POOL_BWD = _kernel(
    "max_pool_bwd", "dy, at:full:i4, geometry:whole:i8 -> dx", _max_bwd_reference, _max_bwd_native, lambda dy, at, g, dx: 0.2 * _values(g),
    "pool_bwd", OPERAND="int* __restrict__ at", PART="at[k] == q ? dy[k] : T(0)",
)


# ---------------------------------------------------------------------- the largest of a whole image: equals share its gradient
def _share_reference(dy, x, y, places, dx):
    hit = x.reshape(dy.shape[0], int(places), columns_of(dy)) == matrix(y)[:, None]
    share = matrix(dy) / np.maximum(hit.sum(axis=1), 1)
    dx[...] = np.where(hit, share[:, None], dy.dtype.type(0)).reshape(dx.shape)


def _share_native(dy, x, y, places, dx, lo, hi, scratch):
    channels = dy.shape[1]
    for i in range(lo, hi):
        for c in range(channels):
            top, count = y[i, c], 0
            for j in range(c, x.shape[1], channels):
                count += x[i, j] == top
            share = dy[i, c] / dy.dtype.type(max(count, 1))
            for j in range(c, x.shape[1], channels):
                dx[i, j] = share if x[i, j] == top else dx.dtype.type(0)


GLOBAL_MAX_BWD = _kernel(
    "global_max_bwd", "dy, x, y, places:const:i8 -> dx", _share_reference, _share_native, lambda dy, x, *r: 2.0 * columns_of(x)
)


# ---------------------------------------------------------------------- sums over windows, times a share for each: means
def shares_of(g: Windows, average: bool, dtype) -> np.ndarray:
    """(places, 1): one over the number of a window's taps inside the image; without `average` ones."""
    if not average:
        return np.ones((g.places, 1), dtype)
    ones = np.ones((1, g.height, g.width, g.channels), dtype)
    return 1 / _flat(ones, g, 0.0).sum(axis=2)[0, :, :1]


def _line(*arguments) -> int:
    """Bytes of private memory: a line of an image and a place, in float64."""
    g = windows_of(arguments[2])
    return 8 * (g.width + 1) * g.channels + 256


def _mean_reference(x, shares, geometry, y):
    y[...] = (_flat(x, windows_of(geometry), 0.0).sum(axis=2, dtype=np.float64) * shares.reshape(-1, 1)).reshape(y.shape)


# summed in float64, on a device in blocks: a window may be a whole image
AVERAGE_POOL = register(
    Kernel(
        name="average_pool", operands=parse("x, shares:whole, geometry:whole:i8 -> y"), extent=first_rows, reference=_mean_reference,
        native_text="from gpunn.kernels.pool_native import average_pool as body", cuda=cuda_kernel("pool.cu", "average_pool"),
        scratch=_line, cost=lambda x, s, g, y: 0.15 * _values(g), family="images",
    )
)


def _mean_bwd_reference(dy, shares, geometry, dx):
    g = windows_of(geometry)
    share = dy.reshape(dy.shape[0], g.places, 1, g.channels) * shares.reshape(-1, 1, 1)
    taps = g.kernel_rows * g.kernel_columns
    dx[...] = add_back(np.broadcast_to(share, (dy.shape[0], g.places, taps, g.channels)), g).reshape(dx.shape)


AVERAGE_POOL_BWD = register(
    Kernel(
        name="average_pool_bwd", operands=parse("dy, shares:whole, geometry:whole:i8 -> dx"), extent=first_rows,
        reference=_mean_bwd_reference, native_text="from gpunn.kernels.pool_native import average_pool_bwd as body",
        cuda=cuda_kernel(
            "pool.cu", "pool_bwd", "average_pool_bwd", OPERAND="T* __restrict__ shares", PART="dy[k] * shares[place]"
        ),
        scratch=_line, cost=lambda dy, s, g, dx: 0.15 * _values(g), family="images",
    )
)


# ---------------------------------------------------------------------- zeros around, or (top, left negative) less of it
def _pad_reference(x, geometry, y):
    g = windows_of(geometry)
    image = x.reshape(x.shape[0], g.height, g.width, g.channels)
    out = np.zeros((x.shape[0], g.out_height, g.out_width, g.channels), x.dtype)
    down, along = max(g.top, 0), max(g.left, 0)
    some = image[:, down - g.top : g.out_height - g.top, along - g.left : g.out_width - g.left]
    out[:, down : down + some.shape[1], along : along + some.shape[2]] = some
    y[...] = out.reshape(y.shape)


def _pad_native(x, g, y, lo, hi, scratch):
    height, width, channels = g[0, 0], g[1, 0], g[2, 0]
    for i in range(lo, hi):
        for r in range(g[3, 0]):
            down = r - g[12, 0]
            for s in range(g[4, 0]):
                along = s - g[13, 0]
                first, start = (r * g[4, 0] + s) * channels, (down * width + along) * channels
                if 0 <= down and down < height and 0 <= along and along < width:
                    for c in range(channels):
                        y[i, first + c] = x[i, start + c]
                else:
                    for c in range(channels):
                        y[i, first + c] = y.dtype.type(0)


PAD = _kernel("pad", "x, geometry:whole:i8 -> y", _pad_reference, _pad_native, lambda x, g, *r: 0.3 * _values(g))


# ---------------------------------------------------------------------- a matrix along an axis
def _mix_reference(x, m, made, taken, inner, y):
    m = m.reshape(int(made), int(taken))
    outer = columns_of(x) // int(taken * inner)
    y[...] = np.einsum("kn,roni->roki", m, x.reshape(x.shape[0], outer, int(taken), int(inner))).reshape(y.shape)


def _mix_native(x, m, made, taken, inner, y, lo, hi, scratch):
    k, n, size = made[0], taken[0], inner[0]
    for i in range(lo, hi):
        for o in range(x.shape[1] // (n * size)):
            for a in range(k):
                first = (o * k + a) * size
                to = y[i, first : first + size]
                to[:] = y.dtype.type(0)
                for b in range(n):
                    factor = m[a, b]
                    if factor != 0:
                        start = (o * n + b) * size
                        more = x[i, start : start + size]
                        for c in range(size):
                            to[c] += factor * more[c]


# y[.., k, inner] = sum over n of m[k, n] * x[.., n, inner]; k runs over `made`, n over `taken`
AXIS_MIX = register(
    Kernel(
        name="axis_mix", operands=parse("x, m:whole, made:const:i8, taken:const:i8, inner:const:i8 -> y"), extent=first_rows,
        reference=_mix_reference, native=_mix_native, cuda=cuda_kernel("pool.cu", "axis_mix"),
        cost=lambda x, *a: 1.0 * columns_of(x), family="images",
    )
)
