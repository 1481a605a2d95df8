"""What goes into a model and comes out of it: names and shapes."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from gpunn.layers.alone import typed
from gpunn.layers.graph import KerasTensor, Node, flat, packed
from gpunn.layers.open_shapes import fits, is_open
from gpunn.models.topology import find_shapes

Shape = tuple[int | None, ...]


class Ends(ABC):
    """``input``, ``output``: symbolic tensors as they were given, alone, in a list or in a dict; ``inputs``, ``outputs``: lists of them."""

    name: str
    built: bool
    _ready: Callable[[Any], None]
    _like: list[str] | None
    _input: Any = None
    _output: Any = None

    @abstractmethod
    def graph(self, training: bool) -> tuple[list[KerasTensor], list[Node], list[KerasTensor]]:
        """(inputs, calls, outputs). Raises ValueError where nobody knows them yet."""

    @abstractmethod
    def build(self, input_shape: Any = None) -> None:
        """Make graph and weights for inputs of this shape."""

    @property
    def input(self) -> Any:
        """The symbolic inputs, as they were given."""
        self.graph(False)
        return self._input

    @property
    def output(self) -> Any:
        """The symbolic outputs, as they were given."""
        self.graph(False)
        return self._output

    @property
    def inputs(self) -> list[KerasTensor]:
        return [] if self._input is None else flat(self._input)

    @property
    def outputs(self) -> list[KerasTensor]:
        return [] if self._output is None else flat(self._output)

    @property
    def input_names(self) -> list[str] | None:
        """Keys where the inputs are a dict, else the names of their layers; None as long as there is no graph."""
        if self._input is None:
            return None
        return sorted(self._input) if isinstance(self._input, dict) else [t.node.layer.name for t in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """Keys where the outputs are a dict, else the names of the layers they come from."""
        if isinstance(self._output, dict):
            return sorted(self._output)
        names = [t.node.layer.name for t in self.outputs] or ["output"]
        return [n if n not in names[:i] else f"{n}_{names[:i].count(n)}" for i, n in enumerate(names)]

    @property
    def row_shape(self) -> Any:
        """Of one row, without the batch axis; a list for several inputs; None as long as it is not known."""
        shapes = [t.shape[1:] for t in self.inputs]
        return None if not self.built else shapes[0] if not isinstance(self._input, (dict, list)) or len(shapes) == 1 else shapes

    @property
    def input_shape(self) -> Any:
        self.graph(False)
        shapes = [t.shape for t in self.inputs]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def output_shape(self) -> Any:
        """With the batch axis, as None; a list for several outputs; () as long as it is not known."""
        shapes = [t.shape for t in self.outputs]
        return () if not shapes else shapes[0] if len(shapes) == 1 else shapes

    def output_shapes(self, row_shape: Any) -> list[Shape]:
        """Of each output, for inputs of such rows: a class of the user's is built for them. Raises ValueError where they do not fit."""
        if not self.built:
            self._ready(row_shape)
        rows = row_shape if isinstance(row_shape, list) else [row_shape]
        return self._shapes_for([(None, *shape) for shape in rows])

    def _shapes_for(self, shapes: list[Shape]) -> list[Shape]:
        """Of each output, for inputs of these shapes, which fit."""
        if not any(is_open(t.shape) for t in self.outputs) or shapes == [t.shape for t in self.inputs]:
            return [t.shape for t in self.outputs]
        found = dict(zip(self.inputs, shapes, strict=True))
        find_shapes(self.graph(False)[1], found)
        return [found[t] for t in self.outputs]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape that comes out, a list of them for several outputs. Raises ValueError for inputs of other shapes."""
        if not self.built:
            self.build(input_shape)
        shapes = [tuple(s) for s in (input_shape if isinstance(input_shape, list) else [input_shape])]
        expected = [t.shape for t in self.inputs]
        if len(shapes) != len(expected) or not all(fits(s[1:], e[1:]) for s, e in zip(shapes, expected, strict=True)):
            raise ValueError(f"Model {self.name!r}: expected inputs of shapes {expected}. Received: {shapes}.")
        out = self._shapes_for(shapes)
        return out if isinstance(self._output, (dict, list, tuple)) else out[0]

    def pack_outputs(self, outputs: list[Any]) -> Any:
        """One value for each output, as the model gives them: alone, in a list or in a dict; of integers and truths in these types."""
        outputs = [typed(value, tensor.dtype) for value, tensor in zip(outputs, self.outputs, strict=True)]
        if len(outputs) == 1 and not isinstance(self._output, dict):
            return outputs[0]
        return packed(self._output, outputs)

    def _inputs_of(self, x: Any) -> list[Any]:
        if isinstance(x, dict) and self.input_names is not None:
            if missing := [n for n in self.input_names if n not in x]:
                raise ValueError(f"Model {self.name!r}: expected inputs named {self.input_names}. Received: {sorted(x)} (no {missing}).")
            return [x[n] for n in self.input_names]
        if isinstance(x, dict):
            self._like = sorted(x)
        given = flat(x)
        if self.built and self.input_names is not None and len(given) != len(self.inputs):
            raise ValueError(f"Model {self.name!r} expects {len(self.inputs)} input(s), but it received {len(given)} input tensors.")
        return given

    def _output_of(self, outputs: Any) -> Any:
        return packed(self._output, outputs) if isinstance(outputs, list) else outputs
