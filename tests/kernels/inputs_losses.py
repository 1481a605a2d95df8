"""Inputs of the kernels of losses."""

import numpy as np
from draws import logits


def _row_loss(m, rows, columns):
    return [m.real(rows, columns), m.real(rows, columns), m.positive(rows), m.number(0.25), m.blank(rows), m.blank(rows, columns)]


def _binary(m, rows, columns):
    p, t = m.probability(rows, columns), m.probability(rows, columns)
    t[p == 1] = 1  # else the loss hangs on 1 - (1 - 1e-7), which float32 cannot tell from 1.2e-7
    return [p, t, m.positive(rows), m.number(0.25), m.blank(rows), m.blank(rows, columns)]


def _losses(p, t, *numbers):
    """Inputs of a loss by how its predictions and targets are drawn, and the numbers it takes."""

    def make(m, rows, columns):
        given, target = (getattr(m, draw)(rows, columns) for draw in (p, t))
        return [given, target, m.positive(rows), m.number(0.25), *map(m.number, numbers), m.blank(rows), m.blank(rows, columns)]

    return make


def _focal(m, rows, columns):
    p, t, *rest = _binary(m, rows, columns)
    return [p, t, *rest[:2], m.number(0.25), m.number(2.0), float(columns % 2), *rest[2:]]


def _categorical_focal(m, rows, columns):
    p, t = m.unnormalized(rows, columns), m.distribution(rows, columns)
    return [p, t, m.positive(columns), m.positive(rows), m.number(0.1), m.number(1.5), m.blank(rows), m.blank(rows, columns)]


def _circle(m, rows, columns):
    side = m.rng.standard_normal((rows, 4))
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    labels = m.rng.integers(0, 1 + columns % 3, rows).astype(np.int32)
    return [m._as(side @ side.T), labels, m.number(3.0), m.number(0.4), columns % 2, m.blank(rows), m.blank(rows, rows)]


def _rates(m, rows, columns):
    """Logarithms of rates, and counts, some of them zero."""
    counts = np.floor(m.positive(rows, columns))
    return [m.small(rows, columns), counts, m.positive(rows), m.number(0.25), m.blank(rows), m.blank(rows, columns)]


def _bits(m, rows, columns):
    bits = np.round(m.rng.random((rows, columns))).astype(m.dtype)
    return [m.real(rows, columns), bits, m.positive(rows), m.number(0.25), m.blank(rows), m.blank(rows, columns)]


MAKERS = {
    "softmax_ce_sparse_hit": lambda m, r, c: [
        logits(m, r, c), m.small(c), m.labels(r, c), m.positive(r), m.number(0.1), m.blank(r), m.blank(r, c), m.blank(r)
    ],
    "decay_rows": lambda m, r, c: [m.small(r, c), m.positive(1), m.real(r, c), m.blank(r)],
    "poisson_deviance": _rates,
    "perceptron": _bits,
    **{n: _losses("real", "real") for n in ("mean_absolute_percentage_error", "mean_squared_logarithmic_error", "log_cosh")},
    "percentage_of_prediction": _losses("positive", "real"),
    "scaled_squared_error": _losses("real", "real", 0.5),
    "huber": _losses("real", "real", 1.5),
    "poisson": _losses("positive", "positive"),
    "kl_divergence": _losses("probability", "probability"),
    "binary_focal_crossentropy": _focal,
    "binary_focal_crossentropy_logits": _losses("small", "probability", 0.25, 1.5, 1.0),
    "hinge": _losses("small", "small"),
    "squared_hinge": _losses("small", "small"),
    "cosine_similarity": _losses("real", "real"),
    "categorical_hinge": _losses("small", "distribution"),
    "categorical_focal_crossentropy": _categorical_focal,
    "overlap": _losses("probability", "probability", 1.0, 0.2, 0.5, 0.3),
    "categorical_generalized_cross_entropy": _losses("positive", "distribution", 0.3),
    "circle": _circle,
    "mean_squared_error": _row_loss,
    "mean_absolute_error": _row_loss,
    "binary_crossentropy": _binary,
    "binary_crossentropy_logits": _row_loss,
    "crossentropy_sparse": lambda m, r, c: [m.unnormalized(r, c), m.labels(r, c), m.positive(r), m.number(0.1), m.blank(r), m.blank(r, c)],
    "crossentropy_dense": lambda m, r, c: [
        m.unnormalized(r, c), m.distribution(r, c), m.positive(r), m.number(0.1), m.blank(r), m.blank(r, c)
    ],
    "softmax_ce_sparse": lambda m, r, c: [
        logits(m, r, c), m.labels(r, c), m.positive(r), m.number(0.1), m.blank(r, c), m.blank(r), m.blank(r, c)
    ],
    "softmax_ce_dense": lambda m, r, c: [
        logits(m, r, c), m.distribution(r, c), m.positive(r), m.number(0.1), m.blank(r, c), m.blank(r), m.blank(r, c)
    ],
}
