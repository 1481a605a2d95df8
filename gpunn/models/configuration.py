"""Layers and models from their configurations, and calls of a graph in Keras 3's form."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from gpunn import lookup
from gpunn.layers import NAMES, InputLayer
from gpunn.layers.graph import KerasTensor, Node

Places = dict[Any, list[Node]]  # of each layer the calls that belong to a model, in their order
SHARED = "shared_object_id"  # Keras's: entries of the same number are one layer
_numbers: ContextVar[dict[int, int] | None] = ContextVar("the numbers of layers that several models hold, by id", default=None)
_objects: ContextVar[dict[Any, Any] | None] = ContextVar("layers made so far, by number", default=None)


@contextmanager
def sharing(model: Any = None) -> Iterator[None]:
    """Within the ``with`` block configurations say which layers are one that several models hold: those of `model`, to be written, or
    those of configurations that are read."""
    seen: dict[int, int] = {}
    for one in [] if model is None else [model, *model.inner_models]:
        for layer in one.layers:
            seen[id(layer)] = seen.get(id(layer), 0) + 1
    shared = [key for key, count in seen.items() if count > 1]
    tokens = _numbers.set({key: number for number, key in enumerate(shared, 1)}), _objects.set({})
    try:
        yield
    finally:
        _numbers.reset(tokens[0])
        _objects.reset(tokens[1])


def described(layer: Any) -> dict[str, Any]:
    number = (_numbers.get() or {}).get(id(layer))
    return {"class_name": type(layer).__name__, "config": layer.get_config()} | ({} if number is None else {SHARED: number})


class Layers(dict[str, Any]):
    """The layers of a model that is made, by name. ``starts``: calls that a layer had before, in another model."""

    def __init__(self, entries: list[Any], own: dict[str, Any] | None):
        super().__init__({entry["name"]: made(entry, own) for entry in entries})
        self.starts = {name: 0 if isinstance(layer, InputLayer) else len(layer.inbound_nodes) for name, layer in self.items()}


def made(entry: Any, own: dict[str, Any] | None) -> Any:
    """A layer or a model from its description. Raises ValueError for an unknown class, saying how to pass it."""
    from gpunn.models.functional import Functional
    from gpunn.models.sequential import Sequential

    if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str) or not isinstance(entry.get("config"), dict):
        raise ValueError(f"Expected the description of a layer, with class_name and config. Received: {str(entry)[:80]}.")
    objects, number = _objects.get(), entry.get(SHARED)
    if objects is not None and number is not None:
        if number not in objects:
            objects[number] = made({k: v for k, v in entry.items() if k != SHARED}, own)
        return objects[number]
    models = {"Sequential": Sequential, "Functional": Functional, "Model": Functional}
    name, table = entry["class_name"], NAMES | models | (own or {})
    if name not in table:
        raise ValueError(
            f"Unknown layer class {name!r}. Pass custom_objects={{{name!r}: the_class}}. Known: {', '.join(sorted(table))}."
        )
    with lookup.custom_objects(own):
        kind = table[name]
        if isinstance(kind, type) and issubclass(kind, (Sequential, Functional)):
            return kind.from_config(dict(entry["config"]), own)
        return kind.from_config(dict(entry["config"]))


def is_functional(layer: Any) -> bool:
    from gpunn.models.functional import Functional

    return isinstance(layer, Functional)


# ---------------------------------------------------------------------- to a configuration
def call_config(node: Node, places: Places) -> dict[str, Any]:
    """One entry of ``inbound_nodes``."""
    options = {name: _with_tensors(value, places) for name, value in node.options.items()}
    if node.training is not None:
        options["training"] = node.training
    return {"args": [_with_tensors(a, places) for a in node.arguments], "kwargs": options}


def _with_tensors(value: Any, places: Places) -> Any:
    if isinstance(value, KerasTensor):
        history = [value.node.layer.name, places[value.node.layer].index(value.node), value.index]
        config = {"shape": list(value.shape), "dtype": value.dtype, "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(value, dict):
        return {name: _with_tensors(v, places) for name, v in value.items()}
    return [_with_tensors(v, places) for v in value] if isinstance(value, (list, tuple)) else value


def tensor_place(tensor: KerasTensor, places: Places) -> list[Any]:
    """An entry of ``input_layers`` or ``output_layers``: [layer, call, output]. Keras counts the calls of a Functional from 1 there."""
    layer = tensor.node.layer
    return [layer.name, places[layer].index(tensor.node) + is_functional(layer), tensor.index]


# ---------------------------------------------------------------------- from a configuration
class Missing(Exception):
    """A call whose inputs are not there yet."""


def call(layer: Any, data: Any, layers: Layers) -> None:
    """Repeat a call. Raises Missing where an input is not there yet, ValueError for a layer that is nowhere."""
    if isinstance(data, list):  # Keras 2's form, which .h5 files keep: [[layer, call, output, options], ...]
        inputs = [_output(layers, *entry[:3]) for entry in data]
        options = dict(data[0][3]) if data and len(data[0]) > 3 and data[0][3] else {}
        arguments: list[Any] = [inputs[0] if len(inputs) == 1 else inputs]
    else:
        arguments = [_of_tensors(a, layers) for a in data["args"]]
        options = {name: _of_tensors(value, layers) for name, value in data.get("kwargs", {}).items()}
    if options.get("mask", 0) is None:  # Keras writes it for recurrent layers
        del options["mask"]
    layer(*arguments, **options)


def _of_tensors(value: Any, layers: Layers) -> Any:
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return _output(layers, *value["config"]["keras_history"])
        return {name: _of_tensors(v, layers) for name, v in value.items()}
    return [_of_tensors(v, layers) for v in value] if isinstance(value, list) else value


def _output(layers: Layers, name: str, number: int, index: int) -> KerasTensor:
    if name not in layers:
        raise ValueError(f"Invalid configuration of a functional model: there is no layer {name!r}. Received: {', '.join(layers)}.")
    nodes = layers[name].inbound_nodes[layers.starts[name] :]
    if number >= len(nodes):
        raise Missing(name)
    return nodes[number].outputs[index]


def outputs_at(entry: Any, layers: Layers) -> Any:
    """Tensors from ``input_layers`` or ``output_layers``: one [layer, call, output], a list or a dict of them."""
    if isinstance(entry, dict):
        return {name: outputs_at(e, layers) for name, e in entry.items()}
    if len(entry) == 3 and isinstance(entry[0], str):
        name, number, index = entry
        try:
            return _output(layers, name, number - is_functional(layers.get(name)), index)
        except Missing:
            raise ValueError(f"Invalid configuration of a functional model: layer {name!r} has no call {number}.") from None
    return [outputs_at(e, layers) for e in entry]
