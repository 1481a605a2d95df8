"""Inputs of the kernels over images: convolutions, pooling, padding, resizing. The geometry follows from the shape asked for."""

import numpy as np

from gpunn.kernels.conv import group_of
from gpunn.kernels.windows import Windows

# height, width, channels, out height, out width, filters, window; then strides, dilations, top, left, groups
CONVOLUTIONS = [
    Windows(5, 6, 3, 3, 4, 5, 3, 3),
    Windows(6, 5, 4, 6, 5, 6, 3, 3, top=1, left=1, groups=2),
    Windows(7, 8, 2, 4, 4, 33, 3, 3, 2, 2, top=1),
    Windows(9, 9, 1, 5, 5, 8, 3, 3, dilation_rows=2, dilation_columns=2),
    Windows(1, 9, 5, 1, 7, 17, 1, 3),
    Windows(6, 6, 8, 4, 4, 50, 3, 3),
    Windows(4, 4, 3, 4, 4, 6, 2, 2, top=0, left=1, groups=3),
]
DEPTHWISE = [
    Windows(5, 6, 3, 3, 4, 3, 3, 3, groups=3),
    Windows(6, 5, 40, 6, 5, 40, 3, 3, top=1, left=1, groups=40),
    Windows(7, 8, 2, 4, 4, 2, 3, 3, 2, 2, top=1, groups=2),
    Windows(1, 9, 5, 1, 7, 5, 1, 3, groups=5),
    Windows(9, 9, 16, 5, 5, 16, 3, 3, dilation_rows=2, dilation_columns=2, groups=16),
]
POOLINGS = [
    Windows(5, 6, 3, 2, 3, 3, 2, 2, 2, 2),
    Windows(6, 5, 4, 3, 3, 4, 3, 3, 2, 2, top=0, left=1),  # overlapping, padded
    Windows(4, 4, 33, 4, 4, 33, 3, 3, top=1, left=1),
    Windows(1, 9, 5, 1, 4, 5, 1, 2, 1, 2),
    Windows(7, 7, 2, 2, 2, 2, 2, 2, 4, 4),  # places that no window reaches
    Windows(3, 4, 6, 1, 1, 6, 3, 4),
]


def chosen(several, rows, columns):
    return several[{5: 0, 1: rows % 2, 33: 3, 10: 4, 31: 5, 3: 6, 257: 2}.get(columns, columns) % len(several)]


def halved(g):
    """The same with pools of as many places as fit."""
    return g._replace(pool_rows=min(2, g.out_height), pool_columns=2)


def _image(m, rows, g):
    return m.small(rows, g.height * g.width * g.channels)


def _coarse(m, *shape):
    """Small whole numbers: sums are exact and full of ties."""
    return m._as(m.rng.integers(-2, 3, shape))


def _convolution(name):
    def make(m, rows, columns):
        g = chosen(CONVOLUTIONS, rows, columns)
        g = chosen(DEPTHWISE, rows, columns) if "lanes" in name else g
        g = halved(g) if "pool" in name else g._replace(groups=1) if "2" in name else g
        g = g._replace(filters=4 * g.filters) if name == "conv_direct" and rows % 2 else g  # a device takes four at a time
        images, places = g.height * g.width * g.channels, g.places * g.filters
        pooled, group = g.pooled[0] * g.pooled[1] * g.filters, group_of(rows)
        winners = m.rng.integers(0, g.pool_rows * g.pool_columns, (rows, pooled)).astype(np.int32)
        dy = m.small(rows, pooled) * m.flags(rows, pooled)
        parts = m.blank(-(-rows // group), (g.taps + 1) * g.filters)
        return {
            "conv": lambda: [_image(m, rows, g), m.small(g.taps, g.filters), m.small(g.filters), g.array(), m.blank(rows, places)],
            "conv_pool": lambda: [
                _coarse(m, rows, images), _coarse(m, g.taps, g.filters), _coarse(m, g.filters), g.array(), m.blank(rows, pooled),
                np.full((rows, pooled), -1, np.int32),
            ],
            "conv_dx": lambda: [m.small(rows, places), m.small(g.taps, g.filters), g.array(), m.blank(rows, images)],
            "conv_pool_dx": lambda: [dy, winners, m.small(g.taps, g.filters), g.array(), m.blank(rows, images)],
            "conv_dw": lambda: [_image(m, rows, g), m.small(rows, places), g.array(), group, parts],
            "conv_pool_dw": lambda: [_image(m, rows, g), dy, winners, g.array(), group, parts],
            "im2col": lambda: [_image(m, rows, g), g.array(), m.blank(rows * g.places, g.taps)],
            "col2im": lambda: [m.small(rows * g.places, g.taps), g.array(), m.blank(rows, images)],
            "conv_direct": lambda: [_image(m, rows, g), m.small(g.taps, g.filters), g.array(), m.blank(rows, places)],
            "conv_direct_dx": lambda: [m.small(rows, places), m.small(g.taps, g.filters), g.array(), m.blank(rows, images)],
            "conv_direct_dw": lambda: [
                _image(m, rows, g), m.small(rows, places), g.array(), group, rows, m.blank(-(-rows // group) * g.taps, g.filters)
            ],
        }[name.replace("_lanes", "")]()

    return make


def _pooling(name):
    def make(m, rows, columns):
        g = chosen(POOLINGS, rows, columns)
        images, places, taps = g.height * g.width * g.channels, g.places * g.channels, g.kernel_rows * g.kernel_columns
        winners = _winners(m, rows, g)
        return {
            "max_pool": lambda: [_coarse(m, rows, images), g.array(), m.blank(rows, places), np.full((rows, places), -1, np.int32)],
            "max_pool_bwd": lambda: [m.real(rows, places), winners % taps, g.array(), m.blank(rows, images)],
            "average_pool": lambda: [m.small(rows, images), m.positive(g.places, 1), g.array(), m.blank(rows, places)],
            "average_pool_bwd": lambda: [m.small(rows, places), m.positive(g.places, 1), g.array(), m.blank(rows, images)],
        }[name]()

    return make


def _winners(m, rows, g):
    """For each window a tap inside the image, as a forward pass gives them."""
    from gpunn.kernels.pool import MAX_POOL

    x = m.rng.standard_normal((rows, g.height * g.width * g.channels))
    at = np.zeros((rows, g.places * g.channels), np.int32)
    MAX_POOL.reference(x, g.array(), np.zeros(at.shape), at)
    return at


def _pad(m, rows, columns):
    sides = [(1, 2, 9, 8), (-1, -2, 4, 3), (2, -1, 9, 5), (0, 0, 6, 7)][columns % 4]
    top, left, tall, wide = sides
    channels = 4 if rows % 2 else 3  # four neighbours are moved at once
    g = Windows(6, 7, channels, tall, wide, channels, 1, 1, top=top, left=left)
    return [m.real(rows, 6 * 7 * channels), g.array(), m.blank(rows, tall * wide * channels)]


def _global(m, rows, columns):
    x = _coarse(m, rows, 12, columns)
    return [m.small(rows, columns), x.reshape(rows, 12 * columns), x.max(axis=1), 12, m.blank(rows, 12 * columns)]


MAKERS = {
    **{n: _convolution(n) for n in (
        "conv", "conv_pool", "conv_dx", "conv_pool_dx", "conv_dw", "conv_pool_dw", "im2col", "col2im", "conv_direct", "conv_direct_dx",
        "conv_direct_dw", "conv_lanes", "conv_lanes_dx", "conv_lanes_dw",
    )},
    **{n: _pooling(n) for n in ("max_pool", "max_pool_bwd", "average_pool", "average_pool_bwd")},
    "moment_parts": lambda m, r, c: [m.real(r, c) + m.dtype.type(64), -(-r // 3) if r else 1, m.blank(min(r, 3), 2 * c)],
    "moment_join": lambda m, r, c: [m.positive(5, 2 * c), 7, 30, m.blank(c), m.blank(c)],
    "normalize_parts": lambda m, r, c: [
        m.real(r, c), m.real(r, c), m.small(c), m.positive(c), -(-r // 3) if r else 1, m.blank(min(r, 3), 2 * c)
    ],
    "conv_sum": lambda m, r, c: [m.small(7, (r + 1) * c), c, float(c % 2), m.small(r, c)],
    "global_max_bwd": _global,
    "pad": _pad,
    "axis_mix": lambda m, r, c: [m.small(r, 2 * 5 * c), m.small(7, 5), 7, 5, c, m.blank(r, 2 * 7 * c)],
}
