"""Metrics of columns: F scores and the coefficient of determination. Four sums a column."""

import warnings
from typing import Any

import numpy as np

from gpunn.kernels import data as feeding
from gpunn.kernels import measures
from gpunn.metrics.base import BuiltIn, ones, plain

GUARD = 1e-7  # Keras's


class _Columns(BuiltIn):
    direction = "up"
    more = 0  # sums beyond the columns'

    def __init__(self, name: str | None, dtype: Any):
        super().__init__(name, dtype)
        self._width = 0

    @property
    def size(self) -> int:
        return 4 * self._width + self.more

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        if len(output_shape) != 2:
            raise ValueError(
                f"{type(self).__name__} expects 2D inputs with shape (batch_size, output_dim). Received input shapes: "
                f"y_pred.shape={output_shape} and y_true.shape={np.shape(y)}."
            )
        y = super().prepare(y, output_shape, dtype)
        self._width = int(output_shape[1] or 0)
        return y

    def columns(self) -> np.ndarray:
        return self.state()[: 4 * self._width].reshape(4, self._width)


class FBetaScore(_Columns):
    """(1 + beta^2) precision recall / (beta^2 precision + recall), of each column, or with `average` one number of them: "micro" counts
    over all columns, "macro" takes the mean, "weighted" the mean weighted by true targets.

    Without a threshold the largest output of a row is its choice. Raises ValueError for other averages, beta <= 0, and thresholds outside
    (0, 1].
    """

    default_name = "fbeta_score"

    def __init__(
        self, average: str | None = None, beta: float = 1.0, threshold: float | None = None, name: str | None = None, dtype: Any = None
    ):
        super().__init__(name, dtype)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                f"Invalid `average` argument value. Expected one of: {{None, 'micro', 'macro', 'weighted'}}. Received: average={average}"
            )
        if not isinstance(beta, float) or beta <= 0:
            raise ValueError(f"Invalid `beta` argument value. It should be a Python float > 0. Received: beta={beta}")
        if threshold is not None and (not isinstance(threshold, float) or not 0 < threshold <= 1):
            raise ValueError(
                f"Invalid `threshold` argument value. It should be a Python float with 0 < threshold <= 1. Received: threshold={threshold}"
            )
        self.average, self.beta, self.threshold = average, beta, threshold

    def accumulate(self, ops: Any, y: Any, p: Any, weight: Any, sums: Any, step: Any) -> None:
        choice = ops.empty(p.shape, p.dtype)
        ops.launch(measures.DECIDE, p, self.threshold or 0.0, int(self.threshold is None), choice)
        ops.launch(measures.HITS_BY_COLUMN, choice, y, weight, sums.reshape(4, -1))

    def result(self) -> Any:
        columns = self.columns()
        tp, fp, fn, true = columns.sum(axis=1) if self.average == "micro" else columns
        precision, recall = tp / (tp + fp + GUARD), tp / (tp + fn + GUARD)
        score = precision * recall / (self.beta**2 * precision + recall + GUARD) * (1 + self.beta**2)
        if self.average == "weighted":
            score = np.sum(score * true / (true.sum() + GUARD))
        elif self.average == "macro":
            score = np.mean(score) if score.size else 0.0
        return plain(score)

    def get_config(self) -> dict[str, Any]:
        return {"average": self.average, "beta": self.beta, "threshold": self.threshold, "name": self.name}


class F1Score(FBetaScore):
    """2 precision recall / (precision + recall): see `FBetaScore`."""

    default_name = "f1_score"

    def __init__(self, average: str | None = None, threshold: float | None = None, name: str | None = None, dtype: Any = None):
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"average": self.average, "threshold": self.threshold, "name": self.name}


class R2Score(_Columns):
    """1 - sum e^2 / sum (t - mean t)^2, the mean over columns, or with class_aggregation="variance_weighted_average" weighted by their
    variances, or None: one a column. num_regressors > 0 adjusts it to so many independent variables.

    Raises ValueError for other aggregations and negative numbers.
    """

    default_name = "r2_score"

    def __init__(
        self, class_aggregation: str | None = "uniform_average", num_regressors: int = 0, name: str | None = None, dtype: Any = None
    ):
        super().__init__(name, dtype)
        known = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in known:
            raise ValueError(
                f"Invalid value for argument `class_aggregation`. Expected one of {known}. Received: class_aggregation={class_aggregation}"
            )
        if num_regressors < 0:
            raise ValueError(
                f"Invalid value for argument `num_regressors`. Expected a value >= 0. Received: num_regressors={num_regressors}"
            )
        self.class_aggregation, self.num_regressors = class_aggregation, int(num_regressors)
        self.more = 3 if self.num_regressors else 0

    def accumulate(self, ops: Any, y: Any, p: Any, weight: Any, sums: Any, step: Any) -> None:
        ops.launch(measures.SQUARES_BY_COLUMN, p, y, weight, sums[: 4 * self._width].reshape(4, -1))
        if self.more:  # rows, whatever their weights
            rows = ones(ops, p.shape[0], p.dtype)
            ops.launch(feeding.ACCUMULATE, rows, rows, step, sums[4 * self._width :])

    def result(self) -> Any:
        total, squares, off, count = self.columns()
        with np.errstate(all="ignore"):
            spread = squares - total * total / count
            scores = 1 - off / spread
            scores = np.where(np.isinf(scores), 0.0, scores)
            score: Any = scores
            if self.class_aggregation == "uniform_average":
                score = np.mean(scores) if scores.size else 0.0
            elif self.class_aggregation == "variance_weighted_average":
                score = np.sum(spread * scores) / np.sum(spread)
        return plain(self._adjusted(score) if self.num_regressors else score)

    def _adjusted(self, score: Any) -> Any:
        n, p = self.state()[-3] * self._width, self.num_regressors  # Keras counts outputs, not rows
        if p > n - 1:
            warnings.warn(
                "More independent predictors than datapoints in adjusted R2 score. Falling back to standard R2 score.", stacklevel=3
            )
            return score
        if p == n - 1:
            warnings.warn("Division by zero in Adjusted R2 score. Falling back to standard R2 score.", stacklevel=3)
            return score
        return 1 - (1 - score) * (n - 1) / (n - p - 1)

    def get_config(self) -> dict[str, Any]:
        return {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors, "name": self.name}
