"""Inputs of kernels of label sequences and of correlations; see kernel_inputs.py."""

import numpy as np


def _ctc(m, rows, columns):
    """Label sequences of every length that has an alignment, some with repeats; log-probabilities of a few classes."""
    width, classes = 1 + columns % 3, 2 + columns % 3
    steps = 2 * width + rows % 3
    z = m.rng.standard_normal((rows, steps, classes))
    logp = z - np.log(np.exp(z).sum(axis=2, keepdims=True))
    labels = m.rng.integers(1, classes, (rows, width)).astype(np.int32)
    labels[np.arange(width) >= m.rng.integers(0, width + 1, (rows, 1))] = 0
    states = 2 * width + 1
    return [
        m._as(logp.reshape(rows, steps * classes)), labels, m.positive(rows), m.number(0.25), classes, width, m.blank(rows),
        m.blank(rows, steps * classes), m.blank(rows, steps * states), m.blank(rows, 2 * states),
    ]


MAKERS = {
    "ctc": _ctc,
    "correlation": lambda m, r, c: [m.small(r, c + 2), m.real(r, c + 2), c % 2, m.blank(r)],  # of three columns or more: it has a value
}
