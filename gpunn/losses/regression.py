"""Losses of numbers: errors squared, absolute, in percent, logarithmic, and of directions. e = p - t, prediction less target."""

from typing import Any

from gpunn.kernels import loss_formulas, row_losses, vector_losses
from gpunn.losses.base import BuiltIn


class MeanSquaredError(BuiltIn):
    """mean_j e_j^2."""

    kernel = row_losses.MEAN_SQUARED_ERROR
    function_name = "mean_squared_error"


class HalfMeanSquaredError(BuiltIn):
    """mean_j e_j^2 / 2, whose gradient is e / n: the squared error loss of many courses (Keras has none)."""

    kernel = loss_formulas.SCALED_SQUARED_ERROR
    function_name = "half_mean_squared_error"

    def numbers_of(self, columns: int) -> tuple[float, ...]:
        return (0.5 / max(columns, 1),)


class SumSquaredError(BuiltIn):
    """factor * sum_j e_j^2, summed over the batch: half the sum of squares by default, the residual sum of squares with factor=1.

    Keras has none. Raises ValueError for a factor that is not positive.
    """

    kernel = loss_formulas.SCALED_SQUARED_ERROR
    function_name = "sum_squared_error"

    def __init__(self, factor: float = 0.5, reduction: str | None = "sum", name: str | None = None, dtype: Any = None):
        super().__init__(reduction, name, dtype)
        self.factor = positive("factor", factor, self.name)

    @property
    def numbers(self) -> tuple[float, ...]:
        return (self.factor,)

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, **super().get_config()}


class MeanAbsoluteError(BuiltIn):
    """mean_j |e_j|; its gradient at 0 is 0."""

    kernel = row_losses.MEAN_ABSOLUTE_ERROR
    function_name = "mean_absolute_error"


class MeanAbsolutePercentageError(BuiltIn):
    """100 mean_j |e_j| / max(|t_j|, 1e-7). With denominator="pred" the prediction stands below, as some course slides have it.

    Raises ValueError for any other denominator.
    """

    function_name = "mean_absolute_percentage_error"

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = None, dtype: Any = None, denominator: str = "true"
    ):
        super().__init__(reduction, name, dtype)
        if denominator not in ("true", "pred"):
            raise ValueError(f"Loss {self.name}: denominator must be 'true' or 'pred'. Received: denominator={denominator!r}.")
        self.denominator = denominator

    @property
    def kernel(self) -> Any:
        return loss_formulas.MEAN_ABSOLUTE_PERCENTAGE_ERROR if self.denominator == "true" else loss_formulas.PERCENTAGE_OF_PREDICTION

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | ({} if self.denominator == "true" else {"denominator": self.denominator})


class MeanSquaredLogarithmicError(BuiltIn):
    """mean_j (log(1 + p_j) - log(1 + t_j))^2, both counted as at least 1e-7."""

    kernel = loss_formulas.MEAN_SQUARED_LOGARITHMIC_ERROR
    function_name = "mean_squared_logarithmic_error"


class Huber(BuiltIn):
    """mean_j of e^2 / 2 where |e| <= delta, delta (|e| - delta / 2) elsewhere (Huber 1964). Raises ValueError unless delta > 0."""

    kernel = loss_formulas.HUBER
    function_name = "huber"

    def __init__(
        self, delta: float = 1.0, reduction: str | None = "sum_over_batch_size", name: str | None = "huber_loss", dtype: Any = None
    ):
        super().__init__(reduction, name, dtype)
        self.delta = positive("delta", delta, self.name)

    @property
    def numbers(self) -> tuple[float, ...]:
        return (self.delta,)

    def get_config(self) -> dict[str, Any]:
        return {"delta": self.delta, **super().get_config()}


class LogCosh(BuiltIn):
    """mean_j log cosh e_j, which is e^2 / 2 near 0 and |e| - log 2 far out."""

    kernel = loss_formulas.LOG_COSH
    function_name = "log_cosh"


class CosineSimilarity(BuiltIn):
    """-<t, p> / (|t| |p|): from -1, the same direction, to 1; the axis is the vectors'. A length counts as at least 1e-7."""

    kernel = vector_losses.COSINE_SIMILARITY
    function_name = "cosine_similarity"

    def __init__(
        self, axis: int = -1, reduction: str | None = "sum_over_batch_size", name: str | None = None, dtype: Any = None
    ):
        super().__init__(reduction, name, dtype)
        self.axis = axis

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | ({} if self.axis == -1 else {"axis": self.axis})


def positive(name: str, value: Any, loss: str) -> float:
    """A number above 0. Raises ValueError naming the argument."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise ValueError(f"Loss {loss}: {name} must be a positive number. Received: {name}={value!r}.")
    return float(value)
