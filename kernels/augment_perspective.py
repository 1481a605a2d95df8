"""Images seen from elsewhere: how far each pixel of the output lies from where it is read."""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, parse, register, rows_of

# Places of a table: how much farther from the upper left corner, which stays, the others get, as shares of the image's sides: the upper
# right one across, the lower left one down, the lower right one across and down
RIGHT, DOWN, FAR_RIGHT, FAR_DOWN = 6, 7, 8, 9
FARTHEST = 1e6  # pixels: beyond that all is outside


def _perspective_reference(drawn, height, width, field):
    T, h, w = field.dtype.type, int(height), int(width)
    corners = T(1) + drawn[:, (RIGHT, DOWN, FAR_RIGHT, FAR_DOWN)].astype(field.dtype)
    right, down, far_right, far_down = corners.T[..., None, None]
    tall, wide = T(max(h - 1, 1)), T(max(w - 1, 1))
    i, j = np.arange(h, dtype=field.dtype)[:, None], np.arange(w, dtype=field.dtype)[None, :]
    lean_x, lean_y = (far_down / down - T(1)) / (wide * far_right), (far_right / right - T(1)) / (tall * far_down)
    depth = lean_x * j + lean_y * i + T(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = (tall * lean_y + T(1) / down) * i / depth - i, (wide * lean_x + T(1) / right) * j / depth - j
    field[...] = np.clip(np.stack(moves, axis=-1), -FARTHEST, FARTHEST).reshape(field.shape)


def _perspective_native(drawn, height, width, field, lo, hi, scratch):
    T, h, w = field.dtype.type, height[0], width[0]
    tall, wide, one, most = T(max(h - 1, 1)), T(max(w - 1, 1)), T(1), T(FARTHEST)
    for r in range(lo, hi):
        right, down = one + T(drawn[r, RIGHT]), one + T(drawn[r, DOWN])
        far_right, far_down = one + T(drawn[r, FAR_RIGHT]), one + T(drawn[r, FAR_DOWN])
        lean_x, lean_y = (far_down / down - one) / (wide * far_right), (far_right / right - one) / (tall * far_down)
        over, across = tall * lean_y + one / down, wide * lean_x + one / right
        for i in range(h):
            for j in range(w):
                depth, at = lean_x * T(j) + lean_y * T(i) + one, 2 * (i * w + j)
                field[r, at] = min(max(over * T(i) / depth - T(i), -most), most)
                field[r, at + 1] = min(max(across * T(j) / depth - T(j), -most), most)


# field: two numbers a pixel, rows and columns from it to where it is read. The map between two planes that takes the corners to their new
# places; the pixel there is that of the old place: row (H g + 1 / down) i / d, column (W f + 1 / right) j / d, where d = f j + g i + 1,
# f = (far_down / down - 1) / (W far_right) and g = (far_right / right - 1) / (H far_down), for an image of H + 1 rows and W + 1 columns
PERSPECTIVE = register(
    Kernel(
        name="augment_perspective", operands=parse("drawn:full:f8, height:const:i8, width:const:i8 -> field"),
        extent=lambda *a: rows_of(a[-1]), reference=_perspective_reference, native=_perspective_native,
        cuda=cuda_kernel("augment.cu", "augment_perspective"), geometry="rows", cost=lambda d, h, w, field: 8.0 * float(h) * float(w),
        family="augment",
    )
)
