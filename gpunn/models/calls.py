"""Calls of a model: on arrays as in training, and of a class of the user's with more than its inputs."""

import inspect
from typing import Any

import numpy as np

from gpunn.layers.graph import flat, packed, symbolic
from gpunn.layers.tensor import records
from gpunn.ops.forms import is_array, plan_of_form
from gpunn.ops.operation import current
from gpunn.ops.tracing import in_graph, needs, traced_call
from gpunn.results import dressed
from gpunn.training.data import Rows
from gpunn.training.tape_calls import call_layer


def run(model: Any, x: Any, training: bool | None) -> Any:
    """The outputs for arrays, in one batch; `training`: None for what each layer does alone."""
    rows = Rows(model._inputs(x, "call"), [], None)
    model._ready(rows.row_shape)
    return _on_arrays(model, model.plan_of(bool(training)), rows.xs, training, model.pack_outputs)


def adds_losses(model: Any) -> bool:
    """Whether its calls on arrays give something to `add_loss`."""
    return model.known_plan is not None and bool(model.known_plan.adding)


def _on_arrays(model: Any, plan: Any, arrays: Any, training: bool | None, pack: Any) -> Any:
    model.lend(model.draws)
    outputs = plan.run([model.backend.asarray(a, model.dtype) for a in arrays], training).outputs
    model.added = [(model.backend, layer.last) for layer in plan.adding]
    found = pack([model.backend.to_numpy(y) for y in outputs])
    model.draws.advance(model.backend)
    model.lend()
    return dressed(found)


def inputs_of_graph(model: Any, x: Any, others: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Several inputs that a graph gets one by one. Raises TypeError for options, which it has none of, ValueError for too many inputs."""
    if options:
        raise TypeError(f"Model {model.name!r}: expected inputs, training and mask. Received: {', '.join(sorted(options))}.")
    if others and len(model.inputs or [None]) != 1 + len(others):
        raise ValueError(
            f"Model {model.name!r} expects {len(model.inputs or [None])} input(s), but it received {1 + len(others)} input tensors."
        )
    return [x, *others] if others else x


def with_more(model: Any, x: Any, others: tuple[Any, ...], training: bool | None, mask: Any, options: dict[str, Any]) -> Any:
    """What the `call` of a class of the user's gives for further arguments: arrays, tensors, or plain values. It is traced once for each
    form of them, the last of which are kept. Raises TypeError where the model has to be built, and what its `call` needs are not arrays
    alone."""
    x = x if any(map(is_array, flat(x))) else np.asarray(x)  # rows in a list
    if not model.built:
        _build(model, x, others, options)
    if current() is not None and not symbolic([x, *others]) and not records(x, *others):
        x, *rest = in_graph([x, *others], model.dtype)
        others = tuple(rest)
    if records(x, *others):
        return call_layer(model, (x, *others), bool(training), mask, options)
    if symbolic([x, *others]):
        return traced_call(model, (x, *others), training, options if mask is None else {**options, "mask": mask})
    arrays = [np.asarray(v) for v in flat([[x, *others], options]) if is_array(v)]
    rows = len(arrays[0])
    shapes = [(None, *a.shape[1:]) if a.ndim and len(a) == rows else a.shape for a in arrays]
    out, plan = plan_of_form(model, model._plans.setdefault("more", {}), (x, *others), options, training, shapes)
    return _on_arrays(model, plan, arrays, bool(training), lambda outputs: packed(out, outputs))


def _build(model: Any, x: Any, others: tuple[Any, ...], options: dict[str, Any]) -> None:
    """For what its `call` needs: the first argument, and those that have no defaults."""
    if len(needed := needs(model)) > 1:
        bound = inspect.signature(model.call).bind_partial(x, *others, **options).arguments
        given = [bound.get(name, "nothing") for name in needed]
        if odd := [f"{value} for {name}" for name, value in zip(needed, given, strict=True) if not is_array(value)]:
            raise TypeError(
                f"Model {model.name!r}: its call needs {', '.join(needed)}. Expected arrays for these, and defaults for what is none. "
                f"Received: {', '.join(odd)}."
            )
        model.ensure_built([(None, *np.shape(value)[1:]) for value in given])
        return
    several = isinstance(x, (list, tuple))
    model.ensure_built([(None, *np.shape(v)[1:]) for v in x] if several else (None, *np.shape(x)[1:]))
