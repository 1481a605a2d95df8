"""Weights of a batch's values: labels that do not count, or are numbers; means of weights; and elements put in another order."""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.elementwise import elementwise
from gpunn.kernels.record import Kernel, columns_of, first_rows, parse, register, rows_of

FAMILY = "weighing"


def _keep_reference(label, keep, safe):
    keep[...] = label.reshape(keep.shape) >= 0
    safe[...] = np.maximum(label, 0).reshape(safe.shape)


def _keep_native(label, keep, safe, lo, hi, scratch):
    for i in range(lo, hi):
        keep[i] = 1 if label[i] >= 0 else 0
        safe[i] = max(label[i], 0)


def _number_reference(label, out):
    out[...] = label.reshape(out.shape)


def _number_native(label, out, lo, hi, scratch):
    for i in range(lo, hi):
        out[i] = label[i]


def _weigh_reference(weight, keep, share, by_weight, out):
    w, k = weight.reshape(-1), keep.reshape(-1)
    kept = w * k
    total = (kept if by_weight else k).sum(dtype=np.float64)
    factor = 1.0 if not share else 0.0 if total == 0 else w.size / total
    out[...] = (kept * weight.dtype.type(factor)).reshape(out.shape)


def _weigh_native(weight, keep, share, by_weight, out, lo, hi, scratch):
    total = 0.0
    for i in range(weight.size):
        total += np.float64(keep[i]) * (np.float64(weight[i]) if by_weight[0] != 0 else 1.0)
    factor = weight.dtype.type(1)
    if share[0] != 0:
        factor = weight.dtype.type(0.0 if total == 0.0 else weight.size / total)
    for i in range(weight.size):
        out[i] = weight[i] * keep[i] * factor


def _take_reference(values, order, out):
    out[...] = values.reshape(-1)[order.reshape(-1)].reshape(out.shape)


def _take_native(values, order, out, lo, hi, scratch):
    columns = out.shape[1]
    wide = values.shape[1]
    for i in range(lo, hi):
        for j in range(columns):
            at = order[i * columns + j]
            out[i, j] = values[at // wide, at % wide]


# keep = 1 where there is a label (not -1), safe a label that may be used as an index
KEEP = register(
    Kernel(
        name="keep", operands=parse("label:col:i4 -> keep:col, safe:col:i4"), extent=first_rows, reference=_keep_reference,
        native=_keep_native, cuda=cuda_kernel("weighing.cu", "keep"), geometry="elements", family=FAMILY,
    )
)


# labels as numbers to compute with
NUMBER = register(
    Kernel(
        name="number", operands=parse("label:col:i4 -> out:col"), extent=first_rows, reference=_number_reference, native=_number_native,
        cuda=cuda_kernel("weighing.cu", "number"), geometry="elements", family=FAMILY,
    )
)


@elementwise("gradient, weight:col, scale:const -> scaled", family=FAMILY)
def times_rows(gradient, weight, scale):
    return gradient * weight * scale


@elementwise("values, keep -> values", family=FAMILY)
def mask(values, keep):
    return values if keep > 0.0 else 0.0 * keep


# out = weight * keep; with `share` times rows / the number kept, with `by_weight` too times rows / the weight kept: 0 where none is
WEIGH = register(
    Kernel(
        name="weigh", operands=parse("weight:row, keep:row, share:const:i8, by_weight:const:i8 -> out:row"), extent=lambda *a: 1,
        reference=_weigh_reference, native=_weigh_native, cuda=cuda_kernel("weighing.cu", "weigh"), geometry="one", family=FAMILY,
        cost=lambda weight, *a: 1.0 * weight.size,
    )
)
# out = values in another order of its elements: axes moved
TAKE = register(
    Kernel(
        name="take", operands=parse("values:whole, order:row:i4 -> out"), extent=lambda *a: rows_of(a[-1]), reference=_take_reference,
        native=_take_native, cuda=cuda_kernel("weighing.cu", "take"), geometry="elements", family=FAMILY,
        cost=lambda *a: 2.0 * columns_of(a[-1]),
    )
)
