"""``keras.backend``: what of it makes sense without symbolic tensors."""

from typing import Any

import numpy as np

from gpunn.layers.base import reset_names

__all__ = ["backend", "clear_session", "epsilon", "get_value", "image_data_format"]


def backend() -> str:
    """The name of what computes."""
    return "gpunn"


def clear_session(free_memory: bool = True) -> None:
    """Count layer names from the start again. There is no global graph to clear."""
    reset_names()


def epsilon() -> float:
    """The small number that Keras's formulas add or clip at."""
    return 1e-7


def image_data_format() -> str:
    """Where an image's channels are."""
    return "channels_last"


def get_value(x: Any) -> np.ndarray:
    """A parameter, or a number such as ``optimizer.learning_rate``, as a NumPy array."""
    return np.asarray(x)
