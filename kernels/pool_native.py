"""The CPU's sums over windows: down first, a line of the image at a time, then along it. In float64 whatever they are sums of: a window
may be a whole image. Needs Numba."""

from typing import Any

import numpy as np
from numba import njit

from gpunn.kernels.conv_places import take

_fast: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "nsz", "arcp"}}


@njit(**_fast)
def average_pool(x, shares, g, y, lo, hi, scratch):
    height, width, channels = g[0, 0], g[1, 0], g[2, 0]
    line, at = take(scratch, width * channels, np.float64(0))
    total, _ = take(at, channels, np.float64(0))
    for i in range(lo, hi):
        for r in range(g[3, 0]):
            top, place = r * g[8, 0] - g[12, 0], r * g[4, 0]
            line[:] = 0
            for down in range(max(0, top), min(height, top + g[6, 0])):
                more = x[i, down * width * channels : (down + 1) * width * channels]
                for k in range(width * channels):
                    line[k] += more[k]
            for s in range(g[4, 0]):
                left, first = s * g[9, 0] - g[13, 0], (place + s) * channels
                out, share = y[i, first : first + channels], shares[place + s, 0]
                total[:] = 0
                for along in range(max(0, left), min(width, left + g[7, 0])):
                    part = line[along * channels : (along + 1) * channels]
                    for c in range(channels):
                        total[c] += part[c]
                for c in range(channels):
                    out[c] = total[c] * share


@njit(**_fast)
def average_pool_bwd(dy, shares, g, dx, lo, hi, scratch):
    height, width, channels = g[0, 0], g[1, 0], g[2, 0]
    line, _ = take(scratch, width * channels, dx)
    for i in range(lo, hi):
        dx[i] = 0
        for r in range(g[3, 0]):
            top, place = r * g[8, 0] - g[12, 0], r * g[4, 0]
            line[:] = 0
            for s in range(g[4, 0]):
                left, first = s * g[9, 0] - g[13, 0], (place + s) * channels
                up, share = dy[i, first : first + channels], shares[place + s, 0]
                for along in range(max(0, left), min(width, left + g[7, 0])):
                    to = line[along * channels : (along + 1) * channels]
                    for c in range(channels):
                        to[c] += up[c] * share
            for down in range(max(0, top), min(height, top + g[6, 0])):
                row = dx[i, down * width * channels : (down + 1) * width * channels]
                for k in range(width * channels):
                    row[k] += line[k]
