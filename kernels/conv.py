"""Convolutions on a CPU: images are the axis, so that a few of them go forward and backward in the cache.

What a window covers is never laid out: register tiles read the image in place (`gemm_tiles.gather_tile`). Where a max pooling follows, it
is done in the same pass, and only the winners' numbers are kept; backward then costs what the winners cost, a quarter for pools of 2 x 2.
Weight gradients are sums over fixed groups of images, added up in their order: the same to the bit whatever the threads. A device does
the same products by other kernels (`conv_device`).
"""

import numpy as np

from gpunn.kernels.gemm import BLOCK_K
from gpunn.kernels.record import Kernel, columns_of, first_rows, matrix, parse, register, rows_of
from gpunn.kernels.windows import Windows, add_back, by_window, from_windows, padded, taps_of, windows_of

MOST_PARTS = 32  # partial sums of a weight gradient
LEAST_GROUP = 8  # images of one
LANES = 16  # numbers of the widest vector
CHUNK = 64  # images that the reference lays out at a time


def group_of(rows: int) -> int:
    """How many images a partial sum takes: from their number alone, so that results do not depend on the threads."""
    group = LEAST_GROUP
    while rows > group * MOST_PARTS:
        group *= 2
    return group


# ---------------------------------------------------------------------- references
def _patches(x: np.ndarray, g: Windows) -> np.ndarray:
    """(groups, rows * places, taps), a copy."""
    places = x.shape[0] * g.places
    t = taps_of(padded(x, g), g).reshape(places, g.kernel_rows * g.kernel_columns, g.groups, g.channels // g.groups)
    return np.ascontiguousarray(t.transpose(2, 0, 1, 3)).reshape(g.groups, places, g.taps)


def _grouped(a: np.ndarray, g: Windows) -> np.ndarray:
    """(anything, filters) -> (groups, anything, a group's filters)."""
    return a.reshape(a.size // g.filters, g.groups, g.filters // g.groups).transpose(1, 0, 2)


def convolved(x: np.ndarray, w: np.ndarray, g: Windows) -> np.ndarray:
    """(rows, places, filters)."""
    out = np.empty((x.shape[0], g.places, g.filters), x.dtype)
    for lo in range(0, x.shape[0], CHUNK):
        some = x[lo : lo + CHUNK]
        y = _patches(some, g) @ _grouped(w.reshape(g.taps, g.filters), g)
        out[lo : lo + CHUNK] = y.transpose(1, 0, 2).reshape(some.shape[0], g.places, g.filters)
    return out


def _forward_reference(x, w, b, geometry, y):
    y[...] = (convolved(x, w, windows_of(geometry)) + b.reshape(-1)).reshape(y.shape)


def _pool_reference(x, w, b, geometry, y, at):
    g = windows_of(geometry)
    split = by_window(convolved(x, w, g) + b.reshape(-1), g)
    at[...] = np.argmax(split, axis=3).reshape(at.shape)  # NaN counts as the largest
    y[...] = split.max(axis=3).reshape(y.shape)


def spread_winners(dy, at, g: Windows) -> np.ndarray:
    """A pooling's gradient, on all places: (rows, out_height, out_width, filters)."""
    places = np.arange(g.pool_rows * g.pool_columns)[:, None]
    shape = (dy.shape[0], *g.pooled, 1, g.filters)
    return from_windows(np.where(at.reshape(shape) == places, dy.reshape(shape), dy.dtype.type(0)), g)


def _dx_reference(dz, w, geometry, dx):
    g = windows_of(geometry)
    w = _grouped(w.reshape(g.taps, g.filters), g).transpose(0, 2, 1)
    for lo in range(0, dz.shape[0], CHUNK):
        some = dz[lo : lo + CHUNK]
        patches = _grouped(some, g) @ w  # (groups, rows * places, taps)
        patches = patches.reshape(*patches.shape[:2], g.kernel_rows * g.kernel_columns, g.channels // g.groups)
        patches = patches.transpose(1, 2, 0, 3).reshape(some.shape[0], g.places * g.taps * g.groups)
        dx[lo : lo + CHUNK] = add_back(patches, g).reshape(dx[lo : lo + CHUNK].shape)


def _pool_dx_reference(dy, at, w, geometry, dx):
    g = windows_of(geometry)
    _dx_reference(matrix(spread_winners(dy, at, g)), w, geometry, dx)


def _dw_reference(x, dz, geometry, group, parts):
    g = windows_of(geometry)
    size = int(group)
    sums = parts.reshape(parts.shape[0], g.taps + 1, g.filters)
    for p in range(sums.shape[0]):
        some = slice(p * size, (p + 1) * size)
        d = _grouped(dz[some], g)
        weights = _patches(x[some], g).transpose(0, 2, 1) @ d
        sums[p, :-1] = weights.transpose(1, 0, 2).reshape(g.taps, g.filters)
        sums[p, -1] = dz[some].reshape(-1, g.filters).sum(axis=0)


def _pool_dw_reference(x, dy, at, geometry, group, parts):
    _dw_reference(x, matrix(spread_winners(dy, at, windows_of(geometry))), geometry, group, parts)


def _sum_reference(parts, first, add, out):
    total = out.copy() if add else np.zeros_like(out)
    for part in matrix(parts):
        total += part[int(first) : int(first) + out.size].reshape(out.shape)
    out[...] = total


# ---------------------------------------------------------------------- records
def _dense(geometry) -> float:
    """Nanoseconds of an image: terms of the sums, and what each place costs besides."""
    g = windows_of(geometry)
    return g.filters * g.places * (0.009 * g.taps + 0.2)


def _lanes(geometry) -> float:
    g = windows_of(geometry)
    return g.filters * (g.places * 0.01 * g.taps + 0.2 * g.height * g.width)


def _winners(geometry) -> float:
    g = windows_of(geometry)
    return g.filters * g.places / (g.pool_rows * g.pool_columns) * (0.02 * g.taps + 1.0)


def scratch_of(*arguments) -> int:
    """Bytes: an image with its border, the places' and taps' tables, weights or their gradient transposed, an output of one image."""
    geometry = next(a for a in arguments if getattr(a, "dtype", None) == np.int64)
    g, size = windows_of(geometry), arguments[0].dtype.itemsize
    tall = max(g.height, (g.out_height - 1) * g.stride_rows + (g.kernel_rows - 1) * g.dilation_rows + 1) + g.top
    wide = max(g.width, (g.out_width - 1) * g.stride_columns + (g.kernel_columns - 1) * g.dilation_columns + 1) + g.left
    channels, filters = g.channels, g.filters
    if g.groups > 1:  # in whole vectors, or laid out for each filter; backward the upstream gradient with zeros around
        tall = max(tall, g.height + g.top + (g.kernel_rows - 1) * g.dilation_rows + 1)
        wide = max(wide, g.width + g.left + (g.kernel_columns - 1) * g.dilation_columns + 1)
        filters = -(-filters // LANES) * LANES
        channels = max(channels, filters * (channels // g.groups if g.narrow else 1))
    around = (g.height + (g.kernel_rows - 1) * g.dilation_rows) * (g.width + (g.kernel_columns - 1) * g.dilation_columns)
    numbers = max(tall * wide * channels + 2 * g.places * g.filters, around * g.filters)
    numbers += (2 * g.taps + 34) * filters + 32 * g.taps + BLOCK_K * 8
    words = 2 * g.places + 2 * g.height * g.width + g.taps + (g.kernel_rows * g.kernel_columns + 1) * g.filters
    words += g.pool_rows * g.pool_columns + g.stride_rows * g.stride_columns
    return numbers * size + 8 * (words + 4096) + 4 * g.places * g.filters + 65536


def _kernel(name: str, file: str, signature: str, reference, cost, grain=1) -> Kernel:
    body = f"from gpunn.kernels.{file}_native import {name} as body"
    return register(
        Kernel(
            name=name, operands=parse(signature), extent=first_rows, reference=reference, native_text=body, geometry="cpu", cost=cost,
            scratch=scratch_of, grain=grain,
        )
    )


_FORWARD, _DX = "x, w:whole, b:row, geometry:whole:i8 -> y", "dz, w:whole, geometry:whole:i8 -> dx"
_DW = "x, dz, geometry:whole:i8, group:const:i8 -> parts:whole"
# y = x convolved with w, + b. Images: (rows, height * width * channels); w: (taps, filters)
CONV = _kernel("conv", "conv", _FORWARD, _forward_reference, lambda x, w, b, g, y: _dense(g))
# the same, the largest of every pool, and which of its places that is (the first of equals)
CONV_POOL = _kernel("conv_pool", "conv", f"{_FORWARD}, at:full:i4", _pool_reference, lambda x, w, b, g, *r: _dense(g))
CONV_DX = _kernel("conv_dx", "conv_backward", _DX, _dx_reference, lambda dz, w, g, dx: _dense(g))
CONV_POOL_DX = _kernel(
    "conv_pool_dx", "conv_backward", "dy, at:full:i4, w:whole, geometry:whole:i8 -> dx", _pool_dx_reference,
    lambda dy, at, w, g, dx: _winners(g),
)
# parts[p] = the gradient of (taps + 1, filters), the bias last, from images p * group to (p + 1) * group
CONV_DW = _kernel("conv_dw", "conv_backward", _DW, _dw_reference, lambda x, dz, g, *r: _dense(g), lambda x, dz, g, group, parts: group)
CONV_POOL_DW = _kernel(
    "conv_pool_dw", "conv_backward", "x, dy, at:full:i4, geometry:whole:i8, group:const:i8 -> parts:whole", _pool_dw_reference,
    lambda x, dy, at, g, *r: _winners(g), lambda x, dy, at, g, group, parts: group,
)
# the same of geometries `by_lanes`
CONV_LANES = _kernel("conv_lanes", "conv_lanes", _FORWARD, _forward_reference, lambda x, w, b, g, y: _lanes(g))
CONV_LANES_DX = _kernel("conv_lanes_dx", "conv_lanes", _DX, _dx_reference, lambda dz, w, g, dx: _lanes(g))
CONV_LANES_DW = _kernel(
    "conv_lanes_dw", "conv_lanes_dw", _DW, _dw_reference, lambda x, dz, g, *r: _lanes(g), lambda x, dz, g, group, parts: group
)


def _sum_native(parts, first, add, out, lo, hi, scratch):
    n = out.shape[1]
    for r in range(lo, hi):
        target = out[r]
        start = first[0] + r * n
        if add[0] == 0.0:
            for j in range(n):
                target[j] = out.dtype.type(0)
        for p in range(parts.shape[0]):
            more = parts[p, start : start + n]
            for j in range(n):
                target[j] += more[j]


# out (+)= the numbers from `first` on, of the sum of all parts
CONV_SUM = register(
    Kernel(
        name="conv_sum", operands=parse("parts:whole, first:const:i8, add:const, out -> out"), extent=lambda p, f, a, out: rows_of(out),
        reference=_sum_reference, native=_sum_native, geometry="cpu",
        cost=lambda parts, f, a, out: 0.05 * rows_of(parts) * columns_of(out),
    )
)
