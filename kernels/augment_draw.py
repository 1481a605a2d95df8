"""What augmentation draws for each image: a table of numbers, mixing weights, and boxes made of them.

A table has `PLACES` float64 numbers a row, ``low + span * u`` with u a uniform of 24 bits. Where span has at most 29 significant bits the
product is exact, so that the table is the same to the bit on every device, whether or not it fuses the addition.
"""

import math

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.philox import MASK, philox, philox_block
from gpunn.kernels.record import Kernel, first_rows, parse, register, rows_of

PLACES = 20  # numbers of a row: five Philox blocks
TABLE = 24  # bits of a block's number that count a table's blocks: tables of a layer do not overlap up to 3 million rows
UNIT = 2.0**-24
TRIES = 32  # of a gamma number; all but one in 10^40 are found before
OTHER_GAMMAS = 1 << 31  # where the blocks of gamma numbers begin


def _draw_reference(low, span, step, seed, stream, table, drawn):
    key, t = int(seed) & (2**64 - 1), int(step.reshape(-1)[0])
    blocks = (int(table) << TABLE) + np.arange(len(drawn) * PLACES // 4)
    words = philox(blocks, int(stream), t & MASK, (t >> 32) & MASK, key & MASK, (key >> 32) & MASK)
    uniform = (np.stack(words, axis=1).reshape(drawn.shape) >> np.uint32(8)) * UNIT
    drawn[...] = low + span * uniform


def _draw_native(low, span, step, seed, stream, table, drawn, lo, hi, scratch):
    t, key = np.uint64(step[0]), np.uint64(seed[0])
    s0, s1, k0, k1 = t & np.uint64(MASK), t >> np.uint64(32), key & np.uint64(MASK), key >> np.uint64(32)
    for r in range(lo, hi):
        for q in range(PLACES // 4):
            block = np.uint64((table[0] << TABLE) + PLACES // 4 * r + q)
            a, b, c, d = philox_block(block, np.uint64(stream[0]), s0, s1, k0, k1)
            at = 4 * q
            drawn[r, at] = low[at] + span[at] * (np.float64(a >> np.uint64(8)) * UNIT)
            drawn[r, at + 1] = low[at + 1] + span[at + 1] * (np.float64(b >> np.uint64(8)) * UNIT)
            drawn[r, at + 2] = low[at + 2] + span[at + 2] * (np.float64(c >> np.uint64(8)) * UNIT)
            drawn[r, at + 3] = low[at + 3] + span[at + 3] * (np.float64(d >> np.uint64(8)) * UNIT)


DRAW = register(
    Kernel(
        name="augment_draw",
        operands=parse("low:row:f8, span:row:f8, step:row:i8, seed:const:i8, stream:const:i8, table:const:i8 -> drawn:full:f8"),
        extent=lambda *a: rows_of(a[-1]), reference=_draw_reference, native=_draw_native, cuda=cuda_kernel("augment.cu", "augment_draw"),
        per_thread=4, cost=lambda *a: 60.0, family="augment",
    )
)


def _choose_reference(drawn, neutral, owner, at, choices, out):
    chosen = np.minimum(np.floor(drawn[:, int(at)] * choices), choices - 1)
    out[...] = np.where(owner == chosen[:, None], drawn, neutral)


def _choose_native(drawn, neutral, owner, at, choices, out, lo, hi, scratch):
    for r in range(lo, hi):
        chosen = min(math.floor(drawn[r, at[0]] * choices[0]), np.float64(choices[0] - 1))
        for k in range(drawn.shape[1]):
            out[r, k] = drawn[r, k] if owner[k] == chosen else neutral[k]


# each row keeps the numbers that one operation, drawn in column `at`, owns; the others are neutral
CHOOSE = register(
    Kernel(
        name="augment_choose",
        operands=parse("drawn:full:f8, neutral:row:f8, owner:row:f8, at:const:i8, choices:const:i8 -> out:full:f8"),
        extent=first_rows, reference=_choose_reference, native=_choose_native, cuda=cuda_kernel("augment.cu", "augment_choose"),
        cost=lambda *a: 20.0, family="augment",
    )
)


def _boxes_reference(drawn, height, width, kind, boxes):
    d = drawn[:, :6]
    for axis, size in ((0, int(height)), (1, int(width))):
        if kind:  # a square of d[axis] pixels around a pixel: parts of it may lie outside
            first = np.floor(d[:, 2 + axis] * size) - np.floor(d[:, axis] / 2)
            last = first + d[:, axis]
        else:
            length = np.sqrt(d[:, axis]) * size
            first = d[:, 2 + axis] * (size - length)
            last = first + length
        boxes[:, 2 * axis], boxes[:, 2 * axis + 1] = np.ceil(first), np.ceil(last)
    boxes[~(d[:, 5] < d[:, 4])] = 0


def _boxes_native(drawn, height, width, kind, boxes, lo, hi, scratch):
    for r in range(lo, hi):
        for axis in range(2):
            size = np.float64(height[0] if axis == 0 else width[0])
            first, last = 0.0, 0.0
            if drawn[r, 5] < drawn[r, 4]:
                if kind[0] != 0:
                    first = math.floor(drawn[r, 2 + axis] * size) - math.floor(drawn[r, axis] / 2.0)
                    last = first + drawn[r, axis]
                else:
                    length = math.sqrt(drawn[r, axis]) * size
                    first = drawn[r, 2 + axis] * (size - length)
                    last = first + length
            boxes[r, 2 * axis] = math.ceil(first)
            boxes[r, 2 * axis + 1] = math.ceil(last)


# boxes: (top, bottom, left, right) of each row, whole numbers, a pixel i is inside where top <= i < bottom; empty unless
# drawn[5] < drawn[4]. kind 0: sides sqrt(drawn[0:2]) of the image's, placed at share drawn[2:4] of the room left; kind 1: drawn[0:2]
# pixels around a pixel
BOXES = register(
    Kernel(
        name="augment_boxes", operands=parse("drawn:full:f8, height:const:i8, width:const:i8, kind:const:i8 -> boxes:full:f8"),
        extent=first_rows, reference=_boxes_reference, native=_boxes_native, cuda=cuda_kernel("augment.cu", "augment_boxes"),
        per_thread=PLACES, cost=lambda *a: 10.0, family="augment",
    )
)


def _gammas(alpha, blocks, stream, step, key):
    """Gamma numbers of shape `alpha` (Marsaglia & Tsang 2000), one for each of `blocks`, which are `TRIES` long each."""
    shape = alpha if alpha >= 1 else alpha + 1
    d = shape - 1 / 3
    c = 1 / math.sqrt(9 * d)
    out, found = np.full(blocks.shape, d), np.zeros(blocks.shape, bool)
    for t in range(TRIES):
        words = philox(blocks + t, stream, step & MASK, (step >> 32) & MASK, key & MASK, (key >> 32) & MASK)
        a, b, u, w = ((word.astype(np.float64) + 0.5) * 2.0**-32 for word in words)
        x = np.sqrt(-2 * np.log(a)) * np.cos(2 * np.pi * b)
        v = (1 + c * x) ** 3
        good = (v > 0) & (np.log(u) < 0.5 * x * x + d - d * v + d * np.log(np.where(v > 0, v, 1)))
        value = d * v * (w ** (1 / alpha) if alpha < 1 else 1)
        out = np.where(good & ~found, value, out)
        found |= good
    return out


def _mixing_reference(step, seed, stream, alpha, weights):
    rows, chains = weights.shape[0], weights.shape[1] - 1
    key, t = int(seed) & (2**64 - 1), int(step.reshape(-1)[0])
    blocks = OTHER_GAMMAS + np.arange(rows * (chains + 2)).reshape(rows, chains + 2) * TRIES
    g = np.maximum(_gammas(float(alpha), blocks, int(stream), t, key), 1e-300)
    kept = g[:, :1] / (g[:, :1] + g[:, 1:2])
    weights[:, :1] = kept
    weights[:, 1:] = (1 - kept) * g[:, 2:] / g[:, 2:].sum(axis=1, keepdims=True)


def _gamma(alpha, block, stream, s0, s1, k0, k1):
    shape = alpha if alpha >= 1.0 else alpha + 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    for t in range(TRIES):
        wa, wb, wu, ww = philox_block(block + np.uint64(t), stream, s0, s1, k0, k1)
        a, b = (np.float64(wa) + 0.5) * 2.0**-32, (np.float64(wb) + 0.5) * 2.0**-32
        x = math.sqrt(-2.0 * math.log(a)) * math.cos(2.0 * math.pi * b)
        v = (1.0 + c * x) ** 3
        if v > 0.0 and math.log((np.float64(wu) + 0.5) * 2.0**-32) < 0.5 * x * x + d - d * v + d * math.log(v):
            boost = math.pow((np.float64(ww) + 0.5) * 2.0**-32, 1.0 / alpha) if alpha < 1.0 else 1.0
            return max(d * v * boost, 1e-300)
    return d


def _mixing_native(step, seed, stream, alpha, weights, lo, hi, scratch):
    t, key = np.uint64(step[0]), np.uint64(seed[0])
    s0, s1, k0, k1 = t & np.uint64(MASK), t >> np.uint64(32), key & np.uint64(MASK), key >> np.uint64(32)
    st, each = np.uint64(stream[0]), weights.shape[1] + 1
    for r in range(lo, hi):
        first = np.uint64(OTHER_GAMMAS + r * each * TRIES)
        g0 = _gamma(alpha[0], first, st, s0, s1, k0, k1)
        g1 = _gamma(alpha[0], first + np.uint64(TRIES), st, s0, s1, k0, k1)
        weights[r, 0] = g0 / (g0 + g1)
        total = 0.0
        for k in range(1, weights.shape[1]):
            weights[r, k] = _gamma(alpha[0], first + np.uint64(TRIES * (k + 1)), st, s0, s1, k0, k1)
            total += weights[r, k]
        for k in range(1, weights.shape[1]):
            weights[r, k] *= (1.0 - weights[r, 0]) / total
    philox_block(np.uint64(0), st, s0, s1, k0, k1)  # named here, so that it is compiled for `_gamma`


# weights (m, (1 - m) w_1, ...): m ~ Beta(alpha, alpha), w ~ Dirichlet(alpha, ..., alpha), one set a row; they sum to one
MIXING = register(
    Kernel(
        name="augment_mixing", operands=parse("step:row:i8, seed:const:i8, stream:const:i8, alpha:const:f8 -> weights:full:f8"),
        extent=lambda *a: rows_of(a[-1]), reference=_mixing_reference, native=_mixing_native,
        cuda=cuda_kernel("augment.cu", "augment_mixing"), cost=lambda *a: 500.0, family="augment",
    )
)
