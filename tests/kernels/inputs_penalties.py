"""Inputs of the kernels of regularizers and constraints."""

import numpy as np
from draws import whole


def _pieces(m, rows, columns, gradient=True):
    """Pieces of a vector that do not touch, of all lengths, with coefficients."""
    lengths = np.where(np.arange(rows) % 4 == 2, m.rng.integers(0, columns + 1, rows), columns)
    first = np.arange(rows) * (columns + 3)
    size = rows * (columns + 3) + 7
    bounds, slopes = np.stack([first, first + lengths], axis=1), [m.number(0.75), m.real(size)] if gradient else []
    return [bounds, m.positive(rows, 3), m.small(size), *slopes, m.blank(rows)]


def _norm(m, rows, columns):
    return [m.small(rows, columns) * m.positive(1, columns), m.number(0.5), m.number(2.0), m.number(0.75)]


MAKERS = {
    "l1_l2__l1_l2_gradient_both": _pieces,
    "l1_l2__l1_l2_gradient_value": lambda m, r, c: _pieces(m, r, c, False),
    "l1_l2__l1_l2_gradient_rows": lambda m, r, c: [m.small(r, c), *map(m.number, (0.75, 0.25, 0.5, 0.125)), m.blank(r)],
    "add_penalty": lambda m, r, c: [m.real(r), float(c), whole(9), np.array([1.5, 2.0, -1.0])],
    "norm_columns": lambda m, r, c: [*_norm(m, r, c), m.blank(c)],
    "norm_rows": _norm,
    "angles": lambda m, r, c: [m.real(r, r), m.number(0.25), m.number(4.0), m.blank(r, r), m.blank(r)],
}
ELEMENTWISE = {
    "l1_l2": {"l1": 0.25, "l2": 0.5, "pull": 0.25},
    "l1_l2_gradient": {"l1": 0.25, "l2": 0.5, "pull": 0.125},
    "l1_l2__l1_l2_gradient_rows_bwd": {"scale": 0.75, "c0": 0.25, "c1": 0.5, "c2": 0.125},
    "shrink": {"rate": 0.5, "l1": 2.0},
    "cleared": {},
    "non_negative": {},
    "norm_factor": {"norm": "positive", "low": 0.5, "high": 2.0, "rate": 0.75},
}
