"""Inputs of the kernels of matrix products."""

import numpy as np
from draws import added

INNER = (1, 7, 40, 1100)  # lengths of a product's sum; PANEL_K is 256, BLOCK_K 1024


def _sparse(m, rows, columns):
    """A matrix as an image is: borders and many other cells exactly zero."""
    a = m.real(rows, columns)
    a[m.rng.random((rows, columns)) < 0.6] = 0
    a[:, : columns // 4] = 0
    return a


def _gemm(kind):
    def make(m, rows, columns):
        inner = INNER[(rows + columns) % len(INNER)]
        left = _sparse if (rows + columns) % 3 else type(m).real
        a = left(m, *((inner, rows) if kind == "tn" else (rows, inner)))
        b = m.real(*((columns, inner) if kind == "nt" else (inner, columns)))
        return [a, b, added(rows, columns), m.real(rows, columns)]

    return make


def _parts(m, rows, columns):
    inner = INNER[(rows + columns) % len(INNER)]
    part = max(8, -(-inner // 3) // 8 * 8)
    return [_sparse(m, rows, inner), m.real(inner, columns), part, m.blank(-(-inner // part), rows, columns)]


def _symmetric(m, rows, columns):
    """A matrix with zeros and its transpose, the sum long enough to be cut."""
    inner = INNER[(rows + columns) % len(INNER)]
    a = m.real(rows, inner)
    a[:, ::3] = 0
    return [a, np.ascontiguousarray(a.T), m.blank(rows, rows)]


MAKERS = {
    "gemm_parts": _parts,
    "sum_parts": lambda m, r, c: [m.real(3, r, c), m.blank(r, c)],
    "gemm_nn": _gemm("nn"),
    "gemm_nt": _gemm("nt"),
    "gemm_tn": _gemm("tn"),
    "gemm_symmetric": _symmetric,
    "flip": lambda m, r, c: [m.real(r, c), m.blank(c, r)],
}
