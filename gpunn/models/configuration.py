"""Layers and models from their configurations, and calls of a graph in Keras 3's form."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from gpunn import lookup
from gpunn.layers import NAMES
from gpunn.layers.graph import KerasTensor, Node
from gpunn.layers.input import InputLayer
from gpunn.models.operations import KerasOperation
from gpunn.ops.configuration import unplain
from gpunn.ops.operation import Operation

Places = dict[Any, list[Node]]  # of each layer the calls that belong to a model, in their order


_sharing: ContextVar[dict[Any, Any] | None] = ContextVar("layers written or made so far, for those that are there twice", default=None)


@contextmanager
def sharing() -> Iterator[None]:
    """A layer that models within share is one thing in their configurations, by ``shared_object_id``, as in Keras's."""
    if _sharing.get() is not None:  # within another model
        yield
        return
    token = _sharing.set({})
    try:
        yield
    finally:
        _sharing.reset(token)


def described(layer: Any) -> dict[str, Any]:
    seen = _sharing.get()
    if seen is not None and layer in seen:
        entry, number = seen[layer]
        entry["shared_object_id"] = number
        return dict(entry)
    entry = {"class_name": lookup.key_of(type(layer)), "config": layer.get_config()}
    if seen is not None:
        seen[layer] = (entry, len(seen))
    return entry


def made(entry: Any, own: dict[str, Any] | None) -> Any:
    """A layer or a model from its description. Raises ValueError for an unknown class, saying how to pass it."""
    if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str) or not isinstance(entry.get("config"), dict):
        raise ValueError(f"Expected the description of a layer, with class_name and config. Received: {str(entry)[:80]}.")
    made_already, shared = _sharing.get(), entry.get("shared_object_id")
    if shared is not None and made_already is not None and shared in made_already:
        return made_already[shared]
    layer = _made(entry, own)
    if shared is not None and made_already is not None:
        made_already[shared] = layer
    return layer


def _made(entry: dict[str, Any], own: dict[str, Any] | None) -> Any:
    from gpunn.models.functional import Functional
    from gpunn.models.sequential import Sequential

    models = {"Sequential": Sequential, "Functional": Functional, "Model": Functional}
    operations = {kind.__name__: kind for kind in (Operation, KerasOperation)}
    name, table = entry["class_name"], lookup.table(NAMES | models | operations, own)
    name = name if name in table else name.rpartition(">")[2]
    if name not in table:
        raise ValueError(
            f"Unknown layer class {name!r}. Pass custom_objects={{{name!r}: the_class}}. "
            f"Known: {', '.join(sorted(table.keys() - operations.keys()))}."
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


class Layers(dict):
    """The layers of a model that is being made, by name. ``calls``: how many each had been through before, in models within."""

    def __init__(self, layers: dict[str, Any]):
        super().__init__(layers)
        self.calls = {name: 0 if isinstance(v, InputLayer) else len(v.inbound_nodes) for name, v in layers.items()}


def call(layer: Any, data: Any, layers: Layers) -> None:
    """Repeat a call. Raises Missing where an input is not there yet, ValueError for a layer that is nowhere."""
    if isinstance(data, list):  # Keras 2's form, which .h5 files keep: [[layer, call, output, options], ...]
        inputs = [_output(layers, *entry[:3]) for entry in data]
        options = dict(data[0][3]) if data and len(data[0]) > 3 and data[0][3] else {}
        arguments: list[Any] = [inputs[0] if len(inputs) == 1 else inputs]
    else:
        arguments = [_of_tensors(a, layers) for a in data["args"]]
        options = {name: _of_tensors(value, layers) for name, value in data.get("kwargs", {}).items() if name != "mask"}
    layer(*arguments, **options)


def _of_tensors(value: Any, layers: Layers) -> Any:
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return _output(layers, *value["config"]["keras_history"])
        if str(value.get("class_name")).startswith("__"):
            return unplain(value)
        return {name: _of_tensors(v, layers) for name, v in value.items()}
    return [_of_tensors(v, layers) for v in value] if isinstance(value, list) else value


def _output(layers: Layers, name: str, number: int, index: int) -> KerasTensor:
    if name not in layers:
        raise ValueError(f"Invalid configuration of a functional model: there is no layer {name!r}. Received: {', '.join(layers)}.")
    nodes = layers[name].inbound_nodes[layers.calls[name] :]
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
