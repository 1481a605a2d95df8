"""Inputs of the products by tiles: `rows` x `columns` is the result; sums of all lengths, none among them."""

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
        if then == "bias_relu":
            return [a, b, inner, m.real(columns), m.blank(rows, columns)]
        if then == "relu_bwd":
            return [a, b, inner, m.real(rows, columns), m.blank(rows, columns)]
        return [a, b, inner, added(rows, columns), m.real(rows, columns)]

    return make


def _then(name):
    return next((t for t in ("bias_relu", "relu_bwd") if name.endswith(t)), None)


MAKERS = {n: _product(n.split("_")[1], _then(n)) for n, k in REGISTRY.items() if k.geometry == "tiles"}
