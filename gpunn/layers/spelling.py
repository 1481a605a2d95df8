"""Old names of arguments, as course material for Keras 1 and 2 spells them."""

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any


def old_names(**names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: ``@old_names(output_dim="units")`` takes ``output_dim=`` for ``units=``, with a DeprecationWarning.

    The call raises TypeError when both are given.
    """

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        positions = list(inspect.signature(function).parameters)

        @functools.wraps(function)
        def accepting(*arguments: Any, **options: Any) -> Any:
            for old in [n for n in options if n in names]:
                name = names[old]
                if name in options or name in positions[: len(arguments)]:
                    where = type(arguments[0]).__name__ if function.__name__ == "__init__" else function.__name__
                    raise TypeError(f"{where} got {name} and {old}, its old spelling. Expected one of them.")
                warnings.warn(f"{old} is an old spelling of {name}.", DeprecationWarning, stacklevel=2)
                options[name] = options.pop(old)
            return function(*arguments, **options)

        return accepting

    return wrap
