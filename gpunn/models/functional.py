"""Functional: a model between symbolic tensors, and its configuration in Keras 3's form."""

from typing import Any

from gpunn.layers.graph import mapped
from gpunn.layers.input import InputLayer
from gpunn.models import configuration
from gpunn.models.model import Model
from gpunn.models.operations import reached


class Functional(Model):
    """What ``Model(inputs=..., outputs=...)`` makes."""

    def get_config(self) -> dict[str, Any]:
        """As Keras 3 has it: layers with the calls that belong to this model, and where inputs and outputs come from."""
        _, nodes, _ = self.graph(False)
        own = {id(n) for n in nodes}
        places: configuration.Places = {
            layer: [n for n in layer.inbound_nodes if id(n) in own or isinstance(layer, InputLayer)] for layer in self.layers
        }
        with configuration.sharing():
            entries = [configuration.described(layer) for layer in self.layers]
        layers = []
        for layer, entry in zip(self.layers, entries, strict=True):
            calls = [configuration.call_config(n, places) for n in places[layer] if n.inputs]
            layers.append(entry | {"name": layer.name, "inbound_nodes": calls})
        ends = {
            "input_layers": mapped(lambda t: configuration.tensor_place(t, places), self._input),
            "output_layers": mapped(lambda t: configuration.tensor_place(t, places), self._output),
        }
        return {"name": self.name, "trainable": self.trainable, "layers": layers} | ends

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """A fresh model of this configuration; `custom_objects` holds classes and functions of the user's by name.

        Raises ValueError for an unknown layer class, and for calls that never get their inputs: a cycle, or a layer that is not connected.
        """
        entries = reached(config)
        with configuration.sharing():
            layers = configuration.Layers({entry["name"]: configuration.made(entry, custom_objects) for entry in entries})
        waiting = [(layers[entry["name"]], list(entry.get("inbound_nodes") or ())) for entry in entries]
        while waiting:
            rest = [(layer, _called(layer, calls, layers)) for layer, calls in waiting]
            left = [(layer, calls) for layer, calls in rest if calls]
            if sum(len(c) for _, c in left) == sum(len(c) for _, c in waiting) and left:
                raise ValueError(
                    "Invalid configuration of a functional model: its graph has a cycle, or layers that nothing leads to. "
                    f"Received: no inputs for {', '.join(repr(layer.name) for layer, _ in left)}."
                )
            waiting = left
        inputs, outputs = (configuration.outputs_at(config[end], layers) for end in ("input_layers", "output_layers"))
        trainable = config.get("trainable")
        model = cls(inputs=inputs, outputs=outputs, name=config.get("name"))
        if trainable is False:
            model.trainable = False
        return model


def _called(layer: Any, calls: list[Any], layers: configuration.Layers) -> list[Any]:
    """Repeat the calls whose inputs are there, in their order. -> those that are left."""
    for i, call in enumerate(calls):
        try:
            configuration.call(layer, call, layers)
        except configuration.Missing:
            return calls[i:]
    return []
