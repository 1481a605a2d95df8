"""Inputs that a call of a layer gets by their names: ``layer(inputs=x)``, ``attention(query=x, key=y)``."""

import inspect
from typing import Any

import numpy as np

NAMES = ("inputs", "sequences", "images", "x")  # of built-in layers


def _own(layer: Any) -> list[str]:
    """The arguments of the `call` of a class of the user's."""
    return [] if type(layer).__module__.partition(".")[0] == "gpunn" or not layer.traced else list(inspect.signature(layer.call).parameters)


def named_input(layer: Any, options: dict[str, Any]) -> Any:
    """Take the first one out of a call's options. Raises TypeError where it is not there."""
    for name in (*_own(layer)[:1], *NAMES):
        if name in options:
            return options.pop(name)
    raise TypeError(f"Layer {layer.name!r}: expected an input. Received: {', '.join(options) or 'nothing'}.")


def named_inputs(layer: Any, x: Any, others: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, tuple[Any, ...]]:
    """(the first one, the others): those arrays among a call's options that stand next in the `call` of a class of the user's are taken
    out of them."""
    x = named_input(layer, options) if x is None else x
    for name in _own(layer)[1 + len(others) :]:
        if not isinstance(options.get(name), np.ndarray):
            break
        others = (*others, options.pop(name))
    return x, others
