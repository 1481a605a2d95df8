"""Keras's scopes and ``remat``: what they mean where a step is recorded by gpunn."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself: its results are what they would be, and nothing is worked out twice to save memory."""
    return f


@contextlib.contextmanager
def RematScope(mode: str | None = "full", output_size_threshold: int = 1024, layer_names: Any = None) -> Iterator[None]:
    """A block that changes nothing, as `remat` does not. Raises ValueError for a mode that Keras does not have."""
    modes = ("full", "activations", "larger_than", "list_of_layers", None)
    if mode not in modes:
        raise ValueError(f"RematScope: expected a mode of: {', '.join(map(str, modes))}. Received: mode={mode!r}.")
    yield


def _refused(name: str, instead: str) -> Callable[..., Any]:
    def refuse(*arguments: Any, **options: Any) -> Any:
        raise NotImplementedError(f"gpunn has no keras.{name}: weights here hold their values. {instead}")

    refuse.__name__ = refuse.__qualname__ = name
    return refuse


StatelessScope = _refused("StatelessScope", "A step of one's own goes by a GradientTape and optimizer.apply.")
SymbolicScope = _refused("SymbolicScope", "Symbolic tensors are made by keras.Input, and layers are called on them without a scope.")
