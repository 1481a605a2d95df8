"""Circle loss: embeddings of one label near each other, of others apart."""

from typing import Any

import numpy as np

from gpunn.backend.foreign import as_array
from gpunn.kernels import pairwise, weighing
from gpunn.losses import targets
from gpunn.losses.base import BuiltIn


class Circle(BuiltIn):
    """Circle loss of the pairs of a batch (Sun et al. 2020) in Keras's form: rows of y_pred are embeddings of length one, y_true labels.

    For row i, with d the cosine distance of a pair: log(1 + sum_positive exp(gamma (d + margin)(d - margin))
    sum_negative exp(gamma max(1 + margin - d, 0)(1 - margin - d))). Rows without a positive have no loss, and do not count in the mean.
    """

    sparse = True
    function_name = "circle"

    def __init__(
        self, gamma: float = 80.0, margin: float = 0.4, remove_diagonal: bool = True, reduction: str | None = "sum_over_batch_size",
        name: str | None = None, dtype: Any = None,
    ):
        super().__init__(reduction, name, dtype)
        if reduction == "mean_with_sample_weight":
            raise ValueError(f"Loss {self.name}: rows without a pair have no weight. Received: reduction={reduction!r}.")
        self.gamma, self.margin, self.remove_diagonal = float(gamma), float(margin), bool(remove_diagonal)

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        y = as_array(y)
        y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
        if y.ndim != 1 or len(output_shape) != 2:
            raise ValueError(
                f"Loss {self.name}: expected one integer label a row and an output of two axes. Received: targets of shape {y.shape} for "
                f"an output of shape {output_shape}."
            )
        return targets.integers(y, f"Loss {self.name}").astype(np.int32)

    def record(self, ops: Any, y: Any, p: Any, weight: Any, scale: float) -> tuple[Any, Any]:
        likeness = ops.gram(p)
        values, slope = ops.empty((p.shape[0],), p.dtype), ops.empty(likeness.shape, p.dtype)
        ops.launch(pairwise.CIRCLE, likeness, y, self.gamma, self.margin, int(self.remove_diagonal), values, slope)
        share = int(self.reduction in ("sum_over_batch_size", "mean"))
        keep, counted, means = (ops.empty(values.shape, p.dtype) for _ in range(3))
        ops.launch(pairwise.is_positive, values, keep)
        ops.launch(weighing.WEIGH, weight, keep, share, 0, counted)
        ops.launch(weighing.WEIGH, values, keep, share, 0, means)
        ops.launch(weighing.times_rows, slope, counted, scale, slope)
        gradient = ops.matmul(slope, p)
        ops.matmul(slope, p, gradient, ta=True, add=True)
        return means, gradient

    def get_config(self) -> dict[str, Any]:
        own = {"gamma": self.gamma, "margin": self.margin, "remove_diagonal": self.remove_diagonal}
        return own | super().get_config()
