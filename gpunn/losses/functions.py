"""The losses as functions: ``mean_squared_error(y_true, y_pred)`` gives a value for each row, or each position, as in Keras."""

import inspect
from collections.abc import Callable
from typing import Any

from gpunn.losses import alignment, margins, overlap, pairs, probabilistic, regression

_OF_THE_OBJECT = ("self", "reduction", "name", "dtype")


def function_of(cls: Any) -> Callable[..., Any]:
    """``f(y_true, y_pred, ...)`` with the options of a loss class, which `losses.get` turns into that class again."""
    given = [p for p in inspect.signature(cls.__init__).parameters.values() if p.name not in _OF_THE_OBJECT]
    both = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in ("y_true", "y_pred")]
    signature = inspect.Signature([*both, *given])

    def function(*arguments: Any, **named: Any) -> Any:
        bound = signature.bind(*arguments, **named).arguments
        y_true, y_pred = bound.pop("y_true"), bound.pop("y_pred")
        return cls(reduction=None, **bound)(y_true, y_pred)

    function.__name__ = function.__qualname__ = cls.function_name
    function.__doc__ = f"{cls.__doc__}\n\n    As a function: NumPy arrays in, an array of values out, one for each row or position."
    function.__signature__, function.loss_class = signature, cls  # type: ignore[attr-defined]
    return function


mean_squared_error = function_of(regression.MeanSquaredError)
mean_absolute_error = function_of(regression.MeanAbsoluteError)
mean_absolute_percentage_error = function_of(regression.MeanAbsolutePercentageError)
mean_squared_logarithmic_error = function_of(regression.MeanSquaredLogarithmicError)
cosine_similarity = function_of(regression.CosineSimilarity)
huber = function_of(regression.Huber)
log_cosh = function_of(regression.LogCosh)
half_mean_squared_error = function_of(regression.HalfMeanSquaredError)
sum_squared_error = function_of(regression.SumSquaredError)
binary_crossentropy = function_of(probabilistic.BinaryCrossentropy)
binary_focal_crossentropy = function_of(probabilistic.BinaryFocalCrossentropy)
categorical_crossentropy = function_of(probabilistic.CategoricalCrossentropy)
categorical_focal_crossentropy = function_of(probabilistic.CategoricalFocalCrossentropy)
sparse_categorical_crossentropy = function_of(probabilistic.SparseCategoricalCrossentropy)
categorical_generalized_cross_entropy = function_of(probabilistic.CategoricalGeneralizedCrossEntropy)
kl_divergence = function_of(probabilistic.KLDivergence)
poisson = function_of(probabilistic.Poisson)
hinge = function_of(margins.Hinge)
squared_hinge = function_of(margins.SquaredHinge)
categorical_hinge = function_of(margins.CategoricalHinge)
dice = function_of(overlap.Dice)
tversky = function_of(overlap.Tversky)
circle = function_of(pairs.Circle)
ctc = function_of(alignment.CTC)
