"""ActivityRegularization: a penalty on what goes through."""

from typing import Any

from gpunn.layers.base import Layer, Pullback
from gpunn.layers.graph import WHOLE
from gpunn.regularizers import L1L2


class ActivityRegularization(Layer):
    """y = x, and l1 * sum |x| + l2 * sum x^2, divided by the number of rows, is added to the loss.

    Raises ValueError for factors that are not finite and at least 0.
    """

    recordable = True
    supports_masking = True
    kept_kinds = WHOLE

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **common: Any):
        super().__init__(activity_regularizer=L1L2(l1, l2), **common)
        self.l1, self.l2 = float(l1), float(l2)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        return x, lambda dy, need_dx=True: dy

    def config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in super().get_config().items() if k != "activity_regularizer"}
