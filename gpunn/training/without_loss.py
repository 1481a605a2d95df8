"""A model whose own train_step works out its loss: compiled with none, and given targets as they come, or none."""

from typing import Any

import numpy as np

from gpunn.backend.foreign import as_array
from gpunn.losses import Loss, targets


class Unsaid(Loss):
    """In the place of a loss that compile was not given: targets pass, integers as int32. Raises ValueError when asked for values."""

    function_name = "unsaid"

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        y = targets.finite(as_array(y), "Targets")
        return y.astype(np.int32 if y.dtype.kind in "iub" else dtype)

    def record(self, ops: Any, y: Any, p: Any, weight: Any, scale: float) -> tuple[Any, Any]:
        raise ValueError("The model was compiled without a loss. Expected compile(loss=...), or a train_step and test_step of its own.")


def no_targets(rows: int) -> np.ndarray:
    """In the place of targets that are not there: a column of zeros, which no step is shown."""
    return np.zeros((rows, 1), np.float32)


def unsaid(setup: Any) -> bool:
    """Whether compile was given no loss."""
    return setup is not None and isinstance(setup.given.loss, Unsaid)
