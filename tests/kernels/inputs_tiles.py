"""Inputs of the products by tiles: `rows` x `columns` is the result; sums of all lengths, none among them. And of sums over columns that
end in an update."""

import numpy as np
from draws import added

from gpunn.kernels import products
from gpunn.kernels.record import REGISTRY

INNER = (1, 17, 40, 0, 300)


def _product(kind, then=None):
    left, right = products.KINDS[kind]

    def make(m, rows, columns):
        inner = INNER[(rows + columns) % len(INNER)]
        a = m.real(*((inner, rows) if left else (rows, inner)))
        b = m.real(*((columns, inner) if right else (inner, columns)))
        if then in ("adam", "sgd"):
            return [_whole_numbers(m, *a.shape), _whole_numbers(m, *b.shape), inner, *_update(m, then, rows, columns)]
        if then == "bias_relu":
            return [a, b, inner, m.real(columns), m.blank(rows, columns)]
        if then == "relu_bwd":
            return [a, b, inner, m.real(rows, columns), m.blank(rows, columns)]
        return [a, b, inner, added(rows, columns), m.real(rows, columns)]

    return make


def _update(m, name, *shape):
    """What the ending of a kernel takes: the arrays it changes, its numbers; whether what was made is stored, and where."""
    numbers = {"adam": [np.array([0.001]), m.number(0.1), m.number(0.001), m.number(1e-7)], "sgd": [np.array([0.1])]}[name]
    arrays = [m.real(*shape), m.real(*shape), m.positive(*shape)][: {"adam": 3, "sgd": 1}[name]]
    return [*arrays, *numbers, added(shape[0], shape[-1] if len(shape) > 1 else 1), m.real(*shape)]


def _whole_numbers(m, *shape):
    """Of which sums are exact: what an update makes of one is as far off as the update."""
    return m.rng.integers(-3, 4, shape).astype(m.dtype)


def _column_sum(name):
    return lambda m, rows, columns: [_whole_numbers(m, rows, columns), *_update(m, name, columns)]


def _then(name):
    return next((t for t in ("bias_relu", "relu_bwd", "adam", "sgd") if name.endswith(t)), None)


MAKERS = {n: _product(n.split("_")[1], _then(n)) for n, k in REGISTRY.items() if k.geometry == "tiles"}
MAKERS["column_sum_adam"] = _column_sum("adam")
