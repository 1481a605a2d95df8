"""A model compiled without a loss, and given targets as they come, or none: its own train_step works the loss out, or its layers add it."""

from typing import Any

import numpy as np

from gpunn.backend.foreign import as_array
from gpunn.losses import Loss, targets
from gpunn.ops.moves import filled


class Unsaid(Loss):
    """In the place of a loss that compile was not given: targets pass, integers as int32. Its values are zeros, where `added` says that
    layers or weights add to the loss; else it raises ValueError when asked for them."""

    function_name = "unsaid"
    added = False

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        y = targets.finite(as_array(y), "Targets")
        return y.astype(np.int32 if y.dtype.kind in "iub" else dtype)

    def value_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape[:1]

    def record(self, ops: Any, y: Any, p: Any, weight: Any, scale: float) -> tuple[Any, Any]:
        if not self.added:
            raise ValueError(
                "No loss to compute: the model was compiled without a loss. Expected compile(loss=...), layers that call add_loss, "
                "or a train_step and test_step of its own."
            )
        return filled(ops, p.shape[:1], 0.0, p.dtype), filled(ops, p.shape, 0.0, p.dtype)


def added_to(setup: Any, model: Any) -> None:
    """Tell the `Unsaid` losses of a model that is arranged whether anything is added to them."""
    added = any(getattr(stage.layer, "penalises", False) for stage in setup.stages)
    added = added or any(p.regularizer is not None for p in model.parameters)
    for head in setup.heads:
        if isinstance(head.loss, Unsaid):
            head.loss.added = added


def no_targets(rows: int) -> np.ndarray:
    """In the place of targets that are not there: a column of zeros, which no step is shown."""
    return np.zeros((rows, 1), np.float32)


def unsaid(setup: Any) -> bool:
    """Whether compile was given no loss."""
    return setup is not None and isinstance(setup.given.loss, Unsaid)
