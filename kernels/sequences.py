"""Kernels of sequence layers beside the recurrences: embeddings, masks of steps, two directions merged."""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.elementwise import elementwise
from gpunn.kernels.record import Kernel, columns_of, first_rows, matrix, parse, register, rows_of


# ---------------------------------------------------------------------- embeddings
def _embed_reference(tokens, table, width, count, y):
    at = np.clip(matrix(tokens).astype(np.int64), 0, len(table) - 1)
    y.reshape(*at.shape, int(width))[...] = table.reshape(len(table), -1)[at]


def _embed_native(tokens, table, width, count, y, lo, hi, scratch):
    d = width[0]
    for i in range(lo, hi):
        for t in range(tokens.shape[1]):
            at = min(max(np.int64(tokens[i, t]), 0), table.shape[0] - 1)
            source, target = table[at], y[i, t * d : (t + 1) * d]
            for j in range(d):
                target[j] = source[j]


# y[i, t] = table[tokens[i, t]]; the table has `count` rows of `width`. A token beyond the table, refused at the door, reads its end.
EMBED = register(
    Kernel(
        name="embed", operands=parse("tokens, table:whole, width:const:i8, count:const:i8 -> y"), extent=first_rows,
        reference=_embed_reference, native=_embed_native, cuda=cuda_kernel("sequences.cu", "embed"), geometry="rows", family="sequences",
        cost=lambda tokens, table, *a: columns_of(tokens) * (3.0 + 0.2 * columns_of(table)),
    )
)


def _embed_bwd_reference(tokens, dy, count, add, table):
    if not add:
        table[...] = 0
    at = np.clip(tokens.reshape(-1).astype(np.int64), 0, len(table) - 1)
    np.add.at(matrix(table), at, dy.reshape(at.size, columns_of(table)))


def _embed_bwd_native(tokens, dy, count, add, table, lo, hi, scratch):
    d, steps = table.shape[1], tokens.shape[1]
    if add[0] == 0.0:
        table[lo:hi] = table.dtype.type(0)
    for i in range(tokens.shape[0]):
        for t in range(steps):
            at = min(max(np.int64(tokens[i, t]), 0), table.shape[0] - 1)
            if lo <= at < hi:
                source, target = dy[i, t * d : (t + 1) * d], table[at]
                for j in range(d):
                    target[j] += source[j]


# table[v] (+)= sum of dy over the places of token v, of `count` tokens, in their order: the same bits in every run
EMBED_BWD = register(
    Kernel(
        name="embed_bwd", operands=parse("tokens:whole, dy:whole, count:const:i8, add:const, table -> table"),
        extent=lambda tokens, dy, count, add, table: rows_of(table), reference=_embed_bwd_reference, native=_embed_bwd_native,
        cuda=cuda_kernel("sequences.cu", "embed_bwd"), geometry="rows", family="sequences",
        cost=lambda tokens, dy, count, add, table: (tokens.size * 0.2 * columns_of(table) + dy.nbytes * 0.01) / max(1, rows_of(table)),
        grain=64,
    )
)


# ---------------------------------------------------------------------- masks
def _step_mask_reference(x, value, mask):
    mask[...] = (matrix(x) != value).any(axis=1).reshape(mask.shape)


def _step_mask_native(x, value, mask, lo, hi, scratch):
    T = x.dtype.type
    for i in range(lo, hi):
        found = T(0)
        for j in range(x.shape[1]):
            if x[i, j] != T(value[0]):
                found = T(1)
        mask[i] = found


# 1 where any feature of a step differs from `value`, else 0
STEP_MASK = register(
    Kernel(
        name="step_mask", operands=parse("x, value:const -> mask:col"), extent=first_rows, reference=_step_mask_reference,
        native=_step_mask_native, cuda=cuda_kernel("sequences.cu", "step_mask"), geometry="warps", family="sequences",
        cost=lambda x, *a: 0.5 * columns_of(x),
    )
)


@elementwise("x, m:col -> y", family="sequences")
def mask_rows(x, m):
    return x * m


@elementwise("y, m:col -> y", family="sequences")
def divide_rows(y, m):
    return y / m


@elementwise("x, value:const -> y", family="sequences")
def unequal(x, value):
    return 1.0 if x != value else 0.0


@elementwise("a, b, m:col -> y", family="sequences")
def choose_rows(a, b, m):
    """Rows of a where the mask is 1, of b where it is 0."""
    return a if m != 0.0 else b


@elementwise("dy, m:col -> da, db", family="sequences")
def choose_rows_bwd(dy, m):
    share = 1.0 if m != 0.0 else 0.0
    return dy * share, dy * (1.0 - share)


@elementwise("z, m -> z", family="sequences")
def bar(z, m):
    """Scores of places that are masked, lowered as Keras does it."""
    return z if m != 0.0 else z - 1e9


@elementwise("x, scale:row -> y", family="sequences")
def times_columns(x, scale):
    return x * scale


# ---------------------------------------------------------------------- two arrays of a shape, merged and parted
@elementwise("a, b, scale:const -> y", family="sequences")
def merge_sum(a, b, scale):
    return (a + b) * scale


@elementwise("a, b -> y", family="sequences")
def merge_mul(a, b):
    return a * b


@elementwise("dy, scale:const -> da, db", family="sequences")
def merge_sum_bwd(dy, scale):
    return dy * scale, dy * scale


@elementwise("dy, a, b -> da, db", family="sequences")
def merge_mul_bwd(dy, a, b):
    return dy * b, dy * a


@elementwise("a, b, choose:row, add:const, g -> g", family="sequences")
def choose_columns(a, b, choose, add, g):
    """Columns of b where `choose` is 1, of a where it is 0."""
    return (g if add != 0.0 else 0.0) + (b if choose != 0.0 else a)


def _join_reference(a, b, y):
    matrix(y)[...] = np.concatenate([matrix(a), matrix(b)], axis=1)


def _join_native(a, b, y, lo, hi, scratch):
    n = a.shape[1]
    for i in range(lo, hi):
        for j in range(n):
            y[i, j] = a[i, j]
        for j in range(b.shape[1]):
            y[i, n + j] = b[i, j]


def _part_reference(y, a, b):
    n = columns_of(a)
    matrix(a)[...], matrix(b)[...] = matrix(y)[:, :n], matrix(y)[:, n:]


def _part_native(y, a, b, lo, hi, scratch):
    n = a.shape[1]
    for i in range(lo, hi):
        for j in range(n):
            a[i, j] = y[i, j]
        for j in range(b.shape[1]):
            b[i, j] = y[i, n + j]


def _of_halves(name: str, signature: str, reference, native) -> Kernel:
    return register(
        Kernel(
            name=name, operands=parse(signature), extent=first_rows, reference=reference, native=native, geometry="rows",
            cuda=cuda_kernel("sequences.cu", name), per_thread=4, family="sequences", cost=lambda x, *a: 0.4 * columns_of(x),
        )
    )


JOIN = _of_halves("join", "a, b -> y", _join_reference, _join_native)  # two arrays as wide as each other, side by side
PART = _of_halves("part", "y -> a, b", _part_reference, _part_native)
