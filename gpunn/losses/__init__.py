"""Losses by name, as objects, and as functions of arrays. Names, defaults and values are Keras 3's; what Keras has not is said so."""

from typing import Any

from gpunn.lookup import find, from_identifier, key_of, name_in_logs, table
from gpunn.losses.alignment import CTC
from gpunn.losses.base import LEFT, Loss
from gpunn.losses.function import FormulaLoss, LossFunctionWrapper
from gpunn.losses.functions import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    categorical_hinge,
    circle,
    cosine_similarity,
    ctc,
    dice,
    half_mean_squared_error,
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
    sum_squared_error,
    tversky,
)
from gpunn.losses.margins import CategoricalHinge, Hinge, SquaredHinge
from gpunn.losses.overlap import Dice, Tversky
from gpunn.losses.pairs import Circle
from gpunn.losses.probabilistic import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
)
from gpunn.losses.regression import (
    CosineSimilarity,
    HalfMeanSquaredError,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    SumSquaredError,
)

CLASSES = (
    MeanSquaredError, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredLogarithmicError, CosineSimilarity, Huber, LogCosh,
    HalfMeanSquaredError, SumSquaredError, BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy,
    CategoricalFocalCrossentropy, SparseCategoricalCrossentropy, CategoricalGeneralizedCrossEntropy, KLDivergence, Poisson, Hinge,
    SquaredHinge, CategoricalHinge, Dice, Tversky, Circle, CTC,
)
_SHORT: dict[Any, tuple[str, ...]] = {
    MeanSquaredError: ("mse", "MSE"), MeanAbsoluteError: ("mae", "MAE"), MeanAbsolutePercentageError: ("mape", "MAPE"),
    MeanSquaredLogarithmicError: ("msle", "MSLE"), BinaryCrossentropy: ("bce", "BCE"), KLDivergence: ("kld", "KLD"),
    LogCosh: ("logcosh",), HalfMeanSquaredError: ("half_mse",), SumSquaredError: ("sse", "SSE"), Huber: ("huber_loss",),
}
NAMES: dict[str, Any] = {}
for _c in CLASSES:
    for _name in (_c.__name__, _c.function_name, *_SHORT.get(_c, ())):
        NAMES[_name] = _c
CROSSENTROPY = ("crossentropy", "ce")  # which one, targets and output say: see `crossentropy`

mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
bce = BCE = binary_crossentropy
kld = KLD = kl_divergence
half_mse, sse = half_mean_squared_error, sum_squared_error


def get(identifier: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """A loss from its name, class, function, object or configuration; None from None.

    Spaces in a name count as underscores. Any other callable is a user's loss: see `LossFunctionWrapper`. Raises ValueError listing the
    names.
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict) and "class_name" in identifier:
        return deserialize(identifier, custom_objects)
    if isinstance(identifier, str):
        plain = identifier.strip().replace(" ", "_").replace("-", "_")
        own = (custom_objects or {}).get(identifier)
        if own is not None:
            return get(own)
        return find("loss", identifier if plain not in NAMES and plain.lower() not in NAMES else plain, NAMES)()
    if callable(identifier) and not isinstance(identifier, (Loss, type)):
        made = getattr(identifier, "loss_class", None)
        return LossFunctionWrapper(identifier, name=name_in_logs(identifier)) if made is None else made()
    return from_identifier("loss", identifier, NAMES, Loss)


def crossentropy(output_shape: tuple[int | None, ...], target_shape: tuple[int | None, ...]) -> Loss:
    """The cross-entropy that "crossentropy" means, as in Keras: binary for one output column, sparse for targets without the columns."""
    if output_shape[-1] == 1:
        return BinaryCrossentropy()
    fewer = len(target_shape) < len(output_shape) or (target_shape[-1] == 1 and len(target_shape) == len(output_shape))
    return SparseCategoricalCrossentropy() if fewer else CategoricalCrossentropy()


def serialize(loss: Any) -> dict[str, Any]:
    """A loss (or anything `get` takes) as a class name and a configuration."""
    loss = get(loss)
    return {"class_name": key_of(type(loss)), "config": loss.get_config()}


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The loss that `serialize` wrote. Raises ValueError for a user's function or class that custom_objects do not hold."""
    if not isinstance(config, dict):
        return get(config, custom_objects)
    own, name, options = table({}, custom_objects), config.get("class_name"), dict(config.get("config", {}))
    if name in ("LossFunctionWrapper", "FormulaLoss"):
        name = options.pop("fn", options.get("name"))
        if name not in own:
            raise ValueError(f"The loss {name!r} is a user's own: give it in custom_objects={{{name!r}: ...}}.")
        return own[name] if isinstance(own[name], Loss) else LossFunctionWrapper(own[name], **options)
    return from_identifier("loss", {"class_name": name, "config": options}, NAMES | (custom_objects or {}), Loss)


__all__ = [
    "BCE",
    "CLASSES",
    "CROSSENTROPY",
    "CTC",
    "KLD",
    "LEFT",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "NAMES",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "FormulaLoss",
    "HalfMeanSquaredError",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "SumSquaredError",
    "Tversky",
    "bce",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "crossentropy",
    "ctc",
    "deserialize",
    "dice",
    "get",
    "half_mean_squared_error",
    "half_mse",
    "hinge",
    "huber",
    "kl_divergence",
    "kld",
    "log_cosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "sse",
    "sum_squared_error",
    "tversky",
]
__dir__ = __all__.copy
