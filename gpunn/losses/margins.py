"""Losses of margins. Targets are -1 and 1; targets that are all 0 or 1 are taken as such, as in Keras."""

from typing import Any

import numpy as np

from gpunn.kernels import loss_formulas, vector_losses
from gpunn.losses.base import BuiltIn


class Hinge(BuiltIn):
    """mean_j max(1 - t_j p_j, 0)."""

    kernel = loss_formulas.HINGE
    function_name = "hinge"

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        y = super().prepare(y, output_shape, dtype)
        return 2 * y - 1 if ((y == 0) | (y == 1)).all() else y


class SquaredHinge(Hinge):
    """mean_j max(1 - t_j p_j, 0)^2."""

    kernel = loss_formulas.SQUARED_HINGE
    function_name = "squared_hinge"


class CategoricalHinge(BuiltIn):
    """max(0, 1 + max_j (1 - t_j) p_j - sum_j t_j p_j), t one-hot: the right class against the best of the others."""

    kernel = vector_losses.CATEGORICAL_HINGE
    function_name = "categorical_hinge"
