"""clone_model: the same architecture with layers and weights of its own."""

from collections.abc import Callable
from typing import Any

from gpunn.layers.graph import KerasTensor, flat, packed
from gpunn.layers.input import InputLayer
from gpunn.metrics import Metric
from gpunn.models.functional import Functional
from gpunn.models.sequential import Sequential
from gpunn.models.topology import replay
from gpunn.optimizers.rate import FromFunction
from gpunn.training.without_loss import Unsaid
from gpunn.tree import map_structure


def clone_model(
    model: Any, input_tensors: Any = None, clone_function: Callable[[Any], Any] | None = None, recursive: bool = False
) -> Any:
    """A new `Sequential` or functional model whose layers are made anew by `clone_function(layer)`, by default from their configurations:
    with weights of their own, drawn afresh.

    `input_tensors`: symbolic tensors in place of new inputs; `recursive`: whether `clone_function` is called for the layers of models
    within, which are cloned, too. A model that is compiled gives one that is compiled alike, with an optimizer and metrics of its own; not
    so where a function gives the learning rate. Raises ValueError for a class of the user's, other numbers of inputs, and what is not
    symbolic.
    """
    given = None if input_tensors is None else flat(input_tensors)
    wanted = max(1, len(getattr(model, "inputs", ())))
    if given is not None and (len(given) != wanted or not all(isinstance(t, KerasTensor) for t in given)):
        raise ValueError(f"clone_model: expected {wanted} symbolic input_tensors. Received: {input_tensors!r}.")
    out = _clone(model, given, clone_function or _again, clone_function if recursive else None, {})
    _compile_alike(model, out)
    return out


def _compile_alike(model: Any, other: Any) -> None:
    if not model.compiled:
        return
    given, optimizer = model._setup.given, model.optimizer
    if isinstance(optimizer.schedule, FromFunction):  # which has no configuration
        return

    def own(asked: Any) -> Any:
        return map_structure(lambda m: _again(m) if isinstance(m, Metric) else m, asked)

    loss = None if isinstance(given.loss, Unsaid) else given.loss
    options = own(given.metrics), own(given.weighted_metrics), given.loss_weights
    other.compile(_again(optimizer), loss, *options, run_eagerly=model.run_eagerly)
    other.optimizer.exclusion = optimizer.exclusion


def _again(layer: Any) -> Any:
    return type(layer).from_config(layer.get_config())


def _clone(model: Any, given: list[KerasTensor] | None, make: Any, within: Any, seen: dict[Any, Any]) -> Any:
    """`make` makes the layers, `within` those of models within (None: as their configurations say); `seen`: what was made of which."""
    if not isinstance(model, (Sequential, Functional)):
        raise ValueError(f"clone_model takes a Sequential or functional model. Received: {model!r} (of type {type(model).__name__}).")

    def cloned(layer: Any) -> Any:
        if layer not in seen:
            inner = isinstance(layer, (Sequential, Functional))
            seen[layer] = _clone(layer, None, within or _again, within, seen) if inner else make(layer)
        return seen[layer]

    if isinstance(model, Sequential):
        layers = [layer for layer in model._stack if given is None or not isinstance(layer, InputLayer)]
        out = Sequential([*(given or []), *(cloned(layer) for layer in layers)], name=model.name)
        if model.built and not out.built:
            out.build(model.input_shape)
        return out
    inputs, nodes, outputs = model.graph(False)
    made = {layer: cloned(layer) for layer in model.layers if not isinstance(layer, InputLayer)}
    fresh = given or [_again(t.node.layer).output for t in inputs]
    ends = replay(nodes, dict(zip(inputs, fresh, strict=True)), outputs, made)
    return Functional(packed(model.input, fresh), packed(model.output, ends), name=model.name)
