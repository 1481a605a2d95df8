"""Values of images changed where they are: brightness and contrast, saturation, single pixels, boxes, mixtures.

Images are (pixels, channels) a row. What differs from image to image stands in a table; see `augment_draw` and `augment_geometry`.
"""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.philox import MASK, philox_block, words
from gpunn.kernels.record import Kernel, columns_of, first_rows, parse, register

OWN_RANGE, ABOUT_MEAN = 2, 1  # kinds of TONE


def _tone_reference(x, drawn, channels, gain, shift, kind, low, high, y):
    T, rows = x.dtype.type, x.shape[0]
    pixels = x.reshape(rows, columns_of(x) // int(channels), int(channels))
    scale = drawn[:, int(gain)].astype(x.dtype)[:, None, None] if gain >= 0 else T(1)
    plus = drawn[:, int(shift)].astype(x.dtype)[:, None, None] if shift >= 0 else T(0)
    pivot = pixels.mean(axis=1, keepdims=True) if kind == ABOUT_MEAN else T(0)
    first, last = T(low), T(high)
    if kind == OWN_RANGE and pixels.size:
        first, last = pixels.min(axis=(1, 2), keepdims=True), pixels.max(axis=(1, 2), keepdims=True)
    y[...] = np.minimum(np.maximum(pivot + (pixels - pivot) * scale + plus, first), last).reshape(y.shape)


def _tone_native(x, drawn, channels, gain, shift, kind, low, high, y, lo, hi, scratch):
    T, ch, count = x.dtype.type, channels[0], x.shape[1]
    for r in range(lo, hi):
        image, out = x[r], y[r]
        scale = T(drawn[r, gain[0]]) if gain[0] >= 0 else T(1)
        plus = T(drawn[r, shift[0]]) if shift[0] >= 0 else T(0)
        first, last = T(low[0]), T(high[0])
        if kind[0] == 2:
            first, last = image[0], image[0]
            for k in range(count):
                first, last = min(first, image[k]), max(last, image[k])
        for c in range(ch):
            pivot = T(0)
            if kind[0] == 1:
                for k in range(c, count, ch):
                    pivot += image[k]
                pivot /= T(count // ch)
            for k in range(c, count, ch):
                out[k] = min(max(pivot + (image[k] - pivot) * scale + plus, first), last)


# y = clip(pivot + (x - pivot) * gain + shift): gain and shift from columns of the table (-1: 1 and 0). kind 0: pivot 0, limits low and
# high; 1: pivot the mean of a channel; 2: pivot 0, limits the lowest and highest value of the image
TONE = register(
    Kernel(
        name="augment_tone",
        operands=parse(
            "x, drawn:full:f8, channels:const:i8, gain:const:i8, shift:const:i8, kind:const:i8, low:const, high:const -> y"
        ),
        extent=first_rows, reference=_tone_reference, native=_tone_native, cuda=cuda_kernel("augment_tone.cu", "augment_tone"),
        geometry="rows", cost=lambda x, *a: 1.5 * columns_of(x), family="augment",
    )
)


def _saturate_reference(x, drawn, at, y):
    T, rows = x.dtype.type, x.shape[0]
    v = x.reshape(rows, columns_of(x) // 3, 3)
    f = drawn[:, int(at)].astype(x.dtype)[:, None]
    gain = np.maximum(f / (T(1) - f + T(1e-7)), T(0))
    top, bottom = v.max(axis=2), v.min(axis=2)
    colourful = (top > 0) & (top > bottom)
    full = np.where(colourful, top / np.where(colourful, top - bottom, T(1)), T(1))
    k = np.where(colourful, np.minimum(gain, full), T(1))[..., None]
    y[...] = (top[..., None] - (top[..., None] - v) * k).reshape(y.shape)


def _saturate_native(x, drawn, at, y, lo, hi, scratch):
    T = x.dtype.type
    for r in range(lo, hi):
        image, out, f = x[r], y[r], T(drawn[r, at[0]])
        gain = max(f / (T(1) - f + T(1e-7)), T(0))
        for p in range(0, x.shape[1], 3):
            top, bottom = max(image[p], image[p + 1], image[p + 2]), min(image[p], image[p + 1], image[p + 2])
            k = min(gain, top / (top - bottom)) if top > T(0) and top > bottom else T(1)
            for c in range(3):
                out[p + c] = top - (top - image[p + c]) * k


# HSV's saturation times f / (1 - f + 1e-7), from 0 to 1, in the form that leaves hue and value as they are: x = v - (v - x) * factor
SATURATE = register(
    Kernel(
        name="augment_saturate", operands=parse("x, drawn:full:f8, at:const:i8 -> y"), extent=first_rows, reference=_saturate_reference,
        native=_saturate_native, cuda=cuda_kernel("augment_tone.cu", "augment_saturate"), geometry="rows",
        cost=lambda x, *a: 2.0 * columns_of(x), family="augment",
    )
)


def _salt_reference(x, step, seed, stream, salt, either, low, high, y):
    r = words(x.size, int(seed) & (2**64 - 1), int(stream), int(step.reshape(-1)[0])).reshape(x.shape)
    T = x.dtype.type
    y[...] = np.where(r < int(salt), T(high), np.where(r < int(either), T(low), x))


def _salt_native(x, step, seed, stream, salt, either, low, high, y, lo, hi, scratch):
    T, columns = x.dtype.type, x.shape[1]
    x, y = x.reshape(x.size), y.reshape(y.size)
    t, key = np.uint64(step[0]), np.uint64(seed[0])
    s0, s1, k0, k1 = t & np.uint64(MASK), t >> np.uint64(32), key & np.uint64(MASK), key >> np.uint64(32)
    for q in range(lo * columns // 4, (hi * columns + 3) // 4):
        four = philox_block(np.uint64(q), np.uint64(stream[0]), s0, s1, k0, k1)
        for k in range(max(4 * q, lo * columns), min(4 * q + 4, hi * columns)):
            w = np.int64(four[k - 4 * q])
            y[k] = T(high[0]) if w < salt[0] else T(low[0]) if w < either[0] else x[k]


# element i has word i of (seed, stream, step): below `salt` it becomes `high`, below `either` `low`
SALT = register(
    Kernel(
        name="augment_salt",
        operands=parse(
            "x, step:row:i8, seed:const:i8, stream:const:i8, salt:const:i8, either:const:i8, low:const, high:const -> y"
        ),
        extent=first_rows, reference=_salt_reference, native=_salt_native, cuda=cuda_kernel("augment_tone.cu", "augment_salt"),
        per_thread=4, cost=lambda x, *a: 3.0 * columns_of(x), family="augment",
    )
)


def _paste_reference(x, boxes, fill, height, width, channels, filled, value, low, high, y):
    T, rows, h, w = x.dtype.type, x.shape[0], int(height), int(width)
    i, j, b = np.arange(h)[:, None], np.arange(w)[None, :], boxes.reshape(rows, 4, 1, 1)
    inside = (i >= b[:, 0]) & (i < b[:, 1]) & (j >= b[:, 2]) & (j < b[:, 3])
    image = x.reshape(rows, h, w, int(channels))
    new = np.minimum(np.maximum(fill.reshape(image.shape) if filled else T(value), T(low)), T(high))
    y[...] = np.where(inside[..., None], new, image).reshape(y.shape)


def _paste_native(x, boxes, fill, height, width, channels, filled, value, low, high, y, lo, hi, scratch):
    T, h, w, ch = x.dtype.type, height[0], width[0], channels[0]
    bottom, top = T(low[0]), T(high[0])
    for r in range(lo, hi):
        for i in range(h):
            here = i >= boxes[r, 0] and i < boxes[r, 1]
            for j in range(w):
                inside = here and j >= boxes[r, 2] and j < boxes[r, 3]
                for k in range((i * w + j) * ch, (i * w + j + 1) * ch):
                    y[r, k] = min(max(fill[r, k] if filled[0] else T(value[0]), bottom), top) if inside else x[r, k]


# inside its box an image becomes `fill` (where `filled`) or `value`, brought into (low, high)
PASTE = register(
    Kernel(
        name="augment_paste",
        operands=parse(
            "x, boxes:full:f8, fill, height:const:i8, width:const:i8, channels:const:i8, filled:const:i8, value:const, low:const, "
            "high:const -> y"
        ),
        extent=first_rows, reference=_paste_reference, native=_paste_native, cuda=cuda_kernel("augment_tone.cu", "augment_paste"),
        geometry="rows", cost=lambda x, *a: 1.0 * columns_of(x), family="augment",
    )
)


def _mix_reference(x, weights, wide, at, add, y):
    w = weights[:, int(at)].astype(x.dtype).reshape(-1, *(1,) * (x.ndim - 1))
    y[...] = (y if add else 0) + w * x


def _mix_native(x, weights, wide, at, add, y, lo, hi, scratch):
    for r in range(lo, hi):
        w = x.dtype.type(weights[r, at[0]])
        if add[0] != 0:
            for k in range(x.shape[1]):
                y[r, k] += w * x[r, k]
        else:
            for k in range(x.shape[1]):
                y[r, k] = w * x[r, k]


# y (+)= x times the row's weight in column `at` of `wide`
MIX = register(
    Kernel(
        name="augment_mix", operands=parse("x, weights:full:f8, wide:const:i8, at:const:i8, add:const:i8, y -> y"), extent=first_rows,
        reference=_mix_reference, native=_mix_native, cuda=cuda_kernel("augment_tone.cu", "augment_mix"), geometry="rows",
        cost=lambda x, *a: 0.5 * columns_of(x), family="augment",
    )
)
