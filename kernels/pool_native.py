"""The CPU's sums over windows, in float64 whatever they are sums of: a window may be a whole image. Needs Numba."""

import numpy as np
from numba import njit

from gpunn.kernels.conv_places import take


@njit(nogil=True, error_model="numpy", fastmath={"contract", "nsz", "arcp"})
def average_pool(x, shares, g, y, lo, hi, scratch):
    height, width, channels = g[0, 0], g[1, 0], g[2, 0]
    total, _ = take(scratch, channels, np.float64(0))
    for i in range(lo, hi):
        for r in range(g[3, 0]):
            for s in range(g[4, 0]):
                total[:] = 0
                for a in range(g[6, 0]):
                    down = r * g[8, 0] + a - g[12, 0]
                    for b in range(g[7, 0]):
                        along = s * g[9, 0] + b - g[13, 0]
                        if 0 <= down and down < height and 0 <= along and along < width:
                            start = (down * width + along) * channels
                            more = x[i, start : start + channels]
                            for c in range(channels):
                                total[c] += more[c]
                place = r * g[4, 0] + s
                out, share = y[i, place * channels : (place + 1) * channels], shares[place, 0]
                for c in range(channels):
                    out[c] = total[c] * share
