"""A layer's activation as an attribute that may be set again."""

from typing import Any

from gpunn import activations


class Chosen:
    """What is set is found as the constructor's argument is: a name, an activation, a function; None is no activation, `linear`.

    Raises ValueError for an unknown name.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        if layer is None:
            return self
        try:
            return vars(layer)[self._name]
        except KeyError:
            raise AttributeError(f"{type(layer).__name__!r} object has no attribute {self._name!r}") from None

    def __set__(self, layer: Any, value: Any) -> None:
        vars(layer)[self._name] = activations.get(value)
