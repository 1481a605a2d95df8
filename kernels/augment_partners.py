"""Rows of a batch mixed with other rows of it: Mixup (Zhang et al. 2017) and CutMix (Yun et al. 2019).

The partner of row r is row r + k of the batch, round and round, with k drawn for each step: rows of a batch are in random order anyway.
"""

import math

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, first_rows, parse, register, rows_of


def apart(share: float, rows: int) -> int:
    """How far partners are apart, for a number on [0, 1)."""
    return 1 + min(int(share * (rows - 1)), rows - 2) if rows > 1 else 0


def _roll_reference(x, drawn, at, out):
    out[...] = np.roll(x, -apart(float(drawn[0, int(at)]), len(x)), axis=0).reshape(out.shape) if len(x) else out


def _roll_native(x, drawn, at, out, lo, hi, scratch):
    n = x.shape[0]
    k = 1 + min(np.int64(drawn[0, at[0]] * (n - 1)), n - 2) if n > 1 else 0
    for r in range(lo, hi):
        source = (r + k) % n
        for j in range(x.shape[1]):
            out[r, j] = x[source, j]


# out[r] = x[(r + k) % rows]; k from column `at` of the table's first row
ROLL = register(
    Kernel(
        name="augment_roll", operands=parse("x:whole, drawn:whole:f8, at:const:i8 -> out"), extent=lambda *a: rows_of(a[-1]),
        reference=_roll_reference, native=_roll_native, cuda=cuda_kernel("augment.cu", "augment_roll"), geometry="rows",
        cost=lambda *a: 0.5 * columns_of(a[-1]), family="augment",
    )
)


def _partners_reference(mixup, cutmix, drawn, height, width, blend, boxes, labels):
    h, w = int(height), int(width)
    cut = drawn[:, 5] < drawn[:, 4]
    blend[...] = np.where(cut[:, None], [1.0, 0.0], mixup)
    for axis, size in ((0, h), (1, w)):
        length = np.sqrt(cutmix[:, 1]) * size
        first = drawn[:, 2 + axis] * (size - length)
        boxes[:, 2 * axis] = np.where(cut, np.ceil(first), 0)
        boxes[:, 2 * axis + 1] = np.where(cut, np.minimum(np.ceil(first + length), size), 0)
    area = (boxes[:, 1] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 2]) / (h * w)
    labels[:, 0] = np.where(cut, 1 - area, mixup[:, 0])
    labels[:, 1] = np.where(cut, area, mixup[:, 1])


def _partners_native(mixup, cutmix, drawn, height, width, blend, boxes, labels, lo, hi, scratch):
    for r in range(lo, hi):
        cut = drawn[r, 5] < drawn[r, 4]
        blend[r, 0], blend[r, 1] = (1.0, 0.0) if cut else (mixup[r, 0], mixup[r, 1])
        area = 1.0
        for axis in range(2):
            size = np.float64(height[0] if axis == 0 else width[0])
            length = math.sqrt(cutmix[r, 1]) * size
            first = drawn[r, 2 + axis] * (size - length)
            begin, end = (math.ceil(first), min(np.float64(math.ceil(first + length)), size)) if cut else (0.0, 0.0)
            boxes[r, 2 * axis], boxes[r, 2 * axis + 1] = begin, end
            area *= (end - begin) / size
        labels[r, 0], labels[r, 1] = (1.0 - area, area) if cut else (mixup[r, 0], mixup[r, 1])


# For each row either Mixup or (where drawn[5] < drawn[4]) CutMix. mixup, cutmix: (m, 1 - m), see augment_draw.MIXING. blend: weights of the
# row and of its partner as a whole; boxes: what then comes from the partner, whole pixels, a share 1 - m of the image placed by drawn[2:4];
# labels: weights of the two labels, for a box by the pixels it really has.
PARTNERS = register(
    Kernel(
        name="augment_partners",
        operands=parse(
            "mixup:full:f8, cutmix:full:f8, drawn:full:f8, height:const:i8, width:const:i8 -> blend:full:f8, boxes:full:f8, labels:full:f8"
        ),
        extent=first_rows, reference=_partners_reference, native=_partners_native, cuda=cuda_kernel("augment.cu", "augment_partners"),
        per_thread=2, cost=lambda *a: 30.0, family="augment",
    )
)
