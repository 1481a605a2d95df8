"""``tf.Module``: an object that knows the variables it keeps."""

from collections.abc import Iterator
from typing import Any

from gpunn.layers.base import Layer
from gpunn.layers.parameter import Parameter
from gpunn.lookup import snake


class Module:
    """Variables, layers and modules that it keeps as attributes, or in lists and dicts of them, are found by ``variables`` and its kin, by
    the names of the attributes. A class derived from it is called as it likes."""

    def __init__(self, name: str | None = None):
        self._name = name or snake(type(self).__name__)

    @property
    def name(self) -> str:
        return vars(self).get("_name", snake(type(self).__name__))

    @property
    def variables(self) -> tuple[Parameter, ...]:
        """All variables and weights, each once."""
        found: dict[int, Parameter] = {}
        for value in _kept(self, set()):
            for one in [value] if isinstance(value, Parameter) else value.weights if isinstance(value, Layer) else ():
                found[id(one)] = one
        return tuple(found.values())

    @property
    def trainable_variables(self) -> tuple[Parameter, ...]:
        return tuple(one for one in self.variables if one.learns)

    @property
    def non_trainable_variables(self) -> tuple[Parameter, ...]:
        return tuple(one for one in self.variables if not one.learns)

    @property
    def submodules(self) -> tuple[Any, ...]:
        """The modules and layers within, at any depth."""
        return tuple(value for value in _kept(self, set()) if not isinstance(value, Parameter))


def _kept(value: Any, seen: set[int]) -> Iterator[Any]:
    """What an object holds, each once: variables, layers and modules, and what is in these."""
    if isinstance(value, (list, tuple)):
        parts = list(value)
    elif isinstance(value, dict):
        parts = [value[key] for key in sorted(value, key=str)]
    else:
        parts = [part for _, part in sorted(vars(value).items())]
    for part in parts:
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, (Parameter, Layer, Module)):
            yield part
        if isinstance(part, (list, tuple, dict, Module)):
            yield from _kept(part, seen)
