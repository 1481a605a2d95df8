"""Inputs of the kernels of metrics."""

import numpy as np
from draws import blank_labels


def _bucket(m, rows, columns):
    edges = np.sort(m.probability(7))
    p = m.probability(rows, columns)
    p[m.rng.random((rows, columns)) < 0.2] = edges[3]  # a tie is not above
    labels = columns if rows % 2 else 1
    return [
        p, np.round(m.probability(rows, columns)), m.positive(columns), m.positive(rows), edges, 7, labels,
        np.full((rows, columns), -1, np.int32), m.blank(rows, columns),
    ]


def _count(m, rows, columns):
    cells = m.rng.integers(-1, 12, (rows, columns)).astype(np.int32)
    return [np.arange(12.0), cells, m.positive(rows, columns), cells.size]


def _by_column(first):
    return lambda m, r, c: [getattr(m, first)(r, c), m.small(r, c), m.positive(r), np.ones((4, c))]


def _masked_labels(m, rows, columns):
    labels = m.labels(rows, columns)
    labels[m.rng.random(rows) < 0.3] = -1
    return labels


def _as_class(m, rows, columns):
    p = m.real(rows) * m.dtype.type(20)
    return [p, m.number(0.5), rows % 2, blank_labels(rows)]


MAKERS = {
    "hit_equal": lambda m, r, c: [np.round(m.small(r, c)), np.round(m.small(r, c)), m.blank(r)],
    "hit_top_sparse": lambda m, r, c: [np.round(m.small(r, c)), _masked_labels(m, r, c), 1 + c // 3, m.blank(r)],
    "hit_top_dense": lambda m, r, c: [np.round(m.small(r, c)), m.small(r, c), 1 + c // 3, m.blank(r)],
    "decide": lambda m, r, c: [np.round(m.small(r, c), 1), m.number(0.3), r % 2, m.blank(r, c)],
    "top_only": lambda m, r, c: [np.round(m.small(r, c)), 1 + c // 3, m.blank(r, c)],
    "argmax": lambda m, r, c: [np.round(m.small(r, c)), blank_labels(r)],
    "as_class": _as_class,
    "pair": lambda m, r, c: [_masked_labels(m, r, c), m.labels(r, c), max(c - 1, 1), 0, blank_labels(r)],
    "bucket": _bucket,
    "count": _count,
    "hits_by_column": _by_column("probability"),
    "squares_by_column": _by_column("small"),
    "number": lambda m, r, c: [_masked_labels(m, r, c), m.blank(r)],
    "keep": lambda m, r, c: [_masked_labels(m, r, c), m.blank(r), blank_labels(r)],
    "weigh": lambda m, r, c: [m.positive(r), np.round(m.probability(r)), c % 2, c % 3, m.blank(r)],
    "hit_sparse": lambda m, r, c: [np.round(m.small(r, c)), m.labels(r, c), m.blank(r)],  # rounded: with ties
    "hit_dense": lambda m, r, c: [np.round(m.small(r, c)), np.round(m.small(r, c)), m.blank(r)],
    "hit_binary": lambda m, r, c: [m.probability(r, c), np.round(m.probability(r, c)), m.number(0.5), m.blank(r)],
}
