"""A model's graph: the calls between its inputs and outputs, and the plans made of them."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from gpunn.backend.traced import refuse
from gpunn.layers.base import Layer
from gpunn.layers.containing import layers_in
from gpunn.layers.graph import KerasTensor, Node, flat, packed, symbolic
from gpunn.layers.input import TEXT, InputLayer
from gpunn.layers.open_shapes import fits
from gpunn.models.ends import Ends
from gpunn.models.topology import cut, topology
from gpunn.ops.operation import Owned, current, tracing
from gpunn.ops.tracing import add_loss, arguments_of, with_losses
from gpunn.training.fuse import fuse
from gpunn.training.plan import Plan, plan


def done_at_door(layer: Any, texts: bool) -> bool:
    """Whether a layer's work is done at the model's door: it converts what is given, where only texts if it takes integers too."""
    return getattr(layer, "converts", False) and (texts or not getattr(layer, "takes_integers", False))


class Graph(Ends):
    """What a model knows of its graph."""

    dtype: str
    backend: Any
    storage: Any
    _setup: Any
    _trainable: bool
    _programs: dict[Any, Any]
    _plans: dict[Any, Any]
    kept_plans: dict[Any, Any]
    _activations: list[Any] | None = None  # of the leaves, when they were looked at last
    adopt: Callable[[Any], None]
    leaves: Any
    steps_itself: bool
    find_variables: Callable[[], None]
    lend: Callable[[], None]
    _arrange: Callable[[], None]
    _traced: dict[bool, tuple[list[Node], list[KerasTensor]]] | None = None  # calls and outputs, by `training`
    _found: list[Any] | None = None
    _own_weights: Any = None

    @property
    def is_graph(self) -> bool:
        """Whether its configuration is a graph (or a stack) of layers; False of a class of the user's, which makes them itself."""
        return any(kind.__name__ in ("Sequential", "Functional") for kind in type(self).__mro__)

    @property
    def names_outputs(self) -> bool:
        """Whether outputs have names in logs: by Keras's rule those of a class that gives `call` only in a dict."""
        return self.is_graph or isinstance(self._output, dict)

    @property
    def varies(self) -> bool:
        """Whether its graph may be another one in training than otherwise: a class gives `call` for both."""
        inside = [layer for layer in self.layers if isinstance(layer, Graph)]
        return not self.is_graph or any(m.varies for m in inside) or any(leaf.traced for leaf in self.leaves)

    # ------------------------------------------------------------------ making it
    def connect_graph(self, inputs: Any, outputs: Any) -> None:
        """Become the model between these tensors.

        Raises ValueError for what is not symbolic, graphs that do not hang together, and layers of several floating types."""
        for what, structure in (("inputs", inputs), ("outputs", outputs)):
            for tensor in flat(structure):
                if not isinstance(tensor, KerasTensor):
                    raise ValueError(f"Model {self.name!r}: expected {what} to be symbolic tensors. Received: {type(tensor).__name__}.")
        first, last = flat(inputs), flat(outputs)
        if not first or not last:
            raise ValueError(f"Model {self.name!r}: expected at least one input and one output. Received: {len(first)} and {len(last)}.")
        if any(first.count(t) > 1 for t in first):
            raise ValueError(f"Model {self.name!r}: every input must be there once. Received: {[t.name for t in first]}.")
        if not all(isinstance(t.node.layer, InputLayer) for t in first):
            first, last = cut(first, last)
        nodes, layers = topology(first, last)
        self._set_graph(packed(inputs, first), packed(outputs, last), {True: (nodes, last), False: (nodes, last)}, layers)

    def _set_graph(self, inputs: Any, outputs: Any, traced: dict[bool, Any], layers: list[Any]) -> None:
        computing = {layer.dtype for layer in layers}
        if len(computing) > 1:
            each = ", ".join(f"{layer.name!r} {layer.dtype}" for layer in layers)
            raise ValueError(
                f"All layers of {self.name!r} must compute in one type (gpunn.config.set_floatx sets it). Received: {each}."
            )
        self._input, self._output, self._traced, self._found = inputs, outputs, traced, layers
        self.dtype, self.built = computing.pop() if computing else self.dtype, True
        for layer in layers:
            if getattr(layer, "rng", None) is None:
                self.adopt(layer)
        if not self._trainable:
            self.trainable = False
        self._changed()

    def build(self, input_shape: Any = None) -> None:
        """Make all weights of a class of the user's, for inputs of this shape (batch axis first, as None; a list of shapes for several)."""
        if self.built:
            return
        alone = "call" not in {name for c in type(self).__mro__[: type(self).__mro__.index(Layer)] for name in vars(c)}
        if alone and not self.steps_itself:
            raise NotImplementedError(f"Model {self.name!r}: a class derived from Model gives call(self, x), or inputs and outputs.")
        if input_shape is None:
            raise ValueError(f"Model {self.name!r}: build needs an input shape.")
        several = isinstance(input_shape, list)
        shapes = [tuple(None if n is None else int(n) for n in s[1:]) for s in (input_shape if several else [input_shape])]
        names: list[Any] = self._like or [None] * len(shapes)
        tensors = [InputLayer(shape, name=name).output for shape, name in zip(shapes, names, strict=True)]
        x: Any = dict(zip(self._like, tensors, strict=True)) if self._like else tensors if several else tensors[0]
        if alone:  # its own train_step calls the layers that it holds, and its graph is none
            self._set_graph(x, x, {t: ([], tensors) for t in (True, False)}, self._attributes())
            return
        self.find_variables()
        how = "training" in inspect.signature(self.call).parameters  # type: ignore[attr-defined]
        results: dict[bool, Any] = {}
        for t in (True, False) if how else (True,):
            with tracing(self) as trace:
                results[t] = self.call(*arguments_of(self, x), **({"training": t} if how else {})), trace  # type: ignore[attr-defined]
        traced: dict[bool, Any] = {}
        found: dict[Any, None] = {}
        packs: dict[bool, Any] = {}
        for t, (result, trace) in results.items():
            if bad := [v for v in flat(result) if not isinstance(v, KerasTensor)]:
                raise ValueError(
                    f"Model {self.name!r}: call must return what layers give on symbolic tensors. Received: {type(bad[0]).__name__}."
                )
            outputs = with_losses(flat(result), trace.losses)
            nodes, layers = topology(tensors, [*outputs, *trace.assigned])
            traced[t] = (sorted(nodes, key=lambda node: node.number) if trace.assigned else nodes, outputs)
            packs[t] = packed(result, outputs)
            found.update(dict.fromkeys(layers))
        traced.setdefault(False, traced[True])
        own = [layer for layer in self._attributes() if layer in found or layer is self._own_weights]
        layers = own + [layer for layer in found if layer not in own and not isinstance(layer, (InputLayer, Owned))]
        self._set_graph(x, packs.get(False, packs[True]), traced, layers)

    def reopen(self, shapes: Sequence[Any]) -> bool:
        """Of a class of the user's: where rows have other sizes than those before, make its graph anew, with such axes open, or for just
        these sizes where its `call` looks at one. -> whether that was done; where weights depend on a size the graph stays as it is."""
        if self.is_graph:
            return False
        known = [tensor.shape[1:] for tensor in self.inputs]
        alike = len(shapes) == len(known) and all(len(a) == len(b) for a, b in zip(shapes, known, strict=True))
        if not alike or all(fits(a, b) for a, b in zip(shapes, known, strict=True)) or not self.graph(False)[1]:
            return False
        opened = [tuple(m if n == m else None for n, m in zip(a, b, strict=True)) for a, b in zip(shapes, known, strict=True)]
        for rows in (opened, shapes):
            self.built = False
            given = [(None, *row) for row in rows]
            try:
                Graph.build(self, given if isinstance(self._input, (list, tuple, dict)) else given[0])
                return True
            except Exception:  # whatever a call raises that cannot take them
                self.built = True
        return False

    def add_loss(self, loss: Any) -> None:
        """Add the sum of a tensor to the loss: within `call`, or, of a model that was made of tensors, one that its inputs lead to."""
        if current() is not None or not self.is_graph or not symbolic(loss):
            add_loss(loss)
            return
        outputs = with_losses(self.outputs, [loss])
        self.connect_graph(self._input, packed(self._output, outputs))

    def _attributes(self) -> list[Any]:
        """The layers that a class of the user's keeps as attributes, or in lists and dicts of them."""
        found = [layer for name, value in vars(self).items() if name != "_found" for layer in layers_in(value)]
        return list(dict.fromkeys([*layers_in(self._own_weights), *found]))

    @property
    def layers(self) -> list[Any]:
        return self._attributes() if self._found is None else self._found

    def _changed(self) -> None:
        """The graph is another one."""
        self._plans.clear()
        self._programs.clear()
        self.kept_plans = {}
        self.storage = None
        if self._setup is not None:
            self._arrange()

    # ------------------------------------------------------------------ what the step asks
    def graph(self, training: bool) -> tuple[list[KerasTensor], list[Node], list[KerasTensor]]:
        """(inputs, calls in an order in which they can run, outputs)."""
        if self._traced is None:
            raise ValueError(f"Model {self.name!r} has no graph yet: call build(), fit() or give an Input first.")
        nodes, outputs = self._traced[training]
        return self.inputs, nodes, outputs

    def follow_activations(self) -> None:
        """Where a layer was given another activation, what was fused with the one before is forgotten."""
        now, before = [getattr(leaf, "activation", None) for leaf in self.leaves], self._activations
        self._activations = now
        if before is not None and not (len(now) == len(before) and all(a is b for a, b in zip(now, before, strict=True))):
            self._plans.clear()
            if self._setup is not None:
                self._setup.plan = None

    def plan_of(self, training: bool) -> Plan:
        """The stages without losses and penalties."""
        self.follow_activations()
        if training not in self._plans:
            self._plans[training] = fuse(plan(self, training))[0]
        return self._plans[training]

    def inference_plan(self) -> Plan:
        return self.plan_of(False)

    @property
    def known_plan(self) -> Plan | None:
        """The same as it was asked for last, though layers may have changed since."""
        return self._plans.get(False)

    def first_layers(self, converted: bool = False) -> list[Any]:
        """The layer that each input goes to first; `converted`: behind layers whose work is done at the model's door."""
        return [] if self._traced is None else [self._first(tensor, converted) for tensor in self.inputs]

    def _first(self, tensor: Any, converted: bool) -> Any:
        node = None if self._traced is None else next((n for n in self._traced[False][0] if tensor in n.inputs), None)
        if node is not None and converted and done_at_door(node.layer, tensor.dtype == TEXT):
            return self._first(node.outputs[0], converted)
        if node is not None and isinstance(node.layer, Graph):
            return (node.layer.first_layers(converted) or [None])[0]
        return None if node is None else node.layer

    # ------------------------------------------------------------------ as a layer
    def ensure_built(self, input_shape: Any) -> None:
        if not self.built:
            self.build(input_shape)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Any]:
        """The graph on arrays of the device, for a layer that wraps a model and for a step of a user's own."""
        several = isinstance(x, (list, tuple))
        if any(isinstance(v, KerasTensor) for v in (x if several else [x])):
            refuse("works with pullbacks")
        self.lend()
        run = self.plan_of(training).run([self.backend.take_in(v) for v in (x if several else [x])], training)

        def pullback(dy: Any, need_dx: Any = True) -> Any:
            dx = run.backward(self.backend, dy if len(run.outputs) > 1 else [dy], inputs=bool(need_dx))
            return dx if several else dx[0]

        return run.outputs if len(run.outputs) > 1 else run.outputs[0], pullback
