"""Every loss with what it takes: how to make it here and in Keras, targets, and predictions away from kinks that JAX and we split apart."""

from dataclasses import dataclass, field

import numpy as np

COLUMNS = 4


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def draw(kind, rng, shape):
    """(targets, predictions) of a kind."""
    z = 0.5 * rng.standard_normal(shape)
    if kind == "numbers":
        return rng.standard_normal(shape), z
    if kind == "positive":
        return rng.uniform(0.5, 3, shape), rng.uniform(0.5, 3, shape)
    if kind == "bits":
        return rng.integers(0, 2, shape).astype(float), sigmoid(z)
    if kind == "bits of logits":
        return rng.integers(0, 2, shape).astype(float), 3 * z
    if kind == "shares":
        return softmax(rng.standard_normal(shape)), softmax(z) * rng.uniform(0.5, 2, (*shape[:-1], 1))  # need not add up to one
    if kind == "shares of logits":
        return softmax(rng.standard_normal(shape)), 4 * z
    if kind == "one-hot":
        return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])], 3 * z
    if kind == "labels":
        return rng.integers(0, shape[-1], shape[:-1]), softmax(z)
    if kind == "labels of logits":
        return rng.integers(0, shape[-1], shape[:-1]), 4 * z
    if kind == "pairs":
        return rng.integers(0, 3, shape[:-1]), 0.9 * z / np.linalg.norm(z, axis=-1, keepdims=True)  # 1 is a kink
    raise ValueError(kind)


@dataclass
class Case:
    name: str  # the class, in gpunn and in Keras
    kind: str
    options: dict = field(default_factory=dict)
    keras: bool = True  # whether Keras has it
    sequences: bool = True  # whether it takes (rows, time, columns)
    fused: bool = False  # whether it can take over an activation, here with logits as predictions


CASES = {
    "mse": Case("MeanSquaredError", "numbers"),
    "mae": Case("MeanAbsoluteError", "numbers"),
    "mape": Case("MeanAbsolutePercentageError", "numbers"),
    "mape of the prediction": Case("MeanAbsolutePercentageError", "positive", {"denominator": "pred"}, keras=False),
    "msle": Case("MeanSquaredLogarithmicError", "positive"),
    "msle of what is negative": Case("MeanSquaredLogarithmicError", "numbers"),
    "huber": Case("Huber", "numbers"),
    "huber 0.3": Case("Huber", "numbers", {"delta": 0.3}),
    "log_cosh": Case("LogCosh", "numbers"),
    "cosine": Case("CosineSimilarity", "numbers"),
    "half_mse": Case("HalfMeanSquaredError", "numbers", keras=False),
    "sse": Case("SumSquaredError", "numbers", keras=False),
    "rss": Case("SumSquaredError", "numbers", {"factor": 1.0}, keras=False),
    "binary": Case("BinaryCrossentropy", "bits"),
    "binary of logits": Case("BinaryCrossentropy", "bits of logits", {"from_logits": True}, fused=True),
    "binary, smoothed": Case("BinaryCrossentropy", "bits", {"label_smoothing": 0.2}),
    "focal": Case("BinaryFocalCrossentropy", "bits"),
    "focal, balanced": Case("BinaryFocalCrossentropy", "bits", {"apply_class_balancing": True, "alpha": 0.4, "gamma": 1.5}),
    "focal of logits": Case("BinaryFocalCrossentropy", "bits of logits", {"from_logits": True, "label_smoothing": 0.1}, fused=True),
    "focal of logits, gamma 0": Case("BinaryFocalCrossentropy", "bits of logits", {"from_logits": True, "gamma": 0.0}, fused=True),
    "categorical": Case("CategoricalCrossentropy", "shares"),
    "categorical, smoothed": Case("CategoricalCrossentropy", "shares", {"label_smoothing": 0.3}),
    "categorical of logits": Case("CategoricalCrossentropy", "shares of logits", {"from_logits": True}, fused=True),
    "categorical focal": Case("CategoricalFocalCrossentropy", "shares"),
    "categorical focal, alphas": Case("CategoricalFocalCrossentropy", "shares", {"alpha": [0.1, 0.5, 1.0, 2.0], "gamma": 1.3}),
    "categorical focal of logits": Case(
        "CategoricalFocalCrossentropy", "shares of logits", {"from_logits": True, "label_smoothing": 0.1, "gamma": 0.0}
    ),
    "sparse": Case("SparseCategoricalCrossentropy", "labels"),
    "sparse of logits": Case("SparseCategoricalCrossentropy", "labels of logits", {"from_logits": True}, fused=True),
    "sparse, one ignored": Case("SparseCategoricalCrossentropy", "labels", {"ignore_class": 1}),
    "sparse of logits, one ignored": Case("SparseCategoricalCrossentropy", "labels of logits", {"from_logits": True, "ignore_class": 2}),
    "generalized": Case("CategoricalGeneralizedCrossEntropy", "labels", {"q": 0.4}),
    "divergence": Case("KLDivergence", "shares"),
    "poisson": Case("Poisson", "positive"),
    "hinge": Case("Hinge", "numbers"),
    "hinge of bits": Case("Hinge", "bits"),
    "squared hinge": Case("SquaredHinge", "bits"),
    "categorical hinge": Case("CategoricalHinge", "one-hot"),
    "dice": Case("Dice", "bits"),
    "dice of rows": Case("Dice", "bits", {"axis": -1}),
    "dice of columns": Case("Dice", "bits", {"axis": 0}),
    "tversky": Case("Tversky", "bits", {"alpha": 0.3, "beta": 0.6}),
    "tversky of rows": Case("Tversky", "bits", {"alpha": 0.7, "beta": 0.6, "axis": [-1]}),
    "circle": Case("Circle", "pairs", sequences=False),
    "circle, gentle": Case("Circle", "pairs", {"gamma": 3.0, "margin": 0.2, "remove_diagonal": False}, sequences=False),
}
SHAPES = [(7, COLUMNS), (1, COLUMNS), (5, 3, COLUMNS)]
RUNS = [(c, s) for c in CASES for s in SHAPES if len(s) == 2 or CASES[c].sequences]
