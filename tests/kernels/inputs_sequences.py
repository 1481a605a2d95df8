"""Inputs of the kernels in `sequences`."""

import numpy as np


def _tokens(m, rows, columns, count):
    return m._as(m.rng.integers(-1, count + 1, (rows, columns)))  # some beyond the table


def _masked_steps(m, rows, columns):
    x = m.small(rows, columns)
    x[m.rng.random(rows) < 0.4] = 0.25
    return x


def _embed_bwd(m, rows, columns):
    vocabulary, width = 1 + columns % 9, 1 + columns % 5
    return [
        _tokens(m, rows, columns, vocabulary), m.small(rows, columns * width), rows * columns, m.number(columns % 2),
        m.small(vocabulary, width),
    ]


def _merge_words(m, rows, columns):
    places = rows * (1 + columns % 7) * 5  # several parts of them
    vocabulary, width = 1 + columns % 9, 1 + columns % 40
    return [_tokens(m, places, 1, vocabulary), m.small(places, width), vocabulary, m.blank(places, width), m.blank(places)]


def _add_words(m, rows, columns):
    places, width = 3 * columns, 1 + columns % 40
    leader = m.rng.integers(0, rows + 1, places) - 1 if rows else m.rng.integers(-1, 0, places)
    return [m._as(leader), m.small(places, width), places, m.number(columns % 2), m.small(rows, width)]


MAKERS = {
    "merge_words": _merge_words, "add_words": _add_words,
    "embed": lambda m, r, c: [_tokens(m, r, c, 7), m.real(7, 1 + c % 5), 1 + c % 5, 7, m.blank(r, c * (1 + c % 5))],
    "embed_bwd": _embed_bwd,
    "step_mask": lambda m, r, c: [_masked_steps(m, r, c), 0.25, m.blank(r)],
    "mask_rows": lambda m, r, c: [m.real(r, c), m.flags(r), m.blank(r, c)],
    "choose_rows": lambda m, r, c: [m.real(r, c), m.real(r, c), m.flags(r), m.blank(r, c)],
    "choose_rows_bwd": lambda m, r, c: [m.real(r, c), m.flags(r), m.blank(r, c), m.blank(r, c)],
    "divide_rows": lambda m, r, c: [m.real(r, c), m.positive(r)],
    "bar": lambda m, r, c: [m.real(r, c), m.flags(r, c)],
    "times_columns": lambda m, r, c: [m.real(r, c), m.small(c), m.blank(r, c)],
    "unequal": lambda m, r, c: [_masked_steps(m, r, c), 0.25, m.blank(r, c)],
    "merge_sum": lambda m, r, c: [m.real(r, c), m.real(r, c), 0.5, m.blank(r, c)],
    "merge_mul": lambda m, r, c: [m.real(r, c), m.real(r, c), m.blank(r, c)],
    "merge_sum_bwd": lambda m, r, c: [m.real(r, c), 0.5, m.blank(r, c), m.blank(r, c)],
    "merge_mul_bwd": lambda m, r, c: [m.real(r, c), m.real(r, c), m.real(r, c), m.blank(r, c), m.blank(r, c)],
    "choose_columns": lambda m, r, c: [
        m.real(r, c), m.real(r, c), m._as(np.arange(c) >= c // 2), m.number(c % 2), m.real(r, c)
    ],
    "join": lambda m, r, c: [m.real(r, c), m.real(r, c), m.blank(r, 2 * c)],
    "part": lambda m, r, c: [m.real(r, 2 * c), m.blank(r, c), m.blank(r, c)],
}
