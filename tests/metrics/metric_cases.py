"""Every metric of Keras's with arguments and data: ``CASES[name]`` lists (arguments, a function of a seed that makes the data)."""

import numpy as np


def bits(n=60, columns=1, seed=0):
    rng = np.random.default_rng(seed)
    t = rng.integers(0, 2, (n, columns)).astype(float)
    p = np.clip(0.5 + 0.3 * (t - 0.5) + 0.3 * rng.standard_normal((n, columns)), 0, 1)  # exact zeros and ones among them
    return t, p


def classes(n=60, columns=5, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.uniform(0, 1, (n, columns))
    return rng.integers(0, columns, n), p / p.sum(axis=1, keepdims=True)


def one_hot(n=60, columns=5, seed=0):
    t, p = classes(n, columns, seed)
    return np.eye(columns)[t], p


def reals(n=60, columns=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0.1, 2, (n, columns)), rng.uniform(0.1, 2, (n, columns))


def steps(make, columns):
    """The same with a time axis."""

    def made(n=60, seed=0):
        t, p = make(3 * n, columns, seed)
        return t.reshape(n, 3, *t.shape[1:]), p.reshape(n, 3, columns)

    return made


EVEN = [0.0, 0.25, 0.5, 0.75, 1.0]
CASES = {
    "Accuracy": [({}, lambda seed=0: tuple(np.round(a) for a in reals(seed=seed)))],
    "BinaryAccuracy": [({}, bits), ({"threshold": 0.3}, lambda seed=0: bits(columns=3, seed=seed)), ({}, steps(bits, 2))],
    "CategoricalAccuracy": [({}, one_hot), ({}, steps(one_hot, 4))],
    "SparseCategoricalAccuracy": [({}, classes), ({}, steps(classes, 4))],
    "TopKCategoricalAccuracy": [({"k": 2}, one_hot), ({}, one_hot), ({"k": 1}, steps(one_hot, 4))],
    "SparseTopKCategoricalAccuracy": [({"k": 2}, classes), ({"k": 3}, steps(classes, 5))],
    "MeanSquaredError": [({}, reals), ({}, steps(reals, 2))], "RootMeanSquaredError": [({}, reals)], "MeanAbsoluteError": [({}, reals)],
    "MeanAbsolutePercentageError": [({}, reals)], "MeanSquaredLogarithmicError": [({}, reals)],
    "CosineSimilarity": [({}, reals), ({"axis": 1}, steps(reals, 2))], "LogCoshError": [({}, reals)],
    **{
        n: [({}, reals), ({"axis": (1, 2)}, steps(reals, 2)), ({"axis": 0}, reals), ({"axis": 1}, steps(reals, 2))]
        for n in ("PearsonCorrelation", "ConcordanceCorrelation")
    },
    "R2Score": [
        ({}, reals), ({"class_aggregation": None}, reals), ({"class_aggregation": "variance_weighted_average"}, reals),
        ({"num_regressors": 4}, reals),
    ],
    "AUC": [
        *(({"curve": c, "summation_method": m}, bits) for c in ("ROC", "PR", "PRGAIN") for m in ("interpolation", "majoring", "minoring")),
        ({"num_thresholds": 7}, bits), ({"thresholds": [0.2, 0.6, 0.3]}, bits), ({"thresholds": EVEN[1:-1]}, bits),
        ({"multi_label": True, "num_thresholds": 20}, lambda seed=0: bits(columns=3, seed=seed)),
        ({"multi_label": True, "num_labels": 3, "label_weights": [0.1, 1.0, 2.0]}, lambda seed=0: bits(columns=3, seed=seed)),
        ({"multi_label": True, "curve": "PR", "thresholds": [0.5, 0.1]}, lambda seed=0: bits(columns=3, seed=seed)),
        ({"label_weights": [0.1, 1.0, 2.0]}, lambda seed=0: bits(columns=3, seed=seed)),
        ({"from_logits": True}, lambda seed=0: (bits(seed=seed)[0], 4 * bits(seed=seed)[1] - 2)),
        ({}, steps(bits, 2)),
    ],
    **{
        n: [({}, bits), ({"thresholds": 0.3}, bits), ({"thresholds": [0.6, 0.1, 0.4]}, bits), ({"thresholds": EVEN}, bits)]
        for n in ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")
    },
    **{
        n: [
            ({}, bits), ({"thresholds": [0.6, 0.1]}, bits), ({"thresholds": EVEN}, bits), ({"top_k": 2}, one_hot),
            ({"class_id": 1}, one_hot),
            ({"top_k": 3, "class_id": 2}, one_hot), ({"top_k": 2, "thresholds": 0.2}, one_hot), ({"class_id": -1}, one_hot),
            ({}, steps(bits, 2)),
        ]
        for n in ("Precision", "Recall")
    },
    "SensitivityAtSpecificity": [({"specificity": 0.6}, bits), ({"specificity": 0.5, "num_thresholds": 1}, bits)],
    "SpecificityAtSensitivity": [({"sensitivity": 0.6}, bits), ({"sensitivity": 0.3, "class_id": 1}, one_hot)],
    "PrecisionAtRecall": [({"recall": 0.6}, bits), ({"recall": 0.8, "num_thresholds": 12}, bits)],
    "RecallAtPrecision": [({"precision": 0.6}, bits), ({"precision": 1.0}, bits)],
    "F1Score": [
        ({}, one_hot), ({"average": "micro"}, one_hot), ({"average": "macro"}, one_hot), ({"average": "weighted"}, one_hot),
        ({"threshold": 0.5, "average": "macro"}, lambda seed=0: bits(columns=3, seed=seed)),
    ],
    "FBetaScore": [({"beta": 2.0}, one_hot), ({"beta": 0.5, "average": "weighted", "threshold": 0.3}, one_hot)],
    "Hinge": [({}, bits)], "SquaredHinge": [({}, bits)], "CategoricalHinge": [({}, one_hot)],
    "KLDivergence": [({}, reals)], "Poisson": [({}, reals)],
    "BinaryCrossentropy": [({}, bits), ({"from_logits": True, "label_smoothing": 0.1}, bits)],
    "CategoricalCrossentropy": [({}, one_hot), ({"from_logits": True, "label_smoothing": 0.1}, one_hot), ({}, steps(one_hot, 4))],
    "SparseCategoricalCrossentropy": [({}, classes), ({"ignore_class": 2}, classes), ({"from_logits": True}, steps(classes, 4))],
    "IoU": [({"num_classes": 5, "target_class_ids": [0, 3]}, lambda seed=0: (classes(seed=seed)[0], classes(seed=seed + 9)[0]))],
    "BinaryIoU": [({}, bits), ({"target_class_ids": [1], "threshold": 0.3}, bits)],
    "MeanIoU": [
        ({"num_classes": 5}, lambda seed=0: (classes(seed=seed)[0], classes(seed=seed + 9)[0])),
        ({"num_classes": 5, "ignore_class": 1}, lambda seed=0: (classes(seed=seed)[0], classes(seed=seed + 9)[0])),
        ({"num_classes": 5, "sparse_y_pred": False}, classes), ({"num_classes": 4, "sparse_y_pred": False}, steps(classes, 4)),
    ],
    "OneHotIoU": [({"num_classes": 5, "target_class_ids": [1]}, one_hot)], "OneHotMeanIoU": [({"num_classes": 5}, one_hot)],
}
