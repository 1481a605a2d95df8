"""Feeding a step: gather a batch by a counter on the device, advance the counter, add up row values."""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, parse, register, rows_of


def gather_reference(data, order, position, scale, out):
    start = int(position.reshape(-1)[0])
    rows = data[order.reshape(-1)[start : start + out.shape[0]]]
    np.multiply(rows.reshape(out.shape), out.dtype.type(scale), out=out, casting="unsafe")


def _pick_reference(data, order, position, out):
    start = int(position.reshape(-1)[0])
    out[...] = data[order.reshape(-1)[start : start + out.shape[0]]].reshape(out.shape)


def _pick_native(data, order, position, out, lo, hi, scratch):
    start = position[0]
    for r in range(lo, hi):
        out[r] = data[order[start + r]]


def _gather(name: str, dtype: str, source: str) -> Kernel:
    return register(
        Kernel(
            name=name, operands=parse(f"data:whole:{dtype}, order:row:i4, position:row:i8, scale:const -> out"),
            extent=lambda *a: rows_of(a[-1]), reference=gather_reference,
            native_text="from gpunn.kernels.gather_native import gather_rows as body",
            cuda=cuda_kernel("data.cu", "gather", name, S=source), geometry="rows", per_thread=4, cost=lambda *a: 0.4 * columns_of(a[-1]),
        )
    )


GATHER = {"uint8": _gather("gather_u8", "u1", "unsigned char"), "float": _gather("gather_float", "T", "T")}
PICK_LABELS = register(
    Kernel(
        name="pick_labels", operands=parse("data:row:i4, order:row:i4, position:row:i8 -> out:col:i4"),
        extent=lambda *a: rows_of(a[-1]), reference=_pick_reference, native=_pick_native,
        cuda=cuda_kernel("data.cu", "pick", "pick_labels", S="int"),
    )
)
PICK_WEIGHTS = register(
    Kernel(
        name="pick_weights", operands=parse("data:row, order:row:i4, position:row:i8 -> out:col"),
        extent=lambda *a: rows_of(a[-1]), reference=_pick_reference, native=_pick_native,
        cuda=cuda_kernel("data.cu", "pick", "pick_weights", S="T"),
    )
)


def _store_reference(values, position, out):
    start = int(position.reshape(-1)[0])
    out[start : start + values.shape[0]] = values.reshape(values.shape[0], *out.shape[1:])


def _store_native(values, position, out, lo, hi, scratch):
    start = position[0]
    for r in range(lo, hi):
        source, target = values[r], out[start + r]
        for j in range(source.size):
            target[j] = source[j]


# a batch's outputs, behind those of the batches before
STORE = register(
    Kernel(
        name="store", operands=parse("values, position:row:i8 -> out:whole"), extent=lambda *a: rows_of(a[0]),
        reference=_store_reference, native=_store_native, cuda=cuda_kernel("data.cu", "store"), geometry="rows", per_thread=4,
        cost=lambda *a: 0.2 * columns_of(a[0]),
    )
)
PICK_ROWS = register(  # labels of sequences
    Kernel(
        name="pick_rows", operands=parse("data:whole:i4, order:row:i4, position:row:i8 -> out:full:i4"),
        extent=lambda *a: rows_of(a[-1]), reference=_pick_reference, native=_pick_native,
        cuda=cuda_kernel("data.cu", "pick_rows"), geometry="rows", per_thread=4, cost=lambda *a: 0.4 * columns_of(a[-1]),
    )
)


def _advance_reference(position, step, by, steps):
    position += int(by)
    step += int(steps)


def _advance_native(position, step, by, steps, lo, hi, scratch):
    position[0] += by[0]
    step[0] += steps[0]


ADVANCE = register(
    Kernel(
        name="advance", operands=parse("position:row:i8, step:row:i8, by:const:i8, steps:const:i8 -> position:row:i8, step:row:i8"),
        extent=lambda *a: 1, reference=_advance_reference, native=_advance_native,
        cuda=cuda_kernel("data.cu", "advance"), geometry="one",
    )
)


def _hold_reference(counter, out):
    out[...] = counter


def _hold_native(counter, out, lo, hi, scratch):
    out[0] = counter[0]


# a counter as it is now, for whoever comes back after it has moved on
HOLD = register(
    Kernel(
        name="hold", operands=parse("counter:row:i8 -> out:row:i8"), extent=lambda *a: 1, reference=_hold_reference, native=_hold_native,
        cuda=cuda_kernel("data.cu", "hold"), geometry="one",
    )
)


def _count_reference(value, by):
    value += value.dtype.type(int(by))


def _count_native(value, by, lo, hi, scratch):
    for i in range(lo, hi):
        value[i] += by[0]


def _count(dtype: str, source: str) -> Kernel:
    return register(
        Kernel(
            name=f"count_{dtype}", operands=parse(f"value:row:{dtype}, by:const:i8 -> value:row:{dtype}"), extent=lambda *a: a[0].size,
            reference=_count_reference, native=_count_native, cuda=cuda_kernel("data.cu", "count", f"count_{dtype}", S=source),
        )
    )


# whole numbers that a user's own step counts
COUNT = {"int32": _count("i4", "int"), "int64": _count("i8", "long long")}


def _accumulate_reference(values, weights, step, sums):
    total = float(np.dot(values.reshape(-1).astype(np.float64), weights.reshape(-1).astype(np.float64)))
    flat = sums.reshape(-1)
    flat[0] += total
    flat[1] += weights.sum(dtype=np.float64)
    if flat[2] < 0 and not np.isfinite(total):
        flat[2] = float(step.reshape(-1)[0])


def _accumulate_native(values, weights, step, sums, lo, hi, scratch):
    total, weight = 0.0, 0.0
    for i in range(values.size):
        total += np.float64(values[i]) * np.float64(weights[i])
        weight += np.float64(weights[i])
    sums[0] += total
    sums[1] += weight
    if sums[2] < 0 and not np.isfinite(total):
        sums[2] = np.float64(step[0])


# sums = (weighted total, weight, first step whose total was not finite or -1): an epoch's mean is sums[0] / sums[1]
ACCUMULATE = register(
    Kernel(
        name="accumulate", operands=parse("values:row, weights:row, step:row:i8, sums:row:f8 -> sums:row:f8"),
        extent=lambda *a: 1, reference=_accumulate_reference, native=_accumulate_native,
        cuda=cuda_kernel("data.cu", "accumulate"), geometry="one",
    )
)
