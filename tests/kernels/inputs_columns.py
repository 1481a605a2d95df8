"""Inputs of the kernels in `gpunn.kernels.columns` and `places`."""

import numpy as np


def _index(m, size, below):
    return m.rng.integers(0, below, size).astype(np.int32)


def _sum(m, rows, columns):
    """Sums of none, of one and of several columns."""
    counts = m.rng.integers(0, 3, columns + 2)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    order = _index(m, max(int(counts.sum()), 1), columns)
    return [m.real(rows, columns), starts, order, columns + 2, m.blank(rows, columns + 2)]


def _dots(m, rows, columns):
    """A matrix of three rows, as long as `columns`, and one that is read by its columns."""
    return [m.small(rows, 3 * columns), m.small(rows, columns * 2), columns * 2, 3, 2, columns, columns, 1, 1, 2, m.blank(rows, 6)]


def _places(m, rows, columns):
    return m.rng.integers(-1, columns + 1, (rows, 5)).astype(m.dtype)  # beyond the ends, too


MAKERS = {
    "order": lambda m, r, c: [np.round(m.small(r, c)), m.blank(r, c)],  # rounded: with ties
    "at_places": lambda m, r, c: [m.real(r, c), _places(m, r, c), 5, m.blank(r, 5)],
    "from_places": lambda m, r, c: [m.real(r, 5), _places(m, r, c), c, m.blank(r, c)],
    "pick_columns": lambda m, r, c: [m.real(r, c), _index(m, c + 3, c), c + 3, m.blank(r, c + 3)],
    "put_columns": lambda m, r, c: [m.real(r, c), m.order(c + 2)[:c].copy(), c + 2, m.real(r, c + 2)],
    "sum_columns": _sum,
    "row_dots": _dots,
    "row_sum": lambda m, r, c: [m.real(r, c), 0.25, m.blank(r)],
}
ELEMENTWISE = {
    "add_two": {}, "subtract_two": {}, "multiply_two": {}, "larger_of_two": {}, "smaller_of_two": {},
    "larger_of_two_bwd": {"a": "flags", "b": "flags"}, "times": {"factor": 0.375},
}
