"""What metrics count: outcomes cell by cell, and sums over the rows of a column.

An outcome is put in a cell (a class against a class, a bucket between two thresholds) by one kernel and counted by another, `COUNT`, in
double and in a fixed order: the same bits in every run.
"""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, first_rows, matrix, parse, register, rows_of

FAMILY = "measures"
LEFT_OUT = -1e10  # Keras's prediction for an output that is not among the largest k
SMALLEST = 1e-9  # Keras's F score: a largest output below this is no choice


def _record(name: str, signature: str, reference, native, geometry: str, cost: float = 3.0, extent=first_rows, grain: int = 1) -> Kernel:
    return register(
        Kernel(
            name=name, operands=parse(signature), extent=extent, reference=reference, native=native, geometry=geometry, grain=grain,
            family=FAMILY,
            cuda=cuda_kernel("measures.cu", name, LEFT_OUT=repr(LEFT_OUT), SMALLEST=repr(SMALLEST)),
            cost=lambda a, *rest: cost * max(columns_of(a), 1),
        )
    )


# ------------------------------------------------------------------ one value a row
def _equal_reference(p, target, hit):
    hit[...] = (matrix(p) == matrix(target)).mean(axis=1).reshape(hit.shape)


def _equal_native(p, target, hit, lo, hi, scratch):
    T = p.dtype.type
    for i in range(lo, hi):
        total = T(0)
        for j in range(p.shape[1]):
            total += T(1) if p[i, j] == target[i, j] else T(0)
        hit[i] = total / T(p.shape[1])


def _among(p, at, k):
    """Whether fewer than k outputs of a row are larger than the one at `at`; a NaN is never among them."""
    at = at.reshape(-1, 1)
    own = np.take_along_axis(p, np.maximum(at, 0), axis=1)
    return ((p > own).sum(axis=1) < k) & (at[:, 0] >= 0) & ~np.isnan(own[:, 0])


def _top_sparse_reference(p, label, k, hit):
    hit[...] = _among(matrix(p), label.astype(np.int64), k).reshape(hit.shape)


def _top_sparse_native(p, label, k, hit, lo, hi, scratch):
    T = p.dtype.type
    for i in range(lo, hi):
        hit[i] = T(0)
        if label[i] >= 0:
            own, larger = p[i, label[i]], 0
            for j in range(p.shape[1]):
                if p[i, j] > own:
                    larger += 1
            if larger < k[0] and own == own:
                hit[i] = T(1)


def _top_dense_reference(p, target, k, hit):
    hit[...] = _among(matrix(p), matrix(target).argmax(axis=1), k).reshape(hit.shape)


def _top_dense_native(p, target, k, hit, lo, hi, scratch):
    T = p.dtype.type
    for i in range(lo, hi):
        at = 0
        for j in range(1, p.shape[1]):
            if target[i, j] > target[i, at]:
                at = j
        own, larger = p[i, at], 0
        for j in range(p.shape[1]):
            if p[i, j] > own:
                larger += 1
        hit[i] = T(1) if larger < k[0] and own == own else T(0)


HIT_EQUAL = _record("hit_equal", "p, target -> hit:col", _equal_reference, _equal_native, "warps")
HIT_TOP_SPARSE = _record(
    "hit_top_sparse", "p, label:col:i4, k:const:i8 -> hit:col", _top_sparse_reference, _top_sparse_native, "warps"
)
HIT_TOP_DENSE = _record("hit_top_dense", "p, target, k:const:i8 -> hit:col", _top_dense_reference, _top_dense_native, "warps")


# ------------------------------------------------------------------ outputs to choices
def _decide_reference(p, threshold, largest, out):
    p2 = matrix(p)
    if largest:
        chosen = (p2 >= p2.max(axis=1, keepdims=True)) & (abs(p2) > SMALLEST) if p2.size else p2 > 0
    else:
        chosen = p2 > p.dtype.type(threshold)
    matrix(out)[...] = chosen


def _decide_native(p, threshold, largest, out, lo, hi, scratch):
    T = p.dtype.type
    for i in range(lo, hi):
        top = p[i, 0]
        for j in range(p.shape[1]):
            top = np.maximum(top, p[i, j])
        for j in range(p.shape[1]):
            v = p[i, j]
            chosen = v > T(threshold[0])
            if largest[0] != 0:
                chosen = v >= top and abs(v) > T(SMALLEST)
            out[i, j] = T(1) if chosen else T(0)


def _top_only_reference(p, k, out):
    p2 = matrix(p)
    rank = np.empty(p2.shape, np.int64)
    np.put_along_axis(rank, np.argsort(-p2, axis=1, kind="stable"), np.broadcast_to(np.arange(p2.shape[1]), p2.shape), axis=1)
    matrix(out)[...] = np.where(rank < k, p2, p.dtype.type(LEFT_OUT))


def _top_only_native(p, k, out, lo, hi, scratch):
    T = p.dtype.type
    for i in range(lo, hi):
        for j in range(p.shape[1]):
            rank = 0
            for n in range(p.shape[1]):
                if p[i, n] > p[i, j] or (p[i, n] == p[i, j] and n < j):
                    rank += 1
            out[i, j] = p[i, j] if rank < k[0] else T(LEFT_OUT)


def _argmax_reference(p, at):
    at[...] = matrix(p).argmax(axis=1).reshape(at.shape)


def _argmax_native(p, at, lo, hi, scratch):
    for i in range(lo, hi):
        best = 0
        for j in range(1, p.shape[1]):
            if p[i, j] > p[i, best]:
                best = j
        at[i] = best


def _as_class_reference(p, threshold, split, at):
    flat = p.reshape(at.shape)
    with np.errstate(all="ignore"):
        whole = np.where((flat >= 0) & (flat < 2**31 - 128), flat, -1).astype(np.int32)
    at[...] = flat >= p.dtype.type(threshold) if split else whole


def _as_class_native(p, threshold, split, at, lo, hi, scratch):
    T = p.dtype.type
    for i in range(lo, hi):
        v = p[i]
        if split[0] != 0:
            at[i] = 1 if v >= T(threshold[0]) else 0
        else:
            at[i] = np.int32(v) if v >= T(0) and v < T(2**31 - 128) else -1


DECIDE = _record("decide", "p, threshold:const, largest:const:i8 -> out", _decide_reference, _decide_native, "warps")
TOP_ONLY = _record("top_only", "p, k:const:i8 -> out", _top_only_reference, _top_only_native, "elements", 20.0)
ARGMAX = _record("argmax", "p -> at:col:i4", _argmax_reference, _argmax_native, "warps")
AS_CLASS = _record("as_class", "p:col, threshold:const, split:const:i8 -> at:col:i4", _as_class_reference, _as_class_native, "elements")


# ------------------------------------------------------------------ choices to cells, cells counted
def _pair_reference(label, choice, classes, ignored, cell):
    a, b = label.astype(np.int64).reshape(cell.shape), choice.astype(np.int64).reshape(cell.shape)
    inside = (a >= 0) & (a < classes) & (b >= 0) & (b < classes) & (a != ignored)
    cell[...] = np.where(inside, a * classes + b, -1)


def _pair_native(label, choice, classes, ignored, cell, lo, hi, scratch):
    n = classes[0]
    for i in range(lo, hi):
        a, b = np.int64(label[i]), np.int64(choice[i])
        inside = a >= 0 and a < n and b >= 0 and b < n and a != ignored[0]
        cell[i] = np.int32(a * n + b) if inside else np.int32(-1)


def _bucket_reference(p, target, share, weight, edges, size, labels, cell, mass):
    p2, true, edges = matrix(p), matrix(target) != 0, edges.reshape(-1)
    below = (p2[:, :, None] > edges).sum(axis=2)  # a NaN is above none
    column = np.arange(p2.shape[1]) if labels > 1 else 0
    matrix(cell)[...] = (true * (edges.size + 1) + below) * int(labels) + column
    matrix(mass)[...] = weight.reshape(-1, 1) * share.reshape(-1)


def _bucket_native(p, target, share, weight, edges, size, labels, cell, mass, lo, hi, scratch):
    count = size[0]
    for i in range(lo, hi):
        for j in range(p.shape[1]):
            v = p[i, j]
            first, last = 0, count
            while first < last:  # edges[:first] are below v, edges[last:] are not
                middle = (first + last) // 2
                if v > edges[middle, 0]:
                    first = middle + 1
                else:
                    last = middle
            at = first + (count + 1 if target[i, j] != 0 else 0)
            cell[i, j] = np.int32(at * labels[0] + (j if labels[0] > 1 else 0))
            mass[i, j] = weight[i] * share[j]


def _count_reference(sums, cell, mass, outcomes):
    flat, at = sums.reshape(-1), cell.reshape(-1)
    np.add.at(flat, at[at >= 0], mass.reshape(-1)[at >= 0].astype(np.float64))


def _count_native(sums, cell, mass, outcomes, lo, hi, scratch):
    for i in range(cell.shape[0]):
        for j in range(cell.shape[1]):
            at = cell[i, j]
            if at >= lo and at < hi:
                sums[at, 0] += np.float64(mass[i, j])


PAIR = _record(
    "pair", "label:col:i4, choice:col:i4, classes:const:i8, ignored:const:i8 -> cell:col:i4", _pair_reference, _pair_native, "elements"
)
BUCKET = _record(
    "bucket", "p, target, share:row, weight:col, edges:whole, size:const:i8, labels:const:i8 -> cell:full:i4, mass", _bucket_reference,
    _bucket_native, "elements", 20.0,
)
# on a device a warp adds up one cell; on a CPU one pass fills them all: no piece of the axis is small enough to be cut
COUNT = register(
    Kernel(
        name="count", operands=parse("sums:whole:f8, cell:whole:i4, mass:whole, outcomes:const:i8 -> sums:whole:f8"), extent=first_rows,
        reference=_count_reference, native=_count_native, cuda=cuda_kernel("measures.cu", "count"), geometry="warps", grain=1 << 40,
        family=FAMILY,
        cost=lambda sums, cell, *a: cell.size / max(rows_of(sums), 1),
    )
)


# ------------------------------------------------------------------ four sums a column, in double: rows of `sums`
def _hits_by_column_reference(choice, target, weight, sums):
    c, t, w = (a.astype(np.float64) for a in (matrix(choice), matrix(target), weight.reshape(-1, 1)))
    for row, terms in enumerate((c * t, c * (1 - t), (1 - c) * t, t)):
        sums[row] += (terms * w).sum(axis=0)


def _hits_by_column_native(choice, target, weight, sums, lo, hi, scratch):
    for i in range(choice.shape[0]):
        w = np.float64(weight[i])
        for j in range(lo, hi):
            c, t = np.float64(choice[i, j]), np.float64(target[i, j])
            sums[0, j] += w * c * t
            sums[1, j] += w * c * (1.0 - t)
            sums[2, j] += w * (1.0 - c) * t
            sums[3, j] += w * t


def _squares_by_column_reference(p, target, weight, sums):
    p2, t, w = (a.astype(np.float64) for a in (matrix(p), matrix(target), weight.reshape(-1, 1)))
    for row, terms in enumerate((t, t * t, (t - p2) ** 2, np.ones_like(t))):
        sums[row] += (terms * w).sum(axis=0)


def _squares_by_column_native(p, target, weight, sums, lo, hi, scratch):
    for i in range(p.shape[0]):
        w = np.float64(weight[i])
        for j in range(lo, hi):
            t = np.float64(target[i, j])
            off = t - np.float64(p[i, j])
            sums[0, j] += w * t
            sums[1, j] += w * t * t
            sums[2, j] += w * off * off
            sums[3, j] += w


def _by_column(name: str, first: str, reference, native) -> Kernel:
    return register(
        Kernel(
            name=name, operands=parse(f"{first}:whole, target:whole, weight:row, sums:whole:f8 -> sums:whole:f8"),
            extent=lambda a, *rest: columns_of(a), reference=reference, native=native, cuda=cuda_kernel("measures.cu", name),
            geometry="columns", family=FAMILY, cost=lambda a, *rest: 2.0 * rows_of(a), grain=16,
        )
    )


HITS_BY_COLUMN = _by_column("hits_by_column", "choice", _hits_by_column_reference, _hits_by_column_native)
SQUARES_BY_COLUMN = _by_column("squares_by_column", "p", _squares_by_column_reference, _squares_by_column_native)
