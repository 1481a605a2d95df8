"""``keras.losses.get``."""

from typing import Any

from gpunn import losses


def get(identifier: Any) -> Any:
    """`gpunn.losses.get`; but the name of a function gives the function, whose values are those of rows, as in Keras."""
    named = getattr(losses, identifier, None) if isinstance(identifier, str) else None
    return named if hasattr(named, "loss_class") else losses.get(identifier)
