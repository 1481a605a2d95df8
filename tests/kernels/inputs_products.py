"""Inputs of matrix products that are symmetric, and of transposing."""

import numpy as np


def _symmetric(m, rows, columns):
    """A matrix with zeros and its transpose, the sum long enough to be cut."""
    inner = (1, 7, 40, 1100)[(rows + columns) % 4]
    a = m.real(rows, inner)
    a[:, ::3] = 0
    return [a, np.ascontiguousarray(a.T), m.blank(rows, rows)]


MAKERS = {"gemm_symmetric": _symmetric, "flip": lambda m, r, c: [m.real(r, c), m.blank(c, r)]}
