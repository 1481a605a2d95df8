"""A step without its update."""

from typing import Any


class Resting:
    """Stands in place of an optimizer: updates nothing, counts nothing."""

    loss_scale_factor = None

    def __init__(self, optimizer: Any):
        self._optimizer = optimizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._optimizer, name)

    def record(self, ops: Any, parameters: Any, gradients: Any) -> None:
        """Leave the parameters alone."""

    def scale_loss(self, loss: Any) -> Any:
        return loss

    def portions(self, steps: int) -> Any:
        yield steps
