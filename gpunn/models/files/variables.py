"""Where each weight of a model stands in Keras's files: groups named after layer classes and attributes, and numbers within a group."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from gpunn.layers.base import Layer, Parameter
from gpunn.layers.containing import layers_in
from gpunn.layers.spectral import SpectralNormalization
from gpunn.lookup import snake
from gpunn.models.own_weights import OwnWeights

_CELLS = ("LSTM", "GRU", "SimpleRNN")  # whose weights are those of their cell
_DENSE = ("query_dense", "key_dense", "value_dense", "output_dense")
ATTENTIONS = {"MultiHeadAttention": _DENSE, "GroupQueryAttention": tuple(f"_{name}" for name in _DENSE)}  # and what holds their weights
_CHILDREN = ("layer", "backward_layer", "forward_layer", "cell")  # attributes that hold a layer, as Keras names them


class Group(NamedTuple):
    """``path``: from the root, "" for the root itself; ``name``: the layer's; ``parameters``: in Keras's order."""

    path: str
    name: str
    parameters: list[Parameter]


def groups(model: Any) -> Iterator[Group]:
    """All groups of a model's file, with weights or without, in the order Keras visits them; a layer shared by two occurs once."""
    seen: set[int] = set()
    yield Group("", model.name, _own(model))
    yield from _of_model(model, "", seen)


def _own(model: Any) -> list[Parameter]:
    """Weights of a class of the user's itself."""
    held = getattr(model, "_own_weights", None)
    return [] if held is None else held.parameters


def _of_model(model: Any, path: str, seen: set[int]) -> Iterator[Group]:
    names = () if model.is_graph else (n for n in vars(model) if not n.startswith("_"))  # a class of the user's: by its attributes
    for name in sorted({*names, "layers"}):  # "layers" has its turn among them
        value = model.layers if name == "layers" else getattr(model, name)
        if isinstance(value, Layer):
            yield from _of_layer(value, f"{path}{name}", seen)
        elif isinstance(value, (list, tuple, dict)):
            yield from numbered(value.values() if isinstance(value, dict) else value, f"{path}{name}", seen)


def numbered(layers: Any, path: str, seen: set[int]) -> Iterator[Group]:
    """Groups of several layers at a path, each by its class and which of that class it is; without those `seen`, by id."""
    used: dict[str, int] = {}
    for layer in layers:
        if isinstance(layer, Layer):
            kind = snake(layer.named_after or type(layer).__name__)
            number = used[kind] = used.get(kind, -1) + 1
            yield from _of_layer(layer, f"{path}/{kind}{f'_{number}' if number else ''}", seen)


def _of_layer(layer: Any, path: str, seen: set[int]) -> Iterator[Group]:
    if id(layer) in seen or isinstance(layer, OwnWeights):  # these are their model's
        return
    seen.add(id(layer))
    children = {name: child for name in _CHILDREN if isinstance(getattr(getattr(layer, name, None), "parameters", None), list)
                for child in [getattr(layer, name)]}
    cells = getattr(layer, "cells", None) if type(layer).__name__ == "StackedRNNCells" else None
    several = {}  # lists and dicts of layers
    for name, value in vars(layer).items() if getattr(layer, "traced", False) else ():
        if isinstance(value, Layer):
            children[name] = value
        elif layers_in(value):
            several[name] = layers_in(value)
    inner = {id(p) for child in (*children.values(), *(cells or ())) for p in child.parameters}
    own = _own(layer) if hasattr(layer, "is_graph") else [p for p in layer.parameters if id(p) not in inner]
    own = [*(p for p in own if p.trainable), *(p for p in own if not p.trainable)]
    if isinstance(layer, SpectralNormalization):  # which in Keras has the weight that it normalizes, too
        own = [layer.kernel, *own]
    if type(layer).__name__ in _CELLS:
        yield Group(path, layer.name, [])
        yield Group(f"{path}/cell", f"{layer.name}_cell", own)
    elif type(layer).__name__ in ATTENTIONS:
        yield Group(path, layer.name, [])
        for name, parts in zip(ATTENTIONS[type(layer).__name__], layer._parts, strict=True):
            yield Group(f"{path}/{name}", f"{layer.name}/{name}", [p for p in parts if p is not None])
    else:
        yield Group(path, layer.name, own)
    for name, child in children.items():
        yield from _of_layer(child, f"{path}/{name}", seen)
    for name, layers in [*several.items(), *([("cells", cells)] if cells else [])]:
        yield from numbered(layers, f"{path}/{name}", seen)
    if hasattr(layer, "is_graph"):  # a model
        yield from _of_model(layer, f"{path}/", seen)


def in_legacy_order(layer: Any) -> list[Parameter]:
    """A layer's weights as the .h5 format orders them: those that learn first."""
    fixed = layer.non_trainable_weights
    if isinstance(layer, SpectralNormalization):
        fixed = sorted(fixed, key=lambda p: (p is not layer.kernel, p is not layer.vector_u))
    return [*layer.trainable_weights, *fixed]
