"""The area under a curve of rates over thresholds: receiver operating characteristic, precision over recall, and their gains."""

from typing import Any

import numpy as np

from gpunn.metrics.base import share
from gpunn.metrics.confusion import GUARD, Thresholds, evenly_spread

CURVES = ("ROC", "PR", "PRGAIN")
METHODS = ("interpolation", "majoring", "minoring")


class AUC(Thresholds):
    """Area under the ROC curve, or with curve="PR" under precision over recall (by Davis & Goadrich 2006 with "interpolation"), or under
    their gains with "PRGAIN" (Flach & Kull 2015).

    thresholds between 0 and 1, or `num_thresholds` of them evenly spread; one is added below 0 and one above 1. With multi_label every
    column has an area of its own, and label_weights weigh their mean; else label_weights weigh the columns' outcomes.
    Raises ValueError for other curves, methods and numbers.
    """

    direction = "up"

    def __init__(
        self, num_thresholds: int = 200, curve: str = "ROC", summation_method: str = "interpolation", name: str | None = None,
        dtype: Any = None, thresholds: Any = None, multi_label: bool = False, num_labels: int | None = None, label_weights: Any = None,
        from_logits: bool = False,
    ):
        if str(curve).upper() not in CURVES:
            raise ValueError(f'Invalid AUC curve value: "{curve}". Expected values are {list(CURVES)}')
        if str(summation_method).lower() not in METHODS:
            raise ValueError(f'Invalid AUC summation method value: "{summation_method}". Expected values are {list(METHODS)}')
        if thresholds is None and num_thresholds <= 1:
            raise ValueError(f"Argument `num_thresholds` must be an integer > 1. Received: num_thresholds={num_thresholds}")
        if num_labels and not multi_label:
            raise ValueError("`num_labels` is needed only when `multi_label` is True.")
        inner = [i / (num_thresholds - 1) for i in range(1, num_thresholds - 1)] if thresholds is None else sorted(map(float, thresholds))
        super().__init__([-GUARD, *inner, 1 + GUARD], name, dtype)
        self._even = thresholds is None or evenly_spread(np.array([0.0, *inner, 1.0]))
        self.given = None if thresholds is None else inner
        self.num_thresholds = len(self.thresholds)
        self.curve, self.summation_method = str(curve).upper(), str(summation_method).lower()
        self.multi_label, self.num_labels, self.from_logits = bool(multi_label), num_labels, bool(from_logits)
        self.label_weights = None if label_weights is None else np.asarray(label_weights, np.float64).reshape(-1)
        if self.multi_label:
            self.labels = int(num_labels or 1)

    @property
    def edges(self) -> np.ndarray:
        edges = np.array(self.thresholds)
        if self._even:
            edges[0], edges[-1] = -np.inf, np.inf
        return edges

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        y, width = super().prepare(y, output_shape, dtype), int(output_shape[-1] or 0)
        if self.multi_label:
            if len(output_shape) != 2:
                raise ValueError(
                    f"Metric {self.name}: `y_pred` must have rank 2 when `multi_label=True`. Found rank {len(output_shape)}. Full shape "
                    f"received for `y_pred`: {output_shape}"
                )
            if self.num_labels not in (None, width):
                raise ValueError(f"Metric {self.name}: expected num_labels={self.num_labels} columns. Received: {width}.")
            self.labels = width
        if self.label_weights is not None and self.label_weights.size != width:
            raise ValueError(
                f"Metric {self.name}: expected a label weight for each of {width} columns. Received: {self.label_weights.size}."
            )
        return y

    def shares(self) -> np.ndarray:
        return super().shares() if self.multi_label or self.label_weights is None else self.label_weights

    def result(self) -> float:
        tp, fp, tn, fn = self.counts()
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._mean(_between_points(tp, fp, fn))
        recall = share(tp, tp + fn)
        if self.curve == "ROC":
            x, y = share(fp, fp + tn), recall
        elif self.curve == "PR":
            x, y = recall, share(tp, tp + fp)
        else:
            odds = share(tp + fn, tn + fp)
            x = np.maximum(np.where(tp == 0, 0, 1 - odds * share(fn, tp)), 0)
            y = np.where(tp == 0, 1, 1 - odds * share(fp, tp))
        low, high = np.minimum(y[:-1], y[1:]), np.maximum(y[:-1], y[1:])
        heights = {"interpolation": (low + high) / 2, "minoring": low, "majoring": high}
        return self._mean((x[:-1] - x[1:]) * heights[self.summation_method])

    def _mean(self, steps: np.ndarray) -> float:
        areas = steps.sum(axis=0)
        if np.ndim(areas) == 0 or self.label_weights is None or not self.multi_label:
            return float(np.mean(areas))
        return float(share((areas * self.label_weights).sum(), self.label_weights.sum()))

    def get_config(self) -> dict[str, Any]:
        out: dict[str, Any] = {
            "num_thresholds": self.num_thresholds, "curve": self.curve, "summation_method": self.summation_method,
            "multi_label": self.multi_label, "num_labels": self.num_labels, "from_logits": self.from_logits,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
        }
        return out | ({} if self.given is None else {"thresholds": self.given}) | super().get_config()


def _between_points(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    """Pieces of the area under precision over recall, with true positives taken as linear in all positives between two thresholds."""
    above = tp + fp
    gained, all_gained = tp[:-1] - tp[1:], above[:-1] - above[1:]
    slope = share(gained, np.maximum(all_gained, 0))
    start = tp[1:] - slope * above[1:]
    both = (above[:-1] > 0) & (above[1:] > 0)
    ratio = np.where(both, share(above[:-1], np.maximum(above[1:], 0)), 1.0)
    return share(slope * (gained + start * np.log(ratio)), np.maximum(tp[1:] + fn[1:], 0))
