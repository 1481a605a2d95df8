"""The CPU's convolutions forward, alone or with a max pooling. Imported only when Numba is there."""

from typing import Any

import numpy as np
from numba import njit

from gpunn.kernels.conv_narrow_native import is_narrow, narrow
from gpunn.kernels.conv_places import TALL, image_at, panel, prepared, products, rows_at_once, take, wide
from gpunn.kernels.gemm_tiles import VECTOR, VECTORS_N
from gpunn.kernels.linked import PLAIN
from gpunn.kernels.native import address
from gpunn.kernels.tile_ends import size_of

_fast: dict[str, Any] = {"nogil": True, "error_model": "numpy", **PLAIN}


@njit(**_fast)
def conv(x, w, b, g, y, lo, hi, scratch):
    if is_narrow(g):
        narrow(x, w, b, g, y, lo, hi, scratch)
        return
    wide(x, address(w), address(b), g, y, lo, hi, scratch)


@njit(**_fast)
def conv_pool(x, w, b, g, y, winners, lo, hi, scratch):
    size, cout, groups, pools = size_of(y), g[5, 0], g[14, 0], g[15, 0] * g[16, 0]
    copied, tall, wide, plane, places, taps, starts, area, at = prepared(g, y, scratch)
    own, count = cout // groups, places.size // pools
    step, most = panel(own, size), VECTORS_N * (VECTOR // size)
    now, at = take(at, TALL * most, y)
    zero = y.dtype.type(0)
    for i in range(lo, hi):
        source = image_at(x, i, g, copied, tall, wide, area)
        for group in range(groups):
            for j in range(0, own, step):
                n, column = min(step, own - j), group * own + j
                rows = rows_at_once(n, y)
                for p in range(0, count, rows):
                    m = min(rows, count - p)
                    for q in range(pools):
                        for r in range(m):
                            starts[r] = source + (places[(p + r) * pools + q] + group * plane) * size
                        by, begin, table = address(w) + column * size, address(b) + column * size, address(taps)
                        products(zero, address(starts), m, table, taps.size, by, cout, n, address(now), most, begin, 0)
                        for r in range(m):
                            first = (p + r) * cout + column
                            new, best, which = now[r * most : r * most + n], y[i, first : first + n], winners[i, first : first + n]
                            if q == 0:
                                for k in range(n):
                                    best[k] = new[k]
                                    which[k] = 0
                            else:
                                for k in range(n):
                                    v, old = new[k], best[k]
                                    better = (v > old) | ((v != v) & (old == old))  # the first NaN is the largest
                                    best[k] = v if better else old
                                    which[k] = np.int32(q) if better else which[k]
