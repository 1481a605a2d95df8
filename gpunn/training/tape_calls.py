"""Calls of layers and models that a tape records: stage by stage, each with its values at once and its way back.

A call draws its random numbers from a state of its own, which its way back draws again: dropout's masks are those of the values, whatever
is called in between.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from gpunn import random
from gpunn.backend.traced import trace
from gpunn.kernels.data import ADVANCE, HOLD
from gpunn.layers.alone import masks_on
from gpunn.layers.base import Rng
from gpunn.layers.dropout import Drawing
from gpunn.layers.graph import flat, packed
from gpunn.layers.open_shapes import fits
from gpunn.layers.parameter import Parameter
from gpunn.layers.tensor import Record, Tensor, keep_losses, of_parameter, watched
from gpunn.ops.at_once import as_tensor
from gpunn.ops.penalty import penalty
from gpunn.training import data
from gpunn.training.fuse import fuse
from gpunn.training.plan import Plan, Stage, plan

CALLS = ("rng", "alone", "added")  # attributes of a layer that whoever calls it lends it, or that its call leaves
SEEDS = 0x9E3779B9  # between the seeds of a model's several calls in one step of `fit`


# ---------------------------------------------------------------------- what is called
def call_model(model: Any, given: Sequence[Any], training: bool) -> Any:
    """The model's outputs for these rows, packed as the model has them. Raises ValueError for inputs that do not fit it."""
    x, ops = given[0] if len(given) == 1 else list(given), model.backend
    if any(_is_tensor(v) for v in flat(x)):
        tensors = [_tensor(v, ops, model.dtype) for v in model._inputs_of(x)]
        shapes = [t.shape[1:] for t in tensors]
        _be_built(model, shapes if len(shapes) > 1 or isinstance(x, (list, tuple, dict)) else shapes[0])
        model.reopen(shapes)
        expected = [t.shape[1:] for t in model.inputs]
        if len(shapes) != len(expected) or not all(fits(s, e) for s, e in zip(shapes, expected, strict=True)):
            raise ValueError(f"Model {model.name!r}: expected rows of shapes {expected}. Received: {shapes}.")
    else:
        rows = data.Rows(model._inputs(x, "call"), [], None)
        _be_built(model, rows.row_shape)
        tensors = [Tensor(ops.asarray(a, model.dtype), ops) for a in rows.xs]
    model.set_flags()
    model.lend()
    stages, losses = _plan_of(model, training), list[Tensor]()
    with _drawing([model, *model.leaves], _random(model, ops, training, stages)) as rng:
        outputs = run_stages(stages, tensors, training, rng, losses)
    keep_losses(model, losses)
    return model.pack_outputs(outputs)


def _be_built(model: Any, row_shape: Any) -> None:
    """Its weights stay where they are: a model that holds it may have taken them."""
    if model.built:
        model.follow_activations()
    else:
        model._ready(row_shape)


def call_layer(layer: Any, given: Sequence[Any], training: bool, mask: Any, options: dict[str, Any]) -> Any:
    """A layer's output for tensors or arrays: one, or a list of them."""
    if layer.traced:
        from gpunn.ops.forms import formed

        if mask is not None or formed(layer, given, options):
            return _of_form(layer, given, training, options if mask is None else {**options, "mask": mask})
    x, ops = given[0] if len(given) == 1 else list(given), layer.backend
    many = isinstance(x, (list, tuple)) and bool(x) and all(hasattr(v, "shape") for v in x)
    first = next((v for v in flat(x) if isinstance(v, (Tensor, Parameter))), None)
    if first is not None and not layer.parameters:
        ops = layer.backend = first.backend
    tensors = [_tensor(v, ops, layer.dtype) for v in (x if many else [x])]
    shapes = [(None, *t.shape[1:]) for t in tensors]
    layer.ensure_built(shapes if many else shapes[0])
    for leaf in layer.leaves:
        leaf.backend, leaf.rng = ops, layer.rng or Rng(ops, random.current_seed())
    more = {name: v for name, v in options.items() if any(_is_tensor(part) for part in flat(v))}
    tensors += [_tensor(part, ops, layer.dtype) for v in more.values() for part in flat(v)]
    options, many = {n: v for n, v in options.items() if n not in more}, many or bool(more)
    if layer.traced:
        from gpunn.ops.tracing import plan_of_call

        apart = len(given) > 1 and not more
        out, stages = plan_of_call(layer, [t.array for t in tensors] if many else tensors[0].array, training, options, apart)
        return _planned(layer, out, stages, tensors, training)
    losses: list[Tensor] = []
    with _drawing(layer.leaves, _random(layer, ops, training, None)) as rng:
        own = None if mask is None else masks_on(ops, mask, layer.dtype)
        outputs = _stage(Stage(layer, tuple(range(len(tensors))), (), many, options=options), tensors, training, rng, own)
    if layer.activity_regularizer is not None:
        losses.append(penalty(layer.activity_regularizer, outputs[0], layer.name, tensors[0].shape[0]))
    keep_losses(layer, losses)
    return outputs if len(outputs) > 1 else outputs[0]


def _of_form(layer: Any, given: Sequence[Any], training: bool, options: dict[str, Any]) -> Any:
    """The same for tensors and arrays in any lists and dicts, also by name, of a class of the user's."""
    from gpunn.ops.forms import is_array, plan_of_form

    values = [v for v in flat([list(given), options]) if is_array(v)]
    first = next((v for v in values if isinstance(v, (Tensor, Parameter))), None)
    ops = layer.backend = first.backend if first is not None and not layer.parameters else layer.backend
    tensors = [_tensor(v, ops, layer.dtype) for v in values]
    out, stages = plan_of_form(layer, layer.kept_plans, given, options, training, [t.shape for t in tensors])
    for leaf in layer.leaves:
        leaf.backend, leaf.rng = ops, layer.rng or Rng(ops, random.current_seed())
    return _planned(layer, out, stages, tensors, training)


def _planned(layer: Any, out: Any, stages: Plan, tensors: Sequence[Tensor], training: bool) -> Any:
    losses: list[Tensor] = []
    with _drawing(layer.leaves, _random(layer, layer.backend, training, stages)) as rng:
        outputs = run_stages(stages, tensors, training, rng, losses)
    if layer.activity_regularizer is not None:
        losses.append(penalty(layer.activity_regularizer, outputs[0], layer.name, tensors[0].shape[0]))
    keep_losses(layer, losses)
    return packed(out, outputs)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, (Tensor, Parameter)) or watched(value) is not None


def _tensor(value: Any, ops: Any, dtype: str) -> Tensor:
    return as_tensor(of_parameter(value) if isinstance(value, Parameter) else value, ops, dtype)


def _plan_of(model: Any, training: bool) -> Plan:
    key = "of a tape", training
    if key not in model._plans:
        model._plans[key] = fuse(plan(model, training), [None] * len(model.outputs))[0]
    return model._plans[key]


# ---------------------------------------------------------------------- how it runs
def run_stages(stages: Plan, tensors: Sequence[Tensor], training: bool, rng: Any, losses: list[Tensor]) -> list[Tensor]:
    """The outputs for these inputs; `losses` gets what the layers add to the loss."""
    values = dict(zip(stages.inputs, tensors, strict=True))
    for stage in stages.stages:
        given = [values[i] for i in stage.inputs]
        if getattr(stage.layer, "penalises", False):
            losses.append(_added(stage.layer, given))
            values[stage.outputs[0]] = given[0]
        else:
            values.update(zip(stage.outputs, _stage(stage, given, training, rng), strict=True))
    return [values[i] for i in stages.outputs]


def _added(layer: Any, given: Sequence[Tensor]) -> Tensor:
    """What a layer adds to the loss: the sum of what it gave to `add_loss`, or the penalty of its output."""
    from gpunn.ops import sum

    if len(given) == 2:
        return sum(given[1])
    return penalty(layer.regularizer, given[0], layer.name, given[0].shape[0])


def _stage(stage: Stage, given: Sequence[Tensor], training: bool, rng: Any, own: Any = None) -> list[Tensor]:
    """`own`: the mask, or the list of masks, that this call was given by name: the same tensor may have another one in other calls."""
    layer, ops = stage.layer, stage.layer.backend
    x, mask = [t.array for t in given], [t.mask for t in given]
    if own is not None:
        named = own if isinstance(own, list) else [own]
        mask = [*named, *mask[len(named) :]]

    def drawing() -> Any:
        return _drawing([getattr(layer, "owner", None) or layer], rng)

    def forward(arrays: list[Any]) -> tuple[list[Any], Any]:
        y, pullback = stage.forward(arrays if stage.many_in else arrays[0], training, mask if stage.many_in else mask[0])
        stage.many_out = isinstance(y, (list, tuple))

        def back(gradients: list[Any], needs: Sequence[bool]) -> list[Any]:
            with drawing():
                return stage.back(pullback, gradients, needs)

        return list(y) if stage.many_out else [y], back

    def run(arrays: list[Any]) -> tuple[list[Any], Any]:
        with drawing():
            return forward(arrays)

    def again(inputs: Sequence[Tensor], needs: Sequence[bool] = ()) -> list[Tensor]:
        from gpunn.training.opened import Opened, opened  # which know all layers

        return opened(Opened(stage, training if stage.training is None else stage.training, run, mask, drawing), inputs)

    if getattr(layer, "replaced", None):  # tensors are in the place of weights
        made = again(given)
    else:
        outputs, back = forward(x)
        made = [Tensor(a, ops) for a in outputs]
        Record(given, made, back, [*layer.parameters, *getattr(layer, "reads", ())], again=again)
    seen = layer.mask_of_call(x if stage.many_in else x[0], mask if stage.many_in else mask[0], stage.options)
    for tensor, one in zip(made, seen if isinstance(seen, (list, tuple)) else [seen], strict=False):
        tensor.mask = one
    return made


# ---------------------------------------------------------------------- random numbers
def _random(owner: Any, ops: Any, training: bool, stages: Plan | None) -> Any:
    """A random state for one call of a model or a layer, and the next one for the next call; None where nothing is drawn."""
    layers = [*owner.leaves, *(stage.layer for stage in (stages.stages if stages else ()))]
    if (recorded := trace()) is not None:
        recorded.taken.append(lambda: [value for layer in layers for name, value in vars(layer).items() if name not in CALLS])
    if not training and not any(isinstance(layer, Drawing) for layer in layers):
        return None
    rng, own = owner.rng, Rng(ops, owner.rng.seed)
    ops.launch(HOLD, rng.step, own.step)
    if owner.calls_in_step is None:
        ops.launch(ADVANCE, ops.zeros((1,), "int64"), rng.step, 0, 1)
    else:  # within a step of `fit`, which counts itself
        own.seed, owner.calls_in_step = (own.seed + SEEDS * owner.calls_in_step) % 2**31, owner.calls_in_step + 1
    return own


@contextmanager
def _lent(layers: Sequence[Any], rng: Any) -> Iterator[Any]:
    before = [layer.rng for layer in layers]
    for layer in layers:
        layer.rng = rng
    try:
        yield rng
    finally:
        for layer, own in zip(layers, before, strict=True):
            layer.rng = own


def _drawing(layers: Sequence[Any], rng: Any) -> Any:
    """Within the ``with`` block these layers draw from this random state; as they do, where it is None."""
    return nullcontext() if rng is None else _lent([layer for layer in layers if hasattr(layer, "rng")], rng)
