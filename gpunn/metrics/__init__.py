"""Metrics by name and as objects, added up on the device. Names, defaults and values are Keras 3's; what Keras has not is said so."""

import re
from typing import Any

from gpunn import losses
from gpunn.lookup import find, key_of, name_in_logs, snake, table
from gpunn.losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from gpunn.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    fitting,
)
from gpunn.metrics.auc import AUC
from gpunn.metrics.base import MeanOfRows, Metric
from gpunn.metrics.columns import F1Score, FBetaScore, R2Score
from gpunn.metrics.confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    PrecisionAtRecall,
    Recall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from gpunn.metrics.correlation import ConcordanceCorrelation, PearsonCorrelation
from gpunn.metrics.functions import CLASSES as _FUNCTIONS
from gpunn.metrics.functions import (
    binary_accuracy,
    categorical_accuracy,
    concordance_correlation,
    pearson_correlation,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from gpunn.metrics.iou import BinaryIoU, ConfusionMatrix, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from gpunn.metrics.of_losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    LossMetric,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from gpunn.metrics.reduction import Mean, MeanMetricWrapper, Sum
from gpunn.metrics.scores import accuracy_score, confusion_matrix

CLASSES = (
    Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy, TopKCategoricalAccuracy, SparseTopKCategoricalAccuracy,
    MeanSquaredError, RootMeanSquaredError, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredLogarithmicError, CosineSimilarity,
    LogCoshError, PearsonCorrelation, ConcordanceCorrelation, R2Score, AUC, Precision, Recall, TruePositives, FalsePositives, TrueNegatives,
    FalseNegatives, SensitivityAtSpecificity, SpecificityAtSensitivity, PrecisionAtRecall, RecallAtPrecision, F1Score, FBetaScore, Hinge,
    SquaredHinge, CategoricalHinge, KLDivergence, Poisson, BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy, IoU,
    BinaryIoU, MeanIoU, OneHotIoU, OneHotMeanIoU, ConfusionMatrix, Mean, Sum,
)
NAMES: dict[str, Any] = {}
for _c in CLASSES:
    _words = re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", _c.__name__)).lower()  # as Keras writes them
    NAMES[_c.__name__] = NAMES[_words] = NAMES[_c.default_name or _words] = _c
NAMES |= {
    "mse": MeanSquaredError, "MSE": MeanSquaredError, "mae": MeanAbsoluteError, "MAE": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError, "MAPE": MeanAbsolutePercentageError, "msle": MeanSquaredLogarithmicError,
    "MSLE": MeanSquaredLogarithmicError, "bce": BinaryCrossentropy, "BCE": BinaryCrossentropy, "kld": KLDivergence, "KLD": KLDivergence,
    "rmse": RootMeanSquaredError, "RMSE": RootMeanSquaredError, "r2": R2Score, "f1": F1Score,
}
ACCURACY = ("accuracy", "acc")
EVERY = {**dict.fromkeys((*losses.NAMES, *ACCURACY)), **NAMES}


def get(identifier: Any) -> Any:
    """A metric from its name, class, function, object or configuration; None from None. Any loss's name, class or object will do.

    Spaces in a name count as underscores. Any other callable is a user's metric: see `MeanMetricWrapper`. Raises ValueError listing the
    names.
    """
    if identifier is None or isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if isinstance(identifier, losses.Loss) or (isinstance(identifier, type) and issubclass(identifier, losses.Loss)):
        return LossMetric(identifier)
    if isinstance(identifier, dict) and "class_name" in identifier:
        return deserialize(identifier)
    if isinstance(identifier, str):
        return _named(identifier)
    if callable(identifier):
        if identifier in _FUNCTIONS:
            return _FUNCTIONS[identifier](name=identifier.__name__)
        if hasattr(identifier, "loss_class"):
            return LossMetric(identifier.loss_class(), identifier.__name__)
        return MeanMetricWrapper(identifier, name_in_logs(identifier))
    raise ValueError(f"Could not interpret metric. Expected a name, a Metric or a function. Received: {identifier!r}.")


def _named(identifier: str) -> Metric:
    plain = identifier.strip().replace(" ", "_").replace("-", "_")
    known = plain if any(n in EVERY for n in (plain, plain.lower(), snake(plain))) else identifier
    made = find("metric", known, EVERY)
    if made is None:
        made = Accuracy if known.lower() in ACCURACY else None
    try:
        metric = LossMetric(losses.get(known)) if made is None else made()
    except TypeError as error:
        raise ValueError(f"The metric {identifier!r} needs arguments: give an object, {made.__name__}(...).") from error
    metric.name = identifier  # Keras logs a metric under the name it was asked for
    return metric


def resolve(identifier: Any, loss: Any, output_shape: tuple[int | None, ...], target_shape: tuple[int | None, ...] | None = None) -> Metric:
    """What compile makes of a metric: as `get`, but "accuracy" becomes the kind that fits output and targets, and "crossentropy" too.

    Raises ValueError listing the names, and for metrics of values rather than targets.
    """
    sparse = bool(getattr(loss, "sparse", False))
    if isinstance(identifier, str) and identifier.lower() in ACCURACY:
        metric: Metric = fitting(output_shape, target_shape, sparse)(name=identifier)
    elif isinstance(identifier, str) and identifier.lower() in losses.CROSSENTROPY:
        shape = target_shape or (output_shape[:-1] if sparse else output_shape)
        metric = LossMetric(losses.crossentropy(output_shape, shape), identifier)
    else:
        metric = get(identifier)
    if metric is None or type(metric) in (Mean, Sum):
        raise ValueError(f"Could not interpret metric. Expected one of targets and predictions. Received: {identifier!r}.")
    metric.ignored = getattr(loss, "ignore_class", None)
    return metric


def serialize(metric: Any) -> Any:
    """A metric as a class name and a configuration, or the name that was asked for."""
    if isinstance(metric, str):
        return metric
    metric = get(metric)
    return {"class_name": key_of(type(metric)), "config": metric.get_config()}


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Metric:
    """The metric that `serialize` wrote. Raises ValueError for a user's function or class that custom_objects do not hold."""
    if not isinstance(config, dict):
        return get(config)
    own, name, options = table({}, custom_objects), config.get("class_name"), dict(config.get("config", {}))
    if name == "LossMetric":
        return LossMetric(losses.deserialize(options.pop("loss"), own), **options)
    if name == "MeanMetricWrapper":
        title = options.pop("fn")
        if title not in own:
            raise ValueError(f"The metric {title!r} is a user's own: give it in custom_objects={{{title!r}: ...}}.")
        return MeanMetricWrapper(own[title], **options)
    return find("metric", name, NAMES | (custom_objects or {}))(**options)


mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error

__all__ = [
    "ACCURACY", "AUC", "CLASSES", "EVERY", "MAE", "MAPE", "MSE", "MSLE", "NAMES", "Accuracy", "BinaryAccuracy", "BinaryCrossentropy",
    "BinaryIoU", "CategoricalAccuracy", "CategoricalCrossentropy", "CategoricalHinge", "ConcordanceCorrelation", "ConfusionMatrix",
    "CosineSimilarity", "F1Score", "FBetaScore", "FalseNegatives", "FalsePositives", "Hinge", "IoU", "KLDivergence", "LogCoshError",
    "LossMetric", "Mean", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanIoU", "MeanMetricWrapper", "MeanOfRows",
    "MeanSquaredError", "MeanSquaredLogarithmicError", "Metric", "OneHotIoU", "OneHotMeanIoU", "PearsonCorrelation", "Poisson", "Precision",
    "PrecisionAtRecall", "R2Score", "Recall", "RecallAtPrecision", "RootMeanSquaredError", "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "SparseTopKCategoricalAccuracy", "SpecificityAtSensitivity",
    "SquaredHinge", "Sum", "TopKCategoricalAccuracy", "TrueNegatives", "TruePositives", "accuracy_score", "binary_accuracy",
    "binary_crossentropy", "binary_focal_crossentropy", "categorical_accuracy", "categorical_crossentropy",
    "categorical_focal_crossentropy", "categorical_hinge", "concordance_correlation", "confusion_matrix", "deserialize", "get", "hinge",
    "huber", "kl_divergence", "log_cosh", "mae", "mape", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
    "mean_squared_logarithmic_error", "mse", "msle", "pearson_correlation", "poisson", "resolve", "serialize",
    "sparse_categorical_accuracy", "sparse_categorical_crossentropy", "sparse_top_k_categorical_accuracy", "squared_hinge",
    "top_k_categorical_accuracy",
]
__dir__ = __all__.copy
