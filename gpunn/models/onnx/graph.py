"""A graph of ONNX nodes that grows as values are computed with, so that formulas and layers are written as for arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np

OPSET, IR = 18, 10


class Graph:
    """Nodes and constants. `dtype`: of all floating values, "float32" or "float64"."""

    def __init__(self, dtype: str):
        self.dtype = np.dtype(dtype)
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}
        self._known: dict[Any, str] = {}
        self._count: dict[str, int] = {}
        self.scope = ""  # the layer that is written
        self.masks: Any = None  # the steps of the input that count, (rows, steps), for layers that take a mask; a list of several inputs'

    @property
    def mask(self) -> "Value | None":
        """Of the first input."""
        return self.masks[0] if isinstance(self.masks, list) else self.masks

    def inner(self) -> "Graph":
        """A graph within a node: nodes of its own, constants and names shared."""
        made = Graph(self.dtype.name)
        made.constants, made._known, made._count, made.scope = self.constants, self._known, self._count, self.scope
        return made

    def input(self, base: str) -> "Value":
        return Value(self, self.name(f"{self.scope}/{base}"))

    def name(self, base: str) -> str:
        n = self._count[base] = self._count.get(base, -1) + 1
        return f"{base}_{n}" if n else base

    def constant(self, value: Any, dtype: Any = None, name: str = "constant") -> "Value":
        """Numbers that never change; the same ones are kept once."""
        array = np.asarray(value, dtype or self.dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = self.name(f"{self.scope}/{name}" if self.scope else name)
            self.constants[self._known[key]] = array
        return Value(self, self._known[key])

    def ints(self, values: Sequence[int]) -> "Value":
        return self.constant(values, np.int64)

    def op(self, kind: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        """A node -> its output, or a tuple of them. Numbers among `inputs` become constants; None is an input left out."""
        from onnx import helper

        names = ["" if v is None else self.value(v).name for v in inputs]
        made = [self.name(f"{self.scope}/{kind}") for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, names, made, name=made[0], **attributes))
        values = tuple(Value(self, n) for n in made)
        return values[0] if outputs == 1 else values

    def value(self, given: Any) -> "Value":
        return given if isinstance(given, Value) else self.constant(given)

    # ------------------------------------------------------------------ shapes
    def reshape(self, x: "Value", row: Sequence[int]) -> "Value":
        """Rows of this shape: the batch axis stays."""
        return self.op("Reshape", x, self.ints([0, *row]))

    def turned(self, x: "Value", *axes: int) -> "Value":
        return self.op("Transpose", x, perm=axes)

    def zeros(self, like: "Value", *row: int) -> "Value":
        """As many rows as another value has, of zeros."""
        rows = self.op("Gather", self.op("Shape", like), self.ints([0]))
        shape = self.op("Concat", rows, self.ints(row), axis=0)
        return self.op("Expand", self.constant(0.0), shape)

    def reduce(self, kind: str, x: "Value", axes: Sequence[int], keep: bool = True) -> "Value":
        return self.op(kind, x, self.ints(axes), keepdims=int(keep))


class Value:
    """What a node gives: a name, with arithmetic."""

    def __init__(self, graph: Graph, name: str):
        self.graph, self.name = graph, name

    def _op(self, kind: str, *inputs: Any) -> "Value":
        return self.graph.op(kind, *inputs)

    def __add__(self, other: Any) -> "Value":
        return self._op("Add", self, other)

    def __radd__(self, other: Any) -> "Value":
        return self._op("Add", other, self)

    def __sub__(self, other: Any) -> "Value":
        return self._op("Sub", self, other)

    def __rsub__(self, other: Any) -> "Value":
        return self._op("Sub", other, self)

    def __mul__(self, other: Any) -> "Value":
        return self._op("Mul", self, other)

    def __rmul__(self, other: Any) -> "Value":
        return self._op("Mul", other, self)

    def __truediv__(self, other: Any) -> "Value":
        return self._op("Div", self, other)

    def __rtruediv__(self, other: Any) -> "Value":
        return self._op("Div", other, self)

    def __neg__(self) -> "Value":
        return self._op("Neg", self)

    def __gt__(self, other: Any) -> "Value":
        return self._op("Greater", self, other)

    def __lt__(self, other: Any) -> "Value":
        return self._op("Less", self, other)

    def __ge__(self, other: Any) -> "Value":
        return self._op("GreaterOrEqual", self, other)

    def __le__(self, other: Any) -> "Value":
        return self._op("LessOrEqual", self, other)

    def __eq__(self, other: Any) -> "Value":  # type: ignore[override]
        return self._op("Equal", self, other)

    def __ne__(self, other: Any) -> "Value":  # type: ignore[override]
        return self._op("Not", self._op("Equal", self, other))

    def __and__(self, other: Any) -> "Value":
        return self._op("And", self, other)

    def __or__(self, other: Any) -> "Value":
        return self._op("Or", self, other)

    __hash__ = object.__hash__
