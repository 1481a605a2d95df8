"""Symbolic tensors: what a layer gives when it is called on what another one will give. With the calls they are a model's graph."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.layers.names import fresh_name
from gpunn.layers.open_shapes import shapes_out
from gpunn.operators import Operators
from gpunn.results import shaped

Shape = tuple[int | None, ...]

WHOLE: tuple[str, ...] = ("bool", "int", "uint")  # beginnings of the names of types that are not floats
INTEGERS = WHOLE[1:]


class KerasTensor(Operators):
    """A value that a model will compute: ``shape`` with the batch axis first, as None; ``dtype``; ``name``; ``node``, the call that gives
    it, and ``index``, which of that call's outputs it is.

    Arithmetic with tensors, numbers and arrays gives another (`gpunn.ops`); sums, differences and products of two tensors of one shape are
    `Add`, `Subtract` and `Multiply` layers.
    """

    __array_ufunc__: Any = None
    has_values = False

    def __init__(self, shape: Shape, dtype: str = "float32", name: str | None = None):
        self.shape, self.dtype, self.name = shaped(shape), dtype, name or fresh_name("keras_tensor")
        self.node: Any = None
        self.index = 0
        self.mask: Any = None  # where a layer that is being traced was given one; see `gpunn.layers.masked.mask_of`

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def reshape(self, newshape: Any) -> Any:
        """`gpunn.ops.reshape` of it."""
        from gpunn.ops import reshape

        return reshape(self, newshape)

    def squeeze(self, axis: Any = None) -> Any:
        """`gpunn.ops.squeeze` of it."""
        from gpunn.ops import squeeze

        return squeeze(self, axis)

    def __add__(self, other: Any) -> Any:
        return _merged("Add", self, other, super().__add__)

    def __sub__(self, other: Any) -> Any:
        return _merged("Subtract", self, other, super().__sub__)

    def __mul__(self, other: Any) -> Any:
        return _merged("Multiply", self, other, super().__mul__)

    def __iter__(self) -> Any:
        raise TypeError(f"{self!r} has no values yet, and cannot be gone through: gpunn.ops.unstack takes it apart.")

    def __array__(self, *arguments: Any, **named: Any) -> Any:
        raise TypeError(f"{self!r} has no values yet: call a layer on it, make a model of it, and give that model arrays.")

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} has no values yet: a graph cannot depend on them.")

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"


def _merged(kind: str, a: Any, b: Any, otherwise: Callable[[Any], Any]) -> Any:
    """A layer's output for two tensors of one shape outside of any function that is being traced; else the operation's."""
    from gpunn.layers import merge
    from gpunn.ops.operation import current

    alike = isinstance(b, KerasTensor) and a.shape == b.shape and a.dtype == b.dtype and len(a.shape) > 1
    return getattr(merge, kind)()([a, b]) if alike and current() is None else otherwise(b)


_numbers = itertools.count()


class Node:
    """One call of a layer. ``arguments`` and ``options`` as they were given; ``inputs`` and ``outputs``, flat; ``many_in`` and
    ``many_out``, whether the layer's `forward` takes, and gives, a list; ``training``, where the call fixed it, else None; ``inside``, by
    `training`, the graph that the layer's own `call` made of it, None where its `forward` runs."""

    def __init__(
        self, layer: Any, inputs: list[KerasTensor], outputs: list[KerasTensor], many_in: bool = False, many_out: bool = False,
        training: bool | None = None, arguments: tuple[Any, ...] = (), options: dict[str, Any] | None = None,
    ):
        self.layer, self.inputs, self.outputs, self.many_in, self.many_out = layer, inputs, outputs, many_in, many_out
        self.training, self.arguments, self.options = training, arguments, options or {}
        self.number = next(_numbers)  # by the order in which calls were made
        self.inside: dict[bool, tuple[list[KerasTensor], list[Node], list[KerasTensor]]] | None = None
        for i, tensor in enumerate(outputs):
            tensor.node, tensor.index = self, i
        layer.inbound_nodes.append(self)

    def opened(self, training: bool) -> Any:
        """(inputs, calls, outputs) within a call of a model, or of a layer that gives `call`; None for any other."""
        if self.inside is not None:
            return self.inside[training]
        return self.layer.graph(training) if hasattr(self.layer, "graph") else None

    @property
    def plain_options(self) -> dict[str, Any]:
        """What `forward` takes by name beside its inputs."""
        return {name: value for name, value in self.options.items() if not symbolic(value)}


# ---------------------------------------------------------------------- lists and dicts of tensors
def flat(structure: Any) -> list[Any]:
    """What is in lists, tuples and dicts (by sorted keys, as Keras has it), one after another."""
    if isinstance(structure, dict):
        return [v for key in sorted(structure) for v in flat(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [v for part in structure for v in flat(part)]
    return [structure]


def packed(structure: Any, values: Any) -> Any:
    """The same lists and dicts, with these values in place of what `flat` finds."""
    values = iter(values)

    def fill(part: Any) -> Any:
        if isinstance(part, dict):
            filled = {key: fill(part[key]) for key in sorted(part)}
            return {key: filled[key] for key in part}
        if isinstance(part, (list, tuple)):
            return type(part)([fill(p) for p in part])
        return next(values)

    return fill(structure)


def mapped(function: Callable[[Any], Any], structure: Any) -> Any:
    return packed(structure, [function(v) for v in flat(structure)])


def symbolic(value: Any) -> bool:
    """Whether there is a symbolic tensor in it, one that has no values yet."""
    return any(isinstance(v, KerasTensor) and not v.has_values for v in flat(value))


# ---------------------------------------------------------------------- calls
class Connected:
    """What can be called on symbolic tensors; the calls stand in ``inbound_nodes``."""

    name: str
    dtype: str
    built: bool
    inbound_nodes: list[Node]
    compute_output_shape: Callable[[Any], Any]
    ensure_built: Callable[[Any], None]
    kept_kinds: tuple[str, ...] = ()  # `WHOLE` or `INTEGERS`, where of these come out what went in

    def connect(self, arguments: tuple[Any, ...], training: bool | None, options: dict[str, Any]) -> Any:
        """Record a call. -> its output, a list of them for a layer with several, or what a model's outputs are packed in.

        Raises ValueError for shapes the layer cannot take, and for more inputs than it takes; TypeError where arrays are among tensors.
        """
        x = arguments[0] if len(arguments) == 1 else list(arguments)
        inputs = [*self._inputs_of(x), *(t for o in options.values() if symbolic(o) for t in flat(o))]
        for tensor in inputs:
            if not isinstance(tensor, KerasTensor):
                raise TypeError(f"Layer {self.name!r}: expected symbolic tensors only. Received: {type(tensor).__name__} among them.")
        many = isinstance(x, (list, tuple, dict)) or len(inputs) > 1
        shapes = self._shapes_out([t.shape for t in inputs] if many else inputs[0].shape, inputs)
        shapes = self.outputs_of_call(shapes, [t.shape for t in inputs] if many else inputs[0].shape, options)
        many_out = isinstance(shapes, list)
        kind = self.kind_out([t.dtype for t in inputs], bool(training))
        outputs = [KerasTensor(s, kind) for s in (shapes if many_out else [shapes])]
        Node(self, inputs, outputs, many, many_out, training, arguments, options)
        return self._output_of(outputs if many_out else outputs[0])

    def kind_out(self, kinds: list[str], training: bool = False) -> str:
        """The type of what comes out for inputs of these: integers and truths stay such where the layer keeps them."""
        if not kinds or not self.kept_kinds or not all(kind.startswith(self.kept_kinds) for kind in kinds):
            return self.dtype
        return np.result_type(*kinds).name

    def outputs_of_call(self, shapes: Any, input_shapes: Any, options: dict[str, Any]) -> Any:
        """Shapes of what a call with these options gives, where that is not what `compute_output_shape` says."""
        return shapes

    def _shapes_out(self, shapes: Any, inputs: list[KerasTensor]) -> Any:
        if not isinstance(shapes, list):
            self.ensure_built(shapes)
            return shapes_out(self.compute_output_shape, shapes)
        try:
            self.ensure_built(shapes)
            out = shapes_out(self.compute_output_shape, shapes)
        except (TypeError, IndexError, AttributeError) as error:
            raise self._too_many(inputs) from error
        except ValueError as error:
            raise ValueError(f"{error} The inputs come from {_origins(inputs)}.") from error
        if out is shapes:  # handed on as it came: a layer of one input
            raise self._too_many(inputs)
        return out

    def _too_many(self, inputs: list[KerasTensor]) -> ValueError:
        return ValueError(f"Layer {self.name!r} expects 1 input, but it received {len(inputs)} input tensors: {_origins(inputs)}.")

    def _inputs_of(self, x: Any) -> list[Any]:
        """The inputs in the layer's own order."""
        return flat(x)

    def _output_of(self, outputs: Any) -> Any:
        return outputs

    def _node(self, index: int, what: str) -> Node:
        if not self.inbound_nodes:
            raise AttributeError(f"Layer {self.name!r} has never been called on a symbolic tensor and thus has no defined {what}.")
        return self.inbound_nodes[index]

    @property
    def input(self) -> Any:
        """The symbolic input of the layer's first call."""
        inputs = self._node(0, "input").inputs
        return inputs[0] if len(inputs) == 1 else inputs

    @property
    def output(self) -> Any:
        """The symbolic output of the layer's first call."""
        outputs = self._node(0, "output").outputs
        return outputs[0] if len(outputs) == 1 else outputs

    @property
    def input_shape(self) -> Any:
        """Of the layer's first call, with the batch axis as None; a list for several inputs."""
        return mapped(lambda t: t.shape, self.input)

    @property
    def output_shape(self) -> Any:
        """Of the layer's first call; a list for several outputs."""
        return mapped(lambda t: t.shape, self.output)

    def get_input_at(self, index: int) -> Any:
        """The symbolic input of the call of this number."""
        inputs = self._node(index, "input").inputs
        return inputs[0] if len(inputs) == 1 else inputs

    def get_output_at(self, index: int) -> Any:
        """The symbolic output of the call of this number."""
        outputs = self._node(index, "output").outputs
        return outputs[0] if len(outputs) == 1 else outputs


def _origins(tensors: list[KerasTensor]) -> str:
    """In words, where tensors come from."""
    return ", ".join(f"layer {t.node.layer.name!r} {t.shape}" for t in tensors)
