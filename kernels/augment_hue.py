"""The hue of images turned."""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, first_rows, parse, register


def _hue_reference(x, drawn, at, sign, low, high, y):
    T, rows = x.dtype.type, x.shape[0]
    bottom, wide = T(low), T(high) - T(low)
    v = (x.reshape(rows, columns_of(x) // 3, 3) - bottom) / wide
    turn = np.where(drawn[:, int(sign)] > 0.5, T(-3), T(3)) * drawn[:, int(at)].astype(x.dtype)
    red, green, blue = v[..., 0], v[..., 1], v[..., 2]
    top = v.max(axis=2)
    spread = top - v.min(axis=2)
    some = np.where(spread > 0, spread, T(1))
    sixths = np.where(top == red, (green - blue) / some, np.where(top == green, (blue - red) / some + T(2), (red - green) / some + T(4)))
    h = np.where(spread > 0, sixths, T(0)) + turn[:, None]
    h -= T(6) * np.floor(h / T(6))
    full = np.stack([np.abs(h - T(3)) - T(1), T(2) - np.abs(h - T(2)), T(2) - np.abs(h - T(4))], axis=2)
    less = T(1) - np.minimum(np.maximum(full, T(0)), T(1))
    out = top[..., None] - np.where(top > 0, spread, T(0))[..., None] * less
    y[...] = (bottom + np.minimum(np.maximum(out, T(0)), T(1)) * wide).reshape(y.shape)


def _hue_native(x, drawn, at, sign, low, high, y, lo, hi, scratch):
    T = x.dtype.type
    bottom, wide = T(low[0]), T(high[0]) - T(low[0])
    for r in range(lo, hi):
        image, out = x[r], y[r]
        turn = (T(-3) if drawn[r, sign[0]] > 0.5 else T(3)) * T(drawn[r, at[0]])
        for p in range(0, x.shape[1], 3):
            red, green, blue = (image[p] - bottom) / wide, (image[p + 1] - bottom) / wide, (image[p + 2] - bottom) / wide
            top = np.maximum(np.maximum(red, green), blue)
            spread = top - min(red, green, blue)
            h = T(0)
            if spread > T(0):
                if top == red:
                    h = (green - blue) / spread
                elif top == green:
                    h = (blue - red) / spread + T(2)
                else:
                    h = (red - green) / spread + T(4)
            h += turn
            h -= T(6) * np.floor(h / T(6))
            spread = spread if top > T(0) else T(0)
            for c in range(3):
                full = abs(h - T(3)) - T(1) if c == 0 else T(2) - abs(h - T(2 * c))
                v = top - spread * (T(1) - min(max(full, T(0)), T(1)))
                out[p + c] = bottom + min(max(v, T(0)), T(1)) * wide


# the hue (HSV) turned by drawn[at] halves of the circle, backwards where drawn[sign] is above 0.5; value and saturation stay. Hue counts
# sixths of the circle from red; a channel is full where that is within one of its own
HUE = register(
    Kernel(
        name="augment_hue", operands=parse("x, drawn:full:f8, at:const:i8, sign:const:i8, low:const, high:const -> y"), extent=first_rows,
        reference=_hue_reference, native=_hue_native, cuda=cuda_kernel("augment_tone.cu", "augment_hue"), geometry="rows",
        cost=lambda x, *a: 4.0 * columns_of(x), family="augment",
    )
)
