"""Activations as ONNX nodes. An elementwise one's formula is read as it stands, with nodes in the place of NumPy's functions."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.activations import Activation
from gpunn.activations.rows import RowActivation
from gpunn.models.onnx.graph import Graph, Value


class _NumPy:
    """NumPy's functions as far as formulas use them."""

    def __init__(self, graph: Graph):
        self.graph = graph
        for name, kind in (
            ("exp", "Exp"), ("log", "Log"), ("sqrt", "Sqrt"), ("tanh", "Tanh"), ("sin", "Sin"), ("cos", "Cos"), ("arctan", "Atan"),
            ("power", "Pow"), ("abs", "Abs"), ("floor", "Floor"), ("maximum", "Max"), ("minimum", "Min"), ("where", "Where"),
            ("logical_not", "Not"), ("log1pexp", "Softplus"),
        ):
            setattr(self, name, self._node(kind))

    def _node(self, kind: str) -> Callable[..., Value]:
        return lambda *inputs: self.graph.op(kind, *inputs)

    def expm1(self, x: Value) -> Value:
        """2 t / (1 - t) with t = tanh(x / 2) near 0, where exp(x) - 1 would cancel."""
        t = self.tanh(x * 0.5)  # type: ignore[attr-defined]
        near = self.abs(x) < 1.0  # type: ignore[attr-defined]
        return self.where(near, 2.0 * t / (1.0 - t), self.exp(x) - 1.0)  # type: ignore[attr-defined]

    def log1p(self, x: Value) -> Value:
        """log(u) x / (u - 1) with u = 1 + x as it is rounded (Kahan)."""
        u = 1.0 + x
        return self.where(u == 1.0, x, self.log(u) * x / (u - 1.0))  # type: ignore[attr-defined]


def formula(graph: Graph, given: Any, *arguments: Any) -> Any:
    """A `kernels.Formula` of values and numbers -> a value, or a tuple of them."""
    functions = _NumPy(graph)
    return given.over(functions, functions)(*arguments)


def activation(graph: Graph, given: Activation, x: Value, shape: tuple[int | None, ...]) -> Value:
    """f(x) for x of this shape. Raises ValueError naming an activation that has no ONNX form."""
    if given.name == "linear":
        return x
    if isinstance(given, RowActivation):
        return _along_axis(graph, given, x, shape)
    made = given._made
    if made.forward.name in _INSTEAD:
        return _INSTEAD[made.forward.name](graph, x)
    arguments = [made.constants[o.name] if o.kind == "const" else x for o in made.forward.operands if o.read]
    return formula(graph, made.forward.formula, *arguments)


def _gelu(graph: Graph, x: Value) -> Value:
    return x * 0.5 * (1.0 + graph.op("Erf", x * math.sqrt(0.5)))


_INSTEAD: dict[str, Callable[[Graph, Value], Value]] = {"gelu": _gelu}  # whose formula has a function that ONNX lacks


def _along_axis(graph: Graph, given: Any, x: Value, shape: tuple[int | None, ...]) -> Value:
    axis, count = given._axes(len(shape))
    if count > 1:
        row: list[int] = [n or 0 for n in shape[1:]]
        merged = [*row[: axis - 1], math.prod(row[axis - 1 : axis - 1 + count]), *row[axis - 1 + count :]]
        return graph.reshape(_ALONG[given.name](graph, graph.reshape(x, merged), axis, merged[axis - 1], len(merged) + 1), row)
    return _ALONG[given.name](graph, x, axis, shape[axis] or 0, len(shape))


def _glu(graph: Graph, x: Value, axis: int, size: int, rank: int) -> Value:
    a, b = graph.op("Split", x, outputs=2, axis=axis, num_outputs=2)
    return a * graph.op("Sigmoid", b)


def _sparsemax(graph: Graph, x: Value, axis: int, size: int, rank: int) -> Value:
    """max(x - tau, 0), tau from the largest k for which 1 + k z_k > z_1 + ... + z_k, z sorted downwards (Martins & Astudillo 2016)."""
    z, _ = graph.op("TopK", x, graph.ints([size]), outputs=2, axis=axis)
    total = graph.op("CumSum", z, graph.constant(axis, "int64"))
    inside = 1.0 + graph.constant(np.arange(1.0, size + 1).reshape([size if a == axis else 1 for a in range(rank)])) * z > total
    zero = graph.constant(0.0)
    count = graph.reduce("ReduceSum", graph.op("Where", inside, 1.0, zero), [axis])
    kept = graph.reduce("ReduceSum", graph.op("Where", inside, z, zero), [axis])
    return graph.op("Max", x - (kept - 1.0) / count, 0.0)


_ALONG: dict[str, Callable[[Graph, Value, int, int, int], Value]] = {
    "softmax": lambda graph, x, axis, size, rank: graph.op("Softmax", x, axis=axis),
    "log_softmax": lambda graph, x, axis, size, rank: graph.op("LogSoftmax", x, axis=axis), "glu": _glu, "sparsemax": _sparsemax,
}
