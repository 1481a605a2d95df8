"""clone_model: the same architecture with layers and weights of its own."""

from collections.abc import Callable
from typing import Any

from gpunn.layers.graph import KerasTensor, flat, packed
from gpunn.layers.input import InputLayer
from gpunn.models.functional import Functional
from gpunn.models.sequential import Sequential
from gpunn.models.topology import replay


def clone_model(
    model: Any, input_tensors: Any = None, clone_function: Callable[[Any], Any] | None = None, recursive: bool = False
) -> Any:
    """A new `Sequential` or functional model whose layers are made anew by `clone_function(layer)`, by default from their configurations:
    with weights of their own, drawn afresh.

    `input_tensors`: symbolic tensors in place of new inputs; `recursive`: whether `clone_function` is called for the layers of models
    within, which are cloned, too. Raises ValueError for a class of the user's, other numbers of inputs, and what is not symbolic.
    """
    if not isinstance(model, (Sequential, Functional)):
        raise ValueError(f"clone_model takes a Sequential or functional model. Received: {model!r} (of type {type(model).__name__}).")
    make = clone_function or (lambda layer: type(layer).from_config(layer.get_config()))
    own = clone_function if recursive else None

    def cloned(layer: Any) -> Any:
        return clone_model(layer, None, own, recursive) if isinstance(layer, (Sequential, Functional)) else make(layer)

    given = None if input_tensors is None else flat(input_tensors)
    if given is not None and (len(given) != max(1, len(model.inputs)) or not all(isinstance(t, KerasTensor) for t in given)):
        raise ValueError(f"clone_model: expected {max(1, len(model.inputs))} symbolic input_tensors. Received: {input_tensors!r}.")
    if isinstance(model, Sequential):
        return _sequential(model, given, cloned)
    inputs, nodes, outputs = model.graph(False)
    layers = {layer: cloned(layer) for layer in model.layers if not isinstance(layer, InputLayer)}
    fresh = given or [InputLayer.from_config(t.node.layer.get_config()).output for t in inputs]  # type: ignore[attr-defined]
    known = dict(zip(inputs, fresh, strict=True))
    made = replay(nodes, dict(known), outputs, layers)
    return Functional(packed(model.input, fresh), packed(model.output, made), name=model.name)


def _sequential(model: Sequential, given: list[KerasTensor] | None, cloned: Callable[[Any], Any]) -> Any:
    layers = [layer for layer in model.layers if given is None or not isinstance(layer, InputLayer)]
    out = Sequential([*(given or []), *(cloned(layer) for layer in layers)], name=model.name)
    if model.built and not out.built:
        out.build(model.input_shape)
    return out
