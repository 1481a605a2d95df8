"""Images moved by one gather: every pixel is read where an affine map of its own image, and perhaps a field of displacements, points.

Coordinates are (row i, column j), pixel centres at whole numbers. A map is six float64 numbers a row: the value of output pixel (i, j) is
read at row ``m0 i + m1 j + m2`` and column ``m3 i + m4 j + m5`` of the input.
"""

import math

import numpy as np

from gpunn.kernels.augment_draw import PLACES
from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, first_rows, parse, register

# Places of a table: rotation in radians, shifts in pixels along columns and rows, shear in radians, zooms of columns and rows (above 1: a
# larger part is seen), flips (below 0.5), shears of Keras 3 with their common sign (above 0.5: negative), whole shifts, a common zoom.
ANGLE, SHIFT_X, SHIFT_Y, SHEAR, ZOOM_X, ZOOM_Y, FLIP_X, FLIP_Y, SLANT_X, SLANT_Y, SIGN, LEFT, TOP, ZOOM = range(14)
GAIN, SHIFT = 14, 15  # see augment_tone
CHOICE = 19  # see augment_draw.CHOOSE
NEUTRAL = (0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)

# How pixels outside are found. SciPy's "constant" has the value everywhere outside, its "wrap" a period of n - 1; GRID ones go on pixel by
# pixel, as Keras 3 does it.
MODES = {"nearest": 0, "constant": 1, "reflect": 2, "wrap": 3, "grid-constant": 4, "grid-wrap": 5}


def affine_maps(drawn: np.ndarray, height: int, width: int) -> np.ndarray:
    """(rows, 6) maps of (rows, PLACES) drawn numbers for images of this size.

    In (column, row) order, about the image's centre: rotation . shift . shear . zoom, as Keras's legacy apply_affine_transform; before it
    (as seen from the output pixel) the flips and Keras 3's shear about the corner, after it the whole shift.
    """
    p = drawn[:, :14].T
    sign = np.where(p[SIGN] > 0.5, -1.0, 1.0)
    cos, sin, slope, shrink = np.cos(p[ANGLE]), np.sin(p[ANGLE]), np.sin(p[SHEAR]), np.cos(p[SHEAR])
    zx, zy = p[ZOOM_X] * p[ZOOM], p[ZOOM_Y] * p[ZOOM]
    a, b = cos * zx, -(cos * slope + sin * shrink) * zy
    c, d = sin * zx, (cos * shrink - sin * slope) * zy
    ox, oy = (width - 1) / 2, (height - 1) / 2
    kx, ky = np.where(p[FLIP_X] < 0.5, -1.0, 1.0), np.where(p[FLIP_Y] < 0.5, -1.0, 1.0)
    x0, y0 = np.where(kx < 0, width - 1.0, 0.0), np.where(ky < 0, height - 1.0, 0.0)
    sx, sy = sign * p[SLANT_X], sign * p[SLANT_Y]
    # the output pixel (j, i), flipped and sheared: X = xj j + xi i + x1, Y = yj j + yi i + y1
    xj, xi, x1 = kx, sx * ky, x0 + sx * y0
    yj, yi, y1 = sy * kx, ky, y0 + sy * x0
    tx = cos * p[SHIFT_X] - sin * p[SHIFT_Y] + np.floor(p[LEFT]) + (ox - a * ox - b * oy)
    ty = sin * p[SHIFT_X] + cos * p[SHIFT_Y] + np.floor(p[TOP]) + (oy - c * ox - d * oy)
    return np.stack(
        [c * xi + d * yi, c * xj + d * yj, c * x1 + d * y1 + ty, a * xi + b * yi, a * xj + b * yj, a * x1 + b * y1 + tx], axis=1
    )


def _maps_reference(drawn, height, width, maps):
    maps[...] = affine_maps(drawn, int(height), int(width))


def _maps_native(drawn, height, width, maps, lo, hi, scratch):
    ox, oy = (width[0] - 1) / 2.0, (height[0] - 1) / 2.0
    for r in range(lo, hi):
        p = drawn[r]
        sign = -1.0 if p[10] > 0.5 else 1.0
        cos, sin, slope, shrink = math.cos(p[0]), math.sin(p[0]), math.sin(p[3]), math.cos(p[3])
        zx, zy = p[4] * p[13], p[5] * p[13]
        a, b = cos * zx, -(cos * slope + sin * shrink) * zy
        c, d = sin * zx, (cos * shrink - sin * slope) * zy
        kx, ky = -1.0 if p[6] < 0.5 else 1.0, -1.0 if p[7] < 0.5 else 1.0
        x0, y0 = width[0] - 1.0 if kx < 0 else 0.0, height[0] - 1.0 if ky < 0 else 0.0
        sx, sy = sign * p[8], sign * p[9]
        xj, xi, x1 = kx, sx * ky, x0 + sx * y0
        yj, yi, y1 = sy * kx, ky, y0 + sy * x0
        tx = cos * p[1] - sin * p[2] + math.floor(p[11]) + (ox - a * ox - b * oy)
        ty = sin * p[1] + cos * p[2] + math.floor(p[12]) + (oy - c * ox - d * oy)
        maps[r, 0], maps[r, 1], maps[r, 2] = c * xi + d * yi, c * xj + d * yj, c * x1 + d * y1 + ty
        maps[r, 3], maps[r, 4], maps[r, 5] = a * xi + b * yi, a * xj + b * yj, a * x1 + b * y1 + tx


MAPS = register(
    Kernel(
        name="augment_maps", operands=parse("drawn:full:f8, height:const:i8, width:const:i8 -> maps:full:f8"), extent=first_rows,
        reference=_maps_reference, native=_maps_native, cuda=cuda_kernel("augment.cu", "augment_maps"), per_thread=PLACES,
        cost=lambda *a: 60.0, family="augment",
    )
)


def _index(k, n, mode):
    """Where pixel k of an axis of n is found; -1 for nowhere."""
    if mode == MODES["reflect"]:
        k = np.mod(k, 2 * n)
        return np.where(k >= n, 2 * n - 1 - k, k)
    if mode == MODES["grid-constant"]:
        return np.where((k < 0) | (k >= n), -1, k)
    return np.mod(k, n) if mode == MODES["grid-wrap"] else np.clip(k, 0, n - 1)


def _axis(s, n, mode, order):
    """-> (two pixels to read, weight of the second, whether the value is the constant) of coordinates on an axis of n pixels."""
    outside = np.zeros(s.shape, bool)
    if mode == MODES["constant"]:
        outside = (s < 0) | (s > n - 1)
    if mode == MODES["wrap"]:
        far = (s < 0) | (s > n - 1)
        s = np.where(far, s - (n - 1) * np.floor(s / max(n - 1, 1)) if n > 1 else 0, s)
    first = np.floor(s if order else s + s.dtype.type(0.5))
    share = s - first if order else np.zeros_like(s)
    k = first.astype(np.int64)
    return _index(k, n, mode), _index(k + 1, n, mode), share, outside


def _gather_reference(x, maps, field, height, width, channels, out_height, out_width, mode, order, strength, cval, y):
    h, w, ch, oh, ow = (int(n) for n in (height, width, channels, out_height, out_width))
    T, rows = x.dtype.type, x.shape[0]
    images, out = x.reshape(rows, h, w, ch), y.reshape(rows, oh, ow, ch)
    i, j = np.arange(oh, dtype=x.dtype)[:, None], np.arange(ow, dtype=x.dtype)[None, :]
    m = maps.astype(x.dtype).reshape(rows, 6, 1, 1)
    sy, sx = m[:, 0] * i + m[:, 1] * j + m[:, 2], m[:, 3] * i + m[:, 4] * j + m[:, 5]
    if strength:
        moves = field.reshape(rows, oh, ow, 2)
        sy, sx = sy + T(strength) * moves[..., 0], sx + T(strength) * moves[..., 1]
    y0, y1, fy, above = _axis(sy, h, int(mode), int(order))
    x0, x1, fx, beside = _axis(sx, w, int(mode), int(order))
    r = np.arange(rows)[:, None, None]

    def read(a, b):
        return np.where(((a < 0) | (b < 0))[..., None], T(cval), images[r, a, b])

    fy, fx, gy, gx = fy[..., None], fx[..., None], T(1) - fy[..., None], T(1) - fx[..., None]
    value = gy * (gx * read(y0, x0) + fx * read(y0, x1)) + fy * (gx * read(y1, x0) + fx * read(y1, x1))
    out[...] = np.where((above | beside)[..., None], T(cval), value)


def _place(k, n, mode):
    if k >= 0 and k < n:
        return k
    if mode == 2:
        k = k % (2 * n)
        return 2 * n - 1 - k if k >= n else k
    if mode == 4:
        return -1
    if mode == 5:
        return k % n
    return 0 if k < 0 else n - 1


def _bring(s, n):
    """SciPy's wrap: a period of n - 1."""
    if s >= 0 and s <= n - 1:
        return s
    return s - (n - 1) * np.floor(s / (n - 1)) if n > 1 else s * 0


def _within(sy, top, sx, side):
    """Whether the pixel at these coordinates and those below and beside it lie in the image."""
    return sy >= 0 and sy < top and sx >= 0 and sx < side


def _gather_native(x, maps, field, height, width, channels, out_height, out_width, mode, order, strength, cval, y, lo, hi, scratch):
    T = x.dtype.type
    h, w, ch, oh, ow, how, lin = height[0], width[0], channels[0], out_height[0], out_width[0], mode[0], order[0]
    power, outside, half, one = T(strength[0]), T(cval[0]), T(0.5), T(1)
    top, side = T(h - 1), T(w - 1)
    for r in range(lo, hi):
        m0, m1, m2 = T(maps[r, 0]), T(maps[r, 1]), T(maps[r, 2])
        m3, m4, m5 = T(maps[r, 3]), T(maps[r, 4]), T(maps[r, 5])
        image, out = x[r], y[r]
        for i in range(oh):
            row_y, row_x = m0 * T(i) + m2, m3 * T(i) + m5
            begin, end = ow, ow
            if lin != 0 and power == 0 and ch == 1:
                begin = 0
                while begin < ow and not _within(row_y + m1 * T(begin), top, row_x + m4 * T(begin), side):
                    begin += 1
                while end > begin and not _within(row_y + m1 * T(end - 1), top, row_x + m4 * T(end - 1), side):
                    end -= 1
                # all four pixels of these lie in the image, but for rounding; a loop of vectors
                for j in range(begin, end):
                    sy, sx = row_y + m1 * T(j), row_x + m4 * T(j)
                    y0, x0 = min(max(np.int64(sy), 0), h - 2), min(max(np.int64(sx), 0), w - 2)
                    fy, fx, first = sy - T(y0), sx - T(x0), y0 * w + x0
                    left, low = image[first], image[first + w]
                    upper = left + fx * (image[first + 1] - left)
                    out[i * ow + j] = upper + fy * (low + fx * (image[first + w + 1] - low) - upper)
            for j in range(ow):
                if j >= begin and j < end:
                    continue
                sy, sx, at = row_y + m1 * T(j), row_x + m4 * T(j), (i * ow + j) * ch
                if power != 0:
                    sy += power * field[r, 2 * (i * ow + j)]
                    sx += power * field[r, 2 * (i * ow + j) + 1]
                inside = sy >= 0 and sy <= top and sx >= 0 and sx <= side
                if not inside and how == 1:
                    for c in range(ch):
                        out[at + c] = outside
                    continue
                if how == 3:
                    sy, sx = _bring(sy, h), _bring(sx, w)
                if lin == 0:
                    a, b = _place(np.int64(np.floor(sy + half)), h, how), _place(np.int64(np.floor(sx + half)), w, how)
                    for c in range(ch):
                        out[at + c] = outside if a < 0 or b < 0 else image[(a * w + b) * ch + c]
                    continue
                ky, kx = np.floor(sy), np.floor(sx)
                fy, fx = sy - ky, sx - kx
                y0, x0 = np.int64(ky), np.int64(kx)
                if y0 >= 0 and y0 < h - 1 and x0 >= 0 and x0 < w - 1:
                    first = (y0 * w + x0) * ch
                    below = first + w * ch
                    for c in range(ch):
                        left, right = image[first + c], image[first + ch + c]
                        upper = left + fx * (right - left)
                        left, right = image[below + c], image[below + ch + c]
                        out[at + c] = upper + fy * (left + fx * (right - left) - upper)
                    continue
                y1, x1 = _place(y0 + 1, h, how), _place(x0 + 1, w, how)
                y0, x0 = _place(y0, h, how), _place(x0, w, how)
                for c in range(ch):
                    p00 = outside if y0 < 0 or x0 < 0 else image[(y0 * w + x0) * ch + c]
                    p01 = outside if y0 < 0 or x1 < 0 else image[(y0 * w + x1) * ch + c]
                    p10 = outside if y1 < 0 or x0 < 0 else image[(y1 * w + x0) * ch + c]
                    p11 = outside if y1 < 0 or x1 < 0 else image[(y1 * w + x1) * ch + c]
                    out[at + c] = (one - fy) * ((one - fx) * p00 + fx * p01) + fy * ((one - fx) * p10 + fx * p11)


# x: (height, width, channels) a row; y: (out_height, out_width, channels). order 0 reads the nearest pixel, 1 between four. `field`, two
# numbers a pixel of the output (rows, columns), times `strength` moves what is read; with strength 0 it is not looked at.
GATHER = register(
    Kernel(
        name="augment_gather",
        operands=parse(
            "x, maps:full:f8, field, height:const:i8, width:const:i8, channels:const:i8, out_height:const:i8, out_width:const:i8, "
            "mode:const:i8, order:const:i8, strength:const, cval:const -> y"
        ),
        extent=first_rows, reference=_gather_reference, native=_gather_native, cuda=cuda_kernel("augment.cu", "augment_gather"),
        geometry="rows", cost=lambda *a: 5.0 * a[6] * a[7] * a[5], family="augment",
    )
)
