"""Class labels: numbers for the engine and back, in scikit-learn's order (sorted)."""

from typing import Any

import numpy as np

from gpunn.neural_network._sklearn import check_classification_targets, compute_class_weight, type_of_target


class Labels:
    """The classes of a target and which kind it is.

    Attributes: ``classes``, sorted; ``kind``: "binary" (also one class alone), "multiclass" or "multilabel-indicator".
    Raises ValueError for targets that are no classes, or that have several columns of classes.
    """

    def __init__(self, y: Any, name: str, classes: Any = None):
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind == "multilabel-indicator":
            self.kind, self.classes = kind, np.arange(y.shape[1])
            return
        if kind not in ("binary", "multiclass"):
            raise ValueError(
                f"Argument y of {name}: expected one class a row, or a matrix of 0 and 1, a column a label. Received: {kind} targets."
            )
        self.classes = np.unique(y) if classes is None else np.unique(classes)
        self.kind = "binary" if len(self.classes) <= 2 else "multiclass"

    @property
    def columns(self) -> int:
        """Outputs of a network for them."""
        return 1 if self.kind == "binary" else len(self.classes)

    def encode(self, y: Any, dtype: Any) -> np.ndarray:
        """int32 numbers of the classes, or columns of 0 and 1."""
        if self.kind == "multilabel-indicator":
            return np.ascontiguousarray(y.toarray() if hasattr(y, "toarray") else y, dtype)
        if self.kind == "multiclass":
            return np.searchsorted(self.classes, y).astype(np.int32)
        positive = y == self.classes[1] if len(self.classes) == 2 else np.zeros(len(y), bool)
        return positive.astype(dtype).reshape(-1, 1)

    def unknown(self, y: Any) -> np.ndarray:
        """Classes in y that are not among ours."""
        if self.kind == "multilabel-indicator":
            return np.arange(len(self.classes), y.shape[1])
        return np.setdiff1d(np.unique(y), self.classes)

    def decide(self, probability: np.ndarray) -> np.ndarray:
        """Numbers of the classes, or the indicator matrix, from a network's outputs."""
        if self.kind == "multiclass":
            return probability.argmax(axis=1)
        return (probability > 0.5).astype(np.int64)

    def decode(self, probability: np.ndarray) -> np.ndarray:
        """Classes from a network's outputs."""
        chosen = self.decide(probability)
        if self.kind == "multilabel-indicator":
            return chosen
        return self.classes[np.minimum(chosen.reshape(-1), len(self.classes) - 1)]


def class_weights(class_weight: Any, labels: Labels, y: np.ndarray, weights: np.ndarray | None) -> np.ndarray | None:
    """Weights of rows times those of their classes (None, "balanced" or a dict from class to number), or None where all count alike."""
    if class_weight is None:
        return weights
    of_class = compute_class_weight(class_weight, classes=labels.classes, y=y)[np.searchsorted(labels.classes, y)]
    return of_class if weights is None else weights * of_class
