"""Gaussian blur along one axis of images, each with its own deviation; two launches blur both."""

import math

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, first_rows, parse, register

LARGEST = 255  # weights of a blur: what a block keeps of them


def _blur_reference(x, drawn, sigma, chance, height, width, channels, size, axis, y):
    rows, n, radius = x.shape[0], int(size), int(size) // 2
    image = x.reshape(rows, int(height), int(width), int(channels))
    deviation = drawn[:, int(sigma)].astype(x.dtype)[:, None]
    apart = np.arange(-radius, n - radius, dtype=x.dtype)
    weights = np.exp(x.dtype.type(-0.5) * (apart / deviation) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)
    along = 1 + int(axis)
    padded = np.pad(image, [(radius, n - 1 - radius) if a == along else (0, 0) for a in range(4)])
    out = np.zeros_like(image)
    for k in range(n):
        part = np.take(padded, np.arange(k, k + image.shape[along]), axis=along)
        out += weights[:, k].reshape(-1, 1, 1, 1) * part
    if chance >= 0:
        hit = drawn[:, int(chance) + 1] < drawn[:, int(chance)]
        out = np.where(hit.reshape(-1, 1, 1, 1), out, image)
    y[...] = out.reshape(y.shape)


def _blur_native(x, drawn, sigma, chance, height, width, channels, size, axis, y, lo, hi, scratch):
    T, h, w, ch, n = x.dtype.type, height[0], width[0], channels[0], size[0]
    radius, length = n // 2, h if axis[0] == 0 else w
    pitch = w * ch if axis[0] == 0 else ch
    weights = np.empty(255, x.dtype)
    for r in range(lo, hi):
        image, out = x[r], y[r]
        if chance[0] >= 0 and not drawn[r, chance[0] + 1] < drawn[r, chance[0]]:
            for k in range(image.size):
                out[k] = image[k]
            continue
        total, deviation = T(0), T(drawn[r, sigma[0]])
        for k in range(n):
            share = T(k - radius) / deviation
            weights[k] = T(math.exp(T(-0.5) * share * share))
            total += weights[k]
        for k in range(n):
            weights[k] /= total
        for i in range(h):
            for j in range(w):
                place = i if axis[0] == 0 else j
                first, end = max(0, radius - place), min(n, length - place + radius)
                for c in range(ch):
                    at = (i * w + j) * ch + c
                    value = T(0)
                    for k in range(first, end):
                        value += weights[k] * image[at + (k - radius) * pitch]
                    out[at] = value


# x blurred along rows (axis 0) or columns (1), with `size` weights exp(-(k / deviation)^2 / 2) that sum to one and zeros outside; the
# deviation stands in column `sigma` of the table. With chance >= 0 only images whose number after column `chance` is below the one in it.
BLUR = register(
    Kernel(
        name="augment_blur",
        operands=parse(
            "x, drawn:full:f8, sigma:const:i8, chance:const:i8, height:const:i8, width:const:i8, channels:const:i8, size:const:i8, "
            "axis:const:i8 -> y"
        ),
        extent=first_rows, reference=_blur_reference, native=_blur_native, cuda=cuda_kernel("augment_tone.cu", "augment_blur"),
        geometry="rows", cost=lambda x, *a: 0.8 * a[6] * columns_of(x), family="augment",
    )
)
