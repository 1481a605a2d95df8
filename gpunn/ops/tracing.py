"""Functions of the user's that are traced: `call` of a layer, losses, activations. Run on symbolic tensors once, they become graphs."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpunn.kernels.columns import times
from gpunn.kernels.record import REGISTRY
from gpunn.layers.graph import KerasTensor, Node, flat, mapped, packed
from gpunn.layers.masked import given_to, mask_of, masked, says_masks
from gpunn.layers.parameter import Parameter
from gpunn.ops import operation
from gpunn.ops.moves import filled, spread
from gpunn.ops.operation import Owned, Weight, tracing
from gpunn.ops.reductions import total
from gpunn.recent import recent


class Source(Owned):
    """What a traced function is given: a tensor of any shape."""

    def __init__(self, shape: Sequence[int | None], dtype: str, computed: str = "float32"):
        """computed: the floating type, where `dtype` is another one."""
        super().__init__(dtype if dtype in ("float32", "float64") else computed, "source")
        Node(self, [], [KerasTensor(tuple(shape), dtype)], many_in=True, arguments=([],))


class Constant(Owned):
    """An array that is part of a graph: what a layer with weights is called on within a `call`."""

    def __init__(self, value: np.ndarray, dtype: str):
        super().__init__(dtype, "constant")
        self.value = value
        kind = self.dtype if value.dtype.kind == "f" else value.dtype.name
        Node(self, [], [KerasTensor(value.shape, kind)], many_in=True, arguments=([],))

    recordable = True

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Any]:
        return self.backend.asarray(self.value.astype(self.dtype)), lambda dy, need_dx=True: []


def in_graph(given: Any, dtype: str) -> Any:
    """Arrays and weights as tensors of the graph that is being traced, in the same lists."""

    def one(value: Any) -> Any:
        found = operation.operand(value)
        return found if isinstance(found, KerasTensor) else Constant(np.asarray(found), dtype).output

    return mapped(one, given)


class AddedLoss(Owned):
    """The first input as it is; the sum of the second is added to the loss, as an output's penalty is (see `gpunn.training.penalties`)."""

    recordable = True
    penalises = True

    def __init__(self, tensor: KerasTensor, loss: KerasTensor):
        super().__init__(tensor.node.layer.dtype, "added_loss")
        self.values: Any = None  # where the step that is being recorded wants the loss, in equal parts for each row
        self.factor = 1.0
        self.last: Any = None  # what was added in the last call
        Node(self, [tensor, loss], [KerasTensor(tensor.shape, tensor.dtype)], many_in=True, arguments=([tensor, loss],))

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Any]:
        (y, loss), ops = x, self.backend
        self.last = loss
        if self.values is not None:
            whole = total(ops, loss.reshape(1, -1), [1])
            parts = spread(ops, whole.reshape(1, 1), (self.values.size, 1)) if self.values.size != 1 else whole
            ops.launch(REGISTRY["linear"], parts.reshape(-1), self.values)
            ops.launch(times, self.values, 1.0 / self.values.size)

        def pullback(dy: Any, need_dx: Any = True) -> list[Any]:
            return [dy, filled(ops, loss.shape, self.factor, loss.dtype)]

        return y, pullback


class Regularized(Owned):
    """An output as it is, with the `activity_regularizer` of the layer whose `call` gave it."""

    recordable = True
    supports_masking = True

    def __init__(self, tensor: KerasTensor, regularizer: Any):
        super().__init__(tensor.node.layer.dtype, "regularized")
        self.activity_regularizer = regularizer
        Node(self, [tensor], [KerasTensor(tensor.shape, tensor.dtype)], arguments=(tensor,))

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Any]:
        return x, lambda dy, need_dx=True: dy


def with_losses(outputs: Sequence[KerasTensor], losses: Sequence[KerasTensor]) -> list[KerasTensor]:
    """The outputs, the first of which carries what was added to the loss."""
    out = list(outputs)
    for loss in losses:
        out[0] = AddedLoss(out[0], loss).output
    return out


def swapped(structure: Any, known: dict[KerasTensor, Any]) -> Any:
    return mapped(lambda v: known.get(v, v) if isinstance(v, KerasTensor) else v, structure)


def calls(inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor], assigned: Sequence[KerasTensor] = ()) -> list[Node]:
    """The calls between these tensors, in an order in which they can run; where parameters are `assigned`, in that in which they were
    made."""
    from gpunn.models.topology import between  # models are made of layers, and layers of operations

    found = between(inputs, [*outputs, *assigned])
    return sorted(found, key=lambda node: node.number) if assigned else found


def plan_of(inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor], training: bool = False) -> Any:
    from gpunn.training.fuse_operations import fused  # as above
    from gpunn.training.plan import between

    return fused(between(inputs, calls(inputs, outputs), outputs, training))


# ---------------------------------------------------------------------- a layer that gives `call`
def traced_call(layer: Any, arguments: tuple[Any, ...], training: bool | None, options: dict[str, Any]) -> Any:
    """A layer's call on symbolic tensors, with what its `call` does for training and otherwise. -> what `call` returns, symbolic.

    Raises TypeError where `call` returns something that is no tensor.
    """
    takes = inspect.signature(layer.call).parameters
    inputs, masks = flat(list(arguments)), _masks(layer, arguments, takes, options)
    if "mask" in takes and "mask" not in options and any(m is not None for m in masks):
        options = {**options, "mask": masks if isinstance(arguments[0], (list, tuple)) else masks[0]}
    given = list(dict.fromkeys(t for t in flat([list(arguments), options, masks]) if isinstance(t, KerasTensor)))
    layer.ensure_built(_shapes(arguments[0]))
    inside: dict[bool, Any] = {}
    result: Any = None
    for how in (True, False):
        with tracing(layer) as trace:
            known = {t: Source(t.shape, t.dtype, layer.dtype).output for t in given}
            more = swapped(options, known)
            for t, mask in zip(inputs, masks, strict=True):
                if mask is not None:
                    known[t].mask = known[mask]
            if "training" in takes:
                more["training"] = how if training is None else training
            result = layer.call(*swapped(list(arguments), known), **more)
            result = mapped(lambda v: operation.operand(v) if isinstance(v, Parameter) else v, result)
            outputs = flat(result)
            if odd := [v for v in outputs if not isinstance(v, KerasTensor)]:
                raise TypeError(f"Layer {layer.name!r}: call must return symbolic tensors. Received: {type(odd[0]).__name__}.")
            for tensor in outputs:
                if isinstance(tensor.node.layer, Weight):
                    tensor.node.layer.copied = True  # what comes out is nobody's memory
            if says_masks(layer):
                x, seen = given_to(layer, swapped(list(arguments), known), swapped(masks, known))
                made = layer.compute_mask(x, seen)
                for n, mask in enumerate(made if isinstance(made, (list, tuple)) else [made]):
                    outputs[n] = masked(outputs[n], mask)
            if layer.activity_regularizer is not None:
                outputs = [Regularized(t, layer.activity_regularizer).output for t in outputs]
            outputs = with_losses(outputs, trace.losses)
        inside[how] = (list(known.values()), calls(list(known.values()), outputs, trace.assigned), outputs)
    tensors = [KerasTensor(t.shape, t.dtype) for t in inside[False][2]]
    node = Node(layer, given, tensors, True, True, training, tuple(arguments), options)
    node.inside = inside
    return packed(result, tensors)


def traced_aside(layer: Any, arguments: tuple[Any, ...], training: bool | None, options: dict[str, Any]) -> Any:
    """The same of tensors that nobody sees: it is none of the calls whose ``input`` and ``output`` the layer tells."""
    out = traced_call(layer, arguments, training, options)
    layer.inbound_nodes.pop()
    return out


def _shapes(given: Any) -> Any:
    """Of tensors in lists and dicts, as `build` gets them: a tuple is a shape."""
    if isinstance(given, dict):
        return {name: _shapes(v) for name, v in given.items()}
    return [_shapes(v) for v in given] if isinstance(given, (list, tuple)) else given.shape


def _masks(layer: Any, arguments: Sequence[Any], takes: Any, options: dict[str, Any]) -> list[Any]:
    """The symbolic masks of the inputs, where the layer looks at them; None for each that has none."""
    tensors = flat(list(arguments))
    if "mask" not in takes and not says_masks(layer):
        return [None] * len(tensors)
    if "mask" in options:
        return [*flat(options["mask"]), *[None] * len(tensors)][: len(tensors)]
    return [mask_of(t) if isinstance(t, KerasTensor) else None for t in tensors]


def arguments_of(layer: Any, x: Any) -> tuple[Any, ...]:
    """Inputs as the layer's `call` takes them: one by one where it asks for several, else as they are."""
    if not isinstance(x, (list, tuple)):
        return (x,)
    return tuple(x) if len(needs(layer)) > 1 else (x,)


def needs(layer: Any) -> list[str]:
    """The arguments of its `call` without defaults, but for those that tell it how it is called."""
    known = [p for p in inspect.signature(layer.call).parameters.values() if p.name not in ("training", "mask")]
    return [p.name for p in known if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty]


def shape_of_call(layer: Any, input_shape: Any) -> Any:
    """What comes out for inputs of these shapes."""
    shapes = input_shape if isinstance(input_shape, list) else [tuple(input_shape)]
    sources = [Source(shape, layer.dtype).output for shape in shapes]
    out = traced_aside(layer, arguments_of(layer, sources if isinstance(input_shape, list) else sources[0]), None, {})
    return out.shape if isinstance(out, KerasTensor) else [t.shape for t in flat(out)]


def plan_of_call(
    layer: Any, x: Any, training: bool, options: dict[str, Any], apart: bool = False, kinds: Sequence[str] | None = None
) -> tuple[Any, Any]:
    """For arrays of the device: (what comes out, symbolic; the plan of a call). `apart`: x holds several arguments, not all of which need
    to have rows. `kinds`: the types of what was given, where that is not the layer's."""
    arrays = flat(x)
    kinds = kinds or [layer.dtype] * len(arrays)
    shapes = tuple(tuple(a.shape) if apart else tuple(a.shape[1:]) for a in arrays)
    key = (shapes, tuple(kinds), apart, bool(training), tuple(sorted((n, repr(v)) for n, v in options.items())))

    def make() -> tuple[Any, Any]:
        whole = [shape if apart else (None, *shape) for shape in shapes]
        sources = [Source(shape, kind, layer.dtype).output for shape, kind in zip(whole, kinds, strict=True)]
        given = packed(x, sources)
        out = traced_aside(layer, tuple(given) if apart else arguments_of(layer, given), training, options)
        return out, plan_of(sources, flat(out), training)

    return recent(layer.kept_plans, key, make)


def run_call(
    layer: Any, x: Any, training: bool, options: dict[str, Any], apart: bool = False, kinds: Sequence[str] | None = None
) -> tuple[Any, Any]:
    """The same on arrays of the device: (output, pullback)."""
    out, plan = plan_of_call(layer, x, training, options, apart, kinds)
    run = plan.run(flat(x), training)
    added = [stage.layer for stage in plan.stages if isinstance(stage.layer, AddedLoss)]
    layer.added = [(one.backend, one.last) for one in added]

    def pullback(dy: Any, need_dx: Any = True) -> Any:
        dx = run.backward(layer.backend, flat(dy), inputs=bool(need_dx))
        return packed(x, dx)

    return packed(out, run.outputs), pullback


def add_loss(loss: Any) -> None:
    """Add to the loss of the model in whose layer this is called. Raises RuntimeError outside of a layer's `call`."""
    trace = operation.current()
    if trace is None:
        raise RuntimeError("add_loss is called within a layer's call(self, inputs), on what gpunn.ops makes of symbolic tensors.")
    if isinstance(loss, KerasTensor):
        trace.losses.append(loss)


# ---------------------------------------------------------------------- a function of tensors
class Traced:
    """``function(*tensors)``, traced for these shapes and run on arrays of the device. ``shape``: of its result.

    Raises TypeError where it returns no symbolic tensor, and whatever the function raises.
    """

    def __init__(self, function: Callable[..., Any], shapes: Sequence[Sequence[int | None]], dtype: str):
        self.backend: Any = None
        self.rng: Any = None
        self.dtype = dtype
        with tracing(self):
            self.inputs = [Source(shape, dtype).output for shape in shapes]
            result = function(*self.inputs)
        if not isinstance(result, KerasTensor):
            raise TypeError(f"{getattr(function, '__name__', function)}: expected a symbolic tensor. Received: {type(result).__name__}.")
        self.shape = result.shape
        self.plan = plan_of(self.inputs, [result])

    @property
    def recordable(self) -> bool:
        return self.plan.recordable

    def run(self, ops: Any, arrays: Sequence[Any]) -> tuple[Any, Callable[..., list[Any]]]:
        """-> (result, a function of its gradient -> those of the arrays, None where there is none or `needs` does not ask for it; it
        overwrites what it is given)."""
        self.backend = ops
        done = self.plan.run(arrays, False)

        def back(dy: Any, needs: bool | Sequence[bool] = True) -> list[Any]:
            self.backend = ops
            return done.backward(ops, [dy], inputs=needs)

        return done.outputs[0], back


def tried(function: Callable[..., Any], array: Any) -> Any:
    """`Traced` for one array of this very shape; None where the function is none of tensors."""
    try:
        return Traced(function, [tuple(array.shape)], np.dtype(array.dtype).name)
    except Exception:  # whatever a function of NumPy arrays does with what is none
        return None
