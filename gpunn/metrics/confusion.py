"""Counts of right and wrong on either side of thresholds: precision, recall, the four counts, and the best of one for a given other.

Outcomes are counted by the number of thresholds below them, once for each kind of target: any threshold's four counts are sums of these.
"""

from typing import Any

import numpy as np

from gpunn.kernels import REGISTRY, measures, weighing
from gpunn.metrics.base import BuiltIn, as_rows, ones, plain, share

GUARD = 1e-7


class Thresholds(BuiltIn):
    """A metric of outcomes against thresholds. ``top_k``: only the largest k outputs of a row can be above; ``class_id``: one column only.

    A target counts as true unless it is 0. Weights are those of positions, or of each output.
    """

    elementwise = each_weighs = True
    top_k: int | None = None
    class_id: int | None = None
    labels = 1  # columns that are counted apart
    from_logits = False

    def __init__(self, thresholds: list[float], name: str | None = None, dtype: Any = None):
        super().__init__(name, dtype)
        self.thresholds = list(thresholds)
        self._width: int | None = None

    @property
    def edges(self) -> np.ndarray:
        """Thresholds as they are compared. Evenly spread ones take predictions as no more than 1 (and no less than 0), as in Keras."""
        edges = np.array(self.thresholds, np.float64)
        if evenly_spread(edges):
            edges = np.where(edges >= 1, np.inf, np.where(edges < 0, -np.inf, edges))
        return edges

    @property
    def size(self) -> int:
        return 2 * (len(self.thresholds) + 1) * self.labels

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        y = super().prepare(y, output_shape, dtype)
        self._width = int(output_shape[-1] or 0)
        if self.class_id is not None and not -self._width <= self.class_id < self._width:
            raise ValueError(f"Metric {self.name}: the output has {self._width} columns. Received: class_id={self.class_id}.")
        if self.top_k is not None and self.top_k > self._width:
            raise ValueError(f"Metric {self.name}: the output has {self._width} columns. Received: top_k={self.top_k}.")
        return y

    def shares(self) -> np.ndarray:
        """What each column weighs."""
        out = np.ones(self._width or 0)
        if self.class_id is not None:
            out[:] = 0
            out[self.class_id] = 1
        return out

    def accumulate(self, ops: Any, y: Any, p: Any, weight: Any, sums: Any, step: Any) -> None:
        rows, target = as_rows(p), as_rows(y)
        if self.from_logits or self.top_k is not None:
            plain_p, rows = rows, ops.empty(rows.shape, p.dtype)
            if self.from_logits:
                ops.launch(REGISTRY["sigmoid"], plain_p, rows)
            else:
                ops.launch(measures.TOP_ONLY, plain_p, self.top_k, rows)
        cell, mass = ops.empty(rows.shape, "int32"), ops.empty(rows.shape, p.dtype)
        edges, order = self.edges.astype(p.dtype), np.argsort(self.thresholds, kind="stable")
        shares = ops.asarray(self.shares().astype(p.dtype))
        sorted_edges = ops.asarray(np.ascontiguousarray(edges[order]))
        each = weight.size != rows.shape[0]
        whole = ones(ops, rows.shape[0], p.dtype) if each else weight
        ops.launch(measures.BUCKET, rows, target, shares, whole, sorted_edges, edges.size, self.labels, cell, mass)
        if each:
            ops.launch(weighing.times_rows, mass.reshape(-1, 1), weight, 1.0, mass.reshape(-1, 1))
        ops.launch(measures.COUNT, sums, cell, mass, rows.size)

    def counts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(true positives, false positives, true negatives, false negatives) at each threshold, in the order they were given."""
        cells = self.state().reshape(2, len(self.thresholds) + 1, self.labels)
        above = cells[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]  # of more than i thresholds exceeded
        places = np.argsort(np.argsort(self.thresholds, kind="stable"), kind="stable")
        above = above[:, places]
        below = cells.sum(axis=1, keepdims=True) - above
        if self.labels == 1:
            above, below = above[..., 0], below[..., 0]
        return above[1], above[0], below[0], below[1]


def evenly_spread(edges: np.ndarray) -> bool:
    n = len(edges)
    return n >= 3 and bool(np.allclose(edges, np.arange(n) / (n - 1), atol=GUARD))


def listed(thresholds: Any, default: float) -> list[float]:
    """Thresholds as a list. Raises ValueError for one outside [0, 1]."""
    if thresholds is None:
        return [default]
    out = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    wrong = [t for t in out if t is None or t < 0 or t > 1]
    if wrong:
        raise ValueError(f"Threshold values must be in [0, 1]. Received: {wrong}")
    return [float(t) for t in out]


class _Given(Thresholds):
    """Thresholds that a user gives, with 0.5 (or with top_k everything among them) where none are."""

    def __init__(self, thresholds: Any, name: str | None, dtype: Any, top_k: int | None = None, class_id: int | None = None):
        self.given = thresholds
        super().__init__(listed(thresholds, 0.5 if top_k is None else measures.LEFT_OUT), name, dtype)
        self.top_k, self.class_id = top_k, class_id

    def _one(self, values: np.ndarray) -> Any:
        return plain(values[0] if len(self.thresholds) == 1 else values)

    def get_config(self) -> dict[str, Any]:
        given = self.given.tolist() if isinstance(self.given, np.ndarray) else self.given
        return {"thresholds": given, "name": self.name}


class TruePositives(_Given):
    """Outcomes above the threshold whose target is true."""

    which = 0

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None):
        super().__init__(thresholds, name, dtype)

    def result(self) -> Any:
        return self._one(self.counts()[self.which])


class FalsePositives(TruePositives):
    """Outcomes above the threshold whose target is 0."""

    which = 1


class TrueNegatives(TruePositives):
    """Outcomes not above the threshold whose target is 0."""

    which = 2


class FalseNegatives(TruePositives):
    """Outcomes not above the threshold whose target is true."""

    which = 3


class Precision(_Given):
    """True among those above: tp / (tp + fp), 0 where none are. With several thresholds an array."""

    direction = "up"

    def __init__(
        self, thresholds: Any = None, top_k: int | None = None, class_id: int | None = None, name: str | None = None, dtype: Any = None
    ):
        super().__init__(thresholds, name, dtype, top_k, class_id)

    def result(self) -> Any:
        tp, fp, _, _ = self.counts()
        return self._one(share(tp, tp + fp))

    def get_config(self) -> dict[str, Any]:
        return {"top_k": self.top_k, "class_id": self.class_id, **super().get_config()}


class Recall(Precision):
    """Above among the true: tp / (tp + fn), 0 where none are. With several thresholds an array."""

    def result(self) -> Any:
        tp, _, _, fn = self.counts()
        return self._one(share(tp, tp + fn))


class _BestAt(Thresholds):
    """The largest of one rate over the thresholds at which another is at least `value`; 0 where it is at none."""

    direction = "up"
    argument = ""

    def __init__(self, value: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: Any):
        if not 0 <= value <= 1:
            raise ValueError(f"Argument `{self.argument}` must be in the range [0, 1]. Received: {self.argument}={value}")
        if num_thresholds <= 0:
            raise ValueError(f"Argument `num_thresholds` must be an integer > 0. Received: num_thresholds={num_thresholds}")
        even = [0.5] if num_thresholds == 1 else [i / (num_thresholds - 1) for i in range(num_thresholds)]
        super().__init__(even, name, dtype)
        self.value, self.num_thresholds, self.class_id = float(value), int(num_thresholds), class_id

    def rates(self) -> tuple[np.ndarray, np.ndarray]:
        """(what must be at least `value`, what is wanted large)."""
        raise NotImplementedError

    def result(self) -> float:
        bound, wanted = self.rates()
        return float(np.max(wanted[bound >= self.value], initial=0.0))

    def get_config(self) -> dict[str, Any]:
        own = {self.argument: self.value, "num_thresholds": self.num_thresholds, "class_id": self.class_id}
        return own | super().get_config()


class SensitivityAtSpecificity(_BestAt):
    """The largest tp / (tp + fn) at thresholds where tn / (tn + fp) is at least `specificity`."""

    argument = "specificity"

    def __init__(
        self, specificity: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None, dtype: Any = None
    ):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)

    def rates(self) -> tuple[np.ndarray, np.ndarray]:
        tp, fp, tn, fn = self.counts()
        return share(tn, tn + fp), share(tp, tp + fn)


class SpecificityAtSensitivity(_BestAt):
    """The largest tn / (tn + fp) at thresholds where tp / (tp + fn) is at least `sensitivity`."""

    argument = "sensitivity"

    def __init__(
        self, sensitivity: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None, dtype: Any = None
    ):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)

    def rates(self) -> tuple[np.ndarray, np.ndarray]:
        tp, fp, tn, fn = self.counts()
        return share(tp, tp + fn), share(tn, tn + fp)


class PrecisionAtRecall(_BestAt):
    """The largest precision at thresholds where recall is at least `recall`."""

    argument = "recall"

    def __init__(
        self, recall: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None, dtype: Any = None
    ):
        super().__init__(recall, num_thresholds, class_id, name, dtype)

    def rates(self) -> tuple[np.ndarray, np.ndarray]:
        tp, fp, _, fn = self.counts()
        return share(tp, tp + fn), share(tp, tp + fp)


class RecallAtPrecision(_BestAt):
    """The largest recall at thresholds where precision is at least `precision`."""

    argument = "precision"

    def __init__(
        self, precision: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None, dtype: Any = None
    ):
        super().__init__(precision, num_thresholds, class_id, name, dtype)

    def rates(self) -> tuple[np.ndarray, np.ndarray]:
        tp, fp, _, fn = self.counts()
        return share(tp, tp + fp), share(tp, tp + fn)
