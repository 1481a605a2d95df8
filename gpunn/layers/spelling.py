"""Old names of constructor arguments, as course material for Keras 1 and 2 spells them."""

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any


def old_names(**names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator for ``__init__``: ``@old_names(output_dim="units")`` takes ``output_dim=`` for ``units=``, with a DeprecationWarning.

    The call raises TypeError when both are given.
    """

    def wrap(init: Callable[..., None]) -> Callable[..., None]:
        positions = list(inspect.signature(init).parameters)[1:]

        @functools.wraps(init)
        def accepting(self: Any, *arguments: Any, **options: Any) -> None:
            for old in [n for n in options if n in names]:
                name = names[old]
                if name in options or name in positions[: len(arguments)]:
                    raise TypeError(f"{type(self).__name__} got {name} and {old}, its old spelling. Expected one of them.")
                warnings.warn(f"{old} is an old spelling of {name}.", DeprecationWarning, stacklevel=2)
                options[name] = options.pop(old)
            init(self, *arguments, **options)

        return accepting

    return wrap
