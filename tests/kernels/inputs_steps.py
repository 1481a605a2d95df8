"""Inputs of the kernels of what a step does besides: rows gathered, sums of an epoch, counters."""

import numpy as np
from draws import blank_labels, whole


def _gather(m, rows, columns, data):
    return [data, m.order(rows + 5), whole(2), m.number(1 / 255), m.blank(rows, columns)]


def _bytes(m, rows, columns):
    return m.rng.integers(0, 256, (rows + 5, columns)).astype(np.uint8)


def _batch(m, rows, columns, data):
    order, label = m.order(rows + 5), np.full(rows, -1, np.int32)
    return [data, m.labels(rows + 5, columns), order, whole(2), m.number(1 / 255), m.blank(rows, columns), label]


def _finish(m, rows, columns):
    sums, more = np.array([1.5, 2.0, -1.0]), np.array([0.5, 4.0, 7.0])
    counters = [whole(2**40), whole(2**33), whole(rows * 7)]
    return [m.real(rows), m.positive(rows), m.real(rows), m.positive(rows), sums, more, *counters, rows, columns, 2]


def _finish_adam(m, rows, columns):
    return [*_finish(m, rows, columns), np.array([0.001]), 0.9, 0.999, np.array([np.nan])]


MAKERS = {
    "gather_batch_u8": lambda m, r, c: _batch(m, r, c, _bytes(m, r, c)),
    "gather_batch_float": lambda m, r, c: _batch(m, r, c, m.real(r + 5, c)),
    "finish": _finish,
    "finish_adam": _finish_adam,
    "take": lambda m, r, c: [m.real(c, r), m.order(r * c), m.blank(r, c)],
    "pick_rows": lambda m, r, c: [m.labels((r + 5) * c, 9).reshape(r + 5, c), m.order(r + 5), whole(2), blank_labels(r, c)],
    "gather_u8": lambda m, r, c: _gather(m, r, c, _bytes(m, r, c)),
    "gather_float": lambda m, r, c: _gather(m, r, c, m.real(r + 5, c)),
    "store": lambda m, r, c: [m.real(r, c), whole(2), m.real(r + 5, c)],
    "pick_labels": lambda m, r, c: [m.labels(r + 5, c), m.order(r + 5), whole(2), np.full(r, -1, np.int32)],
    "pick_weights": lambda m, r, c: [m.positive(r + 5), m.order(r + 5), whole(2), m.blank(r)],
    "hold": lambda m, r, c: [whole(2**40), whole(2**33)],
    "advance": lambda m, r, c: [whole(2**40), whole(2**33), r, c],
    "count_i4": lambda m, r, c: [m.order(r), -c],
    "count_i8": lambda m, r, c: [m.order(r).astype(np.int64) + 2**40, c],
    "accumulate": lambda m, r, c: [m.real(r), m.positive(r), whole(9), np.array([1.5, 2.0, -1.0])],
    "gather_columns_u8": lambda m, r, c: _gather(m, r, c, _bytes(m, r, c)),
    "gather_columns_float": lambda m, r, c: _gather(m, r, c, m.real(r + 5, c)),
}
