"""AugMix's changes of colour, as Keras 3 makes them: levels, equalization, grey and sharpness.

A table of shades has `PLACES` numbers a row, of which each image has at most one operation's; the others are neutral. See `augment_draw`.
"""

import numpy as np

from gpunn.kernels.augment_draw import PLACES
from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, first_rows, parse, register

ADDED, LIMIT, BITS, STRETCHED, EQUALIZED, BRIGHTNESS, CONTRAST, GREY, SHARP = range(9)
SHADES = (0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 1.0, *(0.0,) * (PLACES - 7))  # what changes nothing
BINS = 256
RED, GREEN, BLUE = 0.2989, 0.587, 0.114  # Rec. 601
MIDDLE, AROUND = 5 / 13, 1 / 13  # the weights of a smoothing pixel and of its eight neighbours


def _levels_reference(x, drawn, channels, low, high, y):
    T, rows = x.dtype.type, x.shape[0]
    v = x.reshape(rows, columns_of(x) // int(channels), int(channels)).copy()
    d, low, high = drawn.astype(x.dtype)[:, None, None, :], T(low), T(high)
    if v.size:
        first, last = v.min(axis=1, keepdims=True), v.max(axis=1, keepdims=True)
        wide = np.where(last > first, last - first, T(1))
        v = np.where((d[..., STRETCHED] > 0.5) & (last > first), low + (v - first) / wide * (high - low), v)
        grid = (high - low) * T(256 / 255) / np.exp2(np.floor(d[..., BITS]))
        v = np.where(d[..., BITS] >= 1, low + np.floor((v - low) / grid) * grid, v)
        plus = d[..., ADDED] * (high - low)
        v = np.where(plus != 0, np.minimum(np.maximum(v + plus, low), high), v)
        v = np.where(v >= low + d[..., LIMIT] * (high - low), low + (high - v), v)
    y[...] = v.reshape(y.shape)


def _levels_native(x, drawn, channels, low, high, y, lo, hi, scratch):
    T, ch, count = x.dtype.type, channels[0], x.shape[1]
    bottom, top = T(low[0]), T(high[0])
    for r in range(lo, hi):
        image, out = x[r], y[r]
        limit, bits = bottom + T(drawn[r, LIMIT]) * (top - bottom), T(drawn[r, BITS])
        plus, grid = T(drawn[r, ADDED]) * (top - bottom), (top - bottom) * T(256 / 255) / T(np.exp2(np.floor(bits)))
        for c in range(ch):
            first, last = image[c], image[c]
            for k in range(c, count, ch):
                first, last = min(first, image[k]), max(last, image[k])
            stretch = T(drawn[r, STRETCHED]) > T(0.5) and last > first
            for k in range(c, count, ch):
                v = image[k]
                if stretch:
                    v = bottom + (v - first) / (last - first) * (top - bottom)
                if bits >= T(1):
                    v = bottom + np.floor((v - bottom) / grid) * grid
                if plus != T(0):
                    v = min(max(v + plus, bottom), top)
                out[k] = bottom + (top - v) if v >= limit else v


# each channel stretched to (low, high) where STRETCHED is above 0.5; rounded down to its upper BITS of 8 where there are any; a share ADDED
# of the range added, and turned round from the share LIMIT on
LEVELS = register(
    Kernel(
        name="augment_levels", operands=parse("x, drawn:full:f8, channels:const:i8, low:const, high:const -> y"),
        extent=first_rows, reference=_levels_reference, native=_levels_native, cuda=cuda_kernel("augment_shades.cu", "augment_levels"),
        geometry="rows", cost=lambda x, *a: 2.0 * columns_of(x), family="augment",
    )
)


def _equalize_reference(x, drawn, channels, low, high, y):
    T, rows = x.dtype.type, x.shape[0]
    image, out = (a.reshape(rows, columns_of(x) // int(channels), int(channels)) for a in (x, y))
    out[...] = image
    for r in np.flatnonzero(drawn[:, EQUALIZED] > 0.5):
        for c in range(int(channels)):
            v = (image[r, :, c] - T(low)) / (T(high) - T(low)) * T(BINS - 1)
            known = np.isfinite(v)
            place = np.minimum(np.maximum(v[known], 0), BINS - 1).astype(np.int64)
            below = np.cumsum(np.bincount(place, minlength=BINS))
            first = below[below > 0][0] if len(place) else 0
            if below[-1] > first:
                levels = np.rint((below - first) * (BINS - 1) / (below[-1] - first)).astype(x.dtype)
                out[r, known, c] = T(low) + levels[place] / T(BINS - 1) * (T(high) - T(low))


def _equalize_native(x, drawn, channels, low, high, y, lo, hi, scratch):
    T, ch, count = x.dtype.type, channels[0], x.shape[1]
    bottom, wide, most = T(low[0]), T(high[0]) - T(low[0]), T(BINS - 1)
    for r in range(lo, hi):
        image, out = x[r], y[r]
        if drawn[r, EQUALIZED] <= 0.5:
            for k in range(count):
                out[k] = image[k]
            continue
        below = np.empty(BINS, np.int64)
        for c in range(ch):
            below[:] = 0
            for k in range(c, count, ch):
                v = (image[k] - bottom) / wide * most
                if np.isfinite(v):
                    below[np.int64(min(max(v, T(0)), most))] += 1
            first = np.int64(0)
            for b in range(1, BINS):
                below[b] += below[b - 1]
            for b in range(BINS):
                if first == 0:
                    first = below[b]
            whole = below[BINS - 1] - first
            for k in range(c, count, ch):
                v = (image[k] - bottom) / wide * most
                if np.isfinite(v) and whole > 0:
                    b = np.int64(min(max(v, T(0)), most))
                    level = np.rint(np.float64((below[b] - first) * (BINS - 1)) / np.float64(whole))
                    out[k] = bottom + T(level) / most * wide
                else:
                    out[k] = image[k]


# where EQUALIZED is above 0.5 each channel's levels, of 256, are spread over (low, high) by how many values lie at or below them; a channel
# of one level stays as it is, as does what is not finite
EQUALIZE = register(
    Kernel(
        name="augment_equalize", operands=parse("x, drawn:full:f8, channels:const:i8, low:const, high:const -> y"),
        extent=first_rows, reference=_equalize_reference, native=_equalize_native,
        cuda=cuda_kernel("augment_shades.cu", "augment_equalize"), geometry="rows", cost=lambda x, *a: 2.0 * columns_of(x),
        family="augment",
    )
)


def _shade_reference(x, drawn, height, width, channels, low, high, y):
    T, rows, h, w, ch = x.dtype.type, x.shape[0], int(height), int(width), int(channels)
    v = x.reshape(rows, h, w, ch)
    grey, sharp = (drawn[:, k].astype(x.dtype)[:, None, None, None] for k in (GREY, SHARP))
    toned = v
    if ch == 3:
        light = (T(RED) * v[..., 0] + T(GREEN) * v[..., 1] + T(BLUE) * v[..., 2])[..., None]
        toned = np.where(grey != 0, v + grey * (light - v), v)
    padded = np.zeros((rows, h + 2, w + 2, ch), x.dtype)
    padded[:, 1:-1, 1:-1] = v
    around = sum(padded[:, i : i + h, j : j + w] for i in range(3) for j in range(3) if (i, j) != (1, 1))
    smooth = T(AROUND) * around + T(MIDDLE) * v
    toned = np.where(sharp != 0, toned + sharp * (smooth - toned), toned)
    y[...] = np.minimum(np.maximum(toned, T(low)), T(high)).reshape(y.shape)


def _shade_native(x, drawn, height, width, channels, low, high, y, lo, hi, scratch):
    T, h, w, ch = x.dtype.type, height[0], width[0], channels[0]
    bottom, top = T(low[0]), T(high[0])
    for r in range(lo, hi):
        image, out = x[r], y[r]
        grey, sharp = T(drawn[r, GREY]), T(drawn[r, SHARP])
        for i in range(h):
            for j in range(w):
                at = (i * w + j) * ch
                light = T(0)
                if ch == 3:
                    light = T(RED) * image[at] + T(GREEN) * image[at + 1] + T(BLUE) * image[at + 2]
                for c in range(ch):
                    v = image[at + c]
                    if ch == 3 and grey != T(0):
                        v += grey * (light - v)
                    if sharp != T(0):
                        around = T(0)
                        for ii in range(max(i - 1, 0), min(i + 2, h)):
                            for jj in range(max(j - 1, 0), min(j + 2, w)):
                                if ii != i or jj != j:
                                    around += image[(ii * w + jj) * ch + c]
                        v += sharp * (T(AROUND) * around + T(MIDDLE) * image[at + c] - v)
                    out[at + c] = min(max(v, bottom), top)


# towards grey by GREY, in images of three channels; towards a smoothed image by SHARP (below 0: away from it), black around it; clipped
SHADE = register(
    Kernel(
        name="augment_shade",
        operands=parse("x, drawn:full:f8, height:const:i8, width:const:i8, channels:const:i8, low:const, high:const -> y"),
        extent=first_rows, reference=_shade_reference, native=_shade_native, cuda=cuda_kernel("augment_shades.cu", "augment_shade"),
        geometry="rows", cost=lambda x, *a: 2.0 * columns_of(x), family="augment",
    )
)
