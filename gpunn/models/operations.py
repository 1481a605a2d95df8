"""Operations that Keras wrote into a model's configuration: the functions of `gpunn.ops` of these names, called again."""

import inspect
from types import SimpleNamespace
from typing import Any

from gpunn import lookup, ops
from gpunn.layers.graph import KerasTensor, flat
from gpunn.ops.configuration import unplain

_NAMES = {"get_item": "getitem"}
_ORDER = {"einsum": "subscripts"}  # what stands before the operands


class KerasOperation:
    """Stands for the layers that a function of `gpunn.ops` makes when it is called; ``inbound_nodes`` hold what it gave.

    Raises ValueError for an operation that `gpunn.ops` does not have, and for arguments it does not take.
    """

    def __init__(self, name: str | None, operation: str, options: dict[str, Any]):
        self.name, self.operation = name, operation
        self.inbound_nodes: list[Any] = []
        found = lookup.snake(operation)
        found = _NAMES.get(found, found)
        if found not in ops.__all__:
            raise ValueError(f"Operation {operation} ({name!r}) of the configuration is none of gpunn.ops.")
        self.function = getattr(ops, found)
        self._before = [options.pop(_ORDER[found])] if found in _ORDER else []
        taken = inspect.signature(self.function).parameters
        self.options = {key: unplain(value) for key, value in options.items() if key in taken or value not in (None, False, 0)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "KerasOperation":
        return cls(**config)

    def __call__(self, *operands: Any, **options: Any) -> Any:
        given: list[Any] = [*self._before, *operands]
        if self.operation == "GetItem" and isinstance(given[1], list):
            given[1] = tuple(given[1])
        try:
            made = self.function(*given, **self.options, **options)
        except TypeError as error:
            raise ValueError(f"Operation {self.operation} ({self.name!r}) of the configuration: {error}.") from error
        outputs = flat(made)
        if self.name is not None and not self.inbound_nodes:
            self._name(outputs, {v for v in flat([list(operands), options]) if isinstance(v, KerasTensor)})
        self.inbound_nodes.append(SimpleNamespace(outputs=outputs))
        return made

    def _name(self, outputs: list[Any], known: set[Any]) -> None:
        """What was made bears the operation's name: the last layer alone, those before it with their own behind."""
        waiting = [t for t in outputs if t not in known]
        for tensor in waiting:
            layer = tensor.node.layer
            last = tensor is outputs[0] and len(outputs) == 1
            layer.name = self.name if last else f"{self.name}/{layer.name}"
            waiting += [t for t in tensor.node.inputs if t not in known and t not in waiting]


def reached(config: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of a functional model's layers, without operations that no output needs: Keras writes some where a mask comes from, which
    layers here make themselves."""
    entries = {entry["name"]: entry for entry in config["layers"] if isinstance(entry, dict) and "name" in entry}
    if not any(entry.get("class_name") == KerasOperation.__name__ for entry in entries.values()):
        return config["layers"]
    needed: set[str] = set()
    waiting = [name for name, e in entries.items() if e.get("class_name") != KerasOperation.__name__] + _names(config["output_layers"])
    while waiting:
        name = waiting.pop()
        if name in entries and name not in needed:
            needed.add(name)
            waiting += _sources(entries[name].get("inbound_nodes"))
    return [entry for entry in config["layers"] if entry["name"] in needed]


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [name for part in parts for name in _names(part)]


def _sources(value: Any) -> list[str]:
    """The names of the layers whose tensors stand in a call, but for masks."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return [value["config"]["keras_history"][0]]
        return [name for key, part in value.items() if key != "mask" for name in _sources(part)]
    return [name for part in value for name in _sources(part)] if isinstance(value, list) else []
