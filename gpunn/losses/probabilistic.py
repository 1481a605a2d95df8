"""Losses of probabilities: cross-entropies and their focal kin, divergence, Poisson. Probabilities are clipped to [1e-7, 1 - 1e-7]."""

import warnings
from typing import Any

import numpy as np

from gpunn.backend.foreign import as_array
from gpunn.kernels import REGISTRY, categorical, loss_formulas, row_losses, softmax, vector_losses, weighing
from gpunn.losses import targets
from gpunn.losses.base import LEFT, BuiltIn, Loss


class _Entropy(BuiltIn):
    """With from_logits the prediction is what would go into the activation; with label_smoothing targets move that share towards even."""

    def __init__(
        self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1, reduction: str | None = "sum_over_batch_size",
        name: str | None = None, dtype: Any = None,
    ):
        super().__init__(reduction, name, dtype)
        self.from_logits, self.axis = bool(from_logits), axis
        self.label_smoothing = share("label_smoothing", label_smoothing, self.name)

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        y = super().prepare(y, output_shape, dtype)
        if self.label_smoothing:
            y = y * y.dtype.type(1.0 - self.label_smoothing) + y.dtype.type(self.label_smoothing / self._ways(y.shape))
        return y

    def _ways(self, shape: tuple[int, ...]) -> int:
        """How many outcomes smoothing spreads a target over."""
        return 2

    def get_config(self) -> dict[str, Any]:
        own = {"from_logits": self.from_logits, "label_smoothing": self.label_smoothing, "axis": self.axis}
        return own | super().get_config()


class BinaryCrossentropy(_Entropy):
    """-mean_j [t log p + (1 - t) log(1 - p)]. Exact for any logit with from_logits or with a sigmoid, where nothing is clipped."""

    fuses = "sigmoid"
    function_name = "binary_crossentropy"

    @property
    def kernel(self) -> Any:
        return row_losses.BINARY_CROSSENTROPY_LOGITS if self.from_logits else row_losses.BINARY_CROSSENTROPY

    def _of_logits(self) -> Any:
        return row_losses.BINARY_CROSSENTROPY_LOGITS

    def record_fused(self, ops: Any, y: Any, z: Any, weight: Any, scale: float) -> tuple[Any, Any, Any]:
        order = self.order(z.shape)
        rows, p = self.rows(ops, z, order), ops.empty(z.shape, z.dtype)
        values, gradient = ops.empty((rows.shape[0],), z.dtype), ops.empty(rows.shape, z.dtype)
        ops.launch(self._of_logits(), rows, self.rows(ops, y, order), weight, scale, *self.numbers, values, gradient)
        ops.launch(REGISTRY["sigmoid"], z, p)
        return values, self.back(ops, gradient, z.shape, order), p


class BinaryFocalCrossentropy(BinaryCrossentropy):
    """Binary cross-entropy times m^gamma, m the distance of p from its target: easy outcomes count less (Lin et al. 2017).

    With apply_class_balancing a target of 1 weighs alpha, one of 0 weighs 1 - alpha.
    """

    function_name = "binary_focal_crossentropy"

    def __init__(
        self, apply_class_balancing: bool = False, alpha: float = 0.25, gamma: float = 2.0, from_logits: bool = False,
        label_smoothing: float = 0.0, axis: int = -1, reduction: str | None = "sum_over_batch_size", name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.apply_class_balancing, self.alpha, self.gamma = bool(apply_class_balancing), float(alpha), float(gamma)

    @property
    def kernel(self) -> Any:
        return loss_formulas.BINARY_FOCAL_LOGITS if self.from_logits else loss_formulas.BINARY_FOCAL

    def _of_logits(self) -> Any:
        return loss_formulas.BINARY_FOCAL_LOGITS

    @property
    def numbers(self) -> tuple[float, ...]:
        return self.alpha, self.gamma, float(self.apply_class_balancing)

    def get_config(self) -> dict[str, Any]:
        own = {"apply_class_balancing": self.apply_class_balancing, "alpha": self.alpha, "gamma": self.gamma}
        return own | super().get_config()


class CategoricalCrossentropy(_Entropy):
    """-sum_j t_j log(p_j / sum p), clipped as Keras clips; t a distribution over the columns. Fused with a softmax there is no clip."""

    function_name = "categorical_crossentropy"
    _plain, _softmax = categorical.CROSSENTROPY_DENSE, softmax.SOFTMAX_CE_DENSE

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        _warn_of_one_class(self, output_shape)
        shape, y = np.shape(y), as_array(y)
        if shape[1:] in (output_shape[1:-1], (*output_shape[1:-1], 1)) and shape[1:] != output_shape[1:]:
            raise ValueError(
                f"Loss {self.name}: targets do not fit the model's output. Expected shape {(None, *output_shape[1:])}. Received: {shape}. "
                "Integer labels go with sparse_categorical_crossentropy."
            )
        return super().prepare(y, output_shape, dtype)

    @property
    def fuses(self) -> str | None:  # type: ignore[override]
        return "softmax" if self.axis == -1 else None

    def _ways(self, shape: tuple[int, ...]) -> int:
        return shape[-1]

    def launch(self, ops: Any, p: Any, y: Any, weight: Any, scale: float, values: Any, gradient: Any) -> None:
        if self.from_logits:
            ops.launch(self._softmax, p, y, weight, scale, ops.empty(p.shape, p.dtype), values, gradient)
        else:
            ops.launch(self._plain, p, y, weight, scale, values, gradient)

    def record_fused(self, ops: Any, y: Any, z: Any, weight: Any, scale: float) -> tuple[Any, Any, Any]:
        rows = z.reshape(-1, z.shape[-1])
        values, gradient, p = ops.empty((rows.shape[0],), z.dtype), ops.empty(rows.shape, z.dtype), ops.empty(rows.shape, z.dtype)
        ops.launch(self._softmax, rows, y.reshape(-1) if self.sparse else y.reshape(rows.shape), weight, scale, p, values, gradient)
        return values, gradient.reshape(z.shape), p.reshape(z.shape)


class CategoricalFocalCrossentropy(_Entropy):
    """-sum_j alpha_j (1 - q_j)^gamma t_j log q_j with q = p / sum p, clipped (Lin et al. 2017). alpha: a number, or one a class."""

    function_name = "categorical_focal_crossentropy"

    def __init__(
        self, alpha: Any = 0.25, gamma: float = 2.0, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1,
        reduction: str | None = "sum_over_batch_size", name: str | None = None, dtype: Any = None,
    ):
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.alpha, self.gamma = alpha, float(gamma)

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        _warn_of_one_class(self, output_shape)
        if np.size(self.alpha) not in (1, output_shape[self.axis]):
            raise ValueError(
                f"Loss {self.name}: expected alpha as one number or one a class, {output_shape[self.axis]}. Received: alpha={self.alpha!r}."
            )
        return super().prepare(y, output_shape, dtype)

    def _ways(self, shape: tuple[int, ...]) -> int:
        return shape[-1]

    def launch(self, ops: Any, p: Any, y: Any, weight: Any, scale: float, values: Any, gradient: Any) -> None:
        alpha = ops.asarray(np.broadcast_to(np.asarray(self.alpha, p.dtype).reshape(-1), (p.shape[1],)).copy())
        if self.from_logits:
            z, p = p, ops.empty(p.shape, p.dtype)
            ops.launch(softmax.SOFTMAX, z, p)
        ops.launch(vector_losses.CATEGORICAL_FOCAL, p, y, alpha, weight, scale, self.gamma, values, gradient)
        if self.from_logits:
            ops.launch(softmax.SOFTMAX_BWD, gradient, p, gradient)

    def get_config(self) -> dict[str, Any]:
        alpha = self.alpha if isinstance(self.alpha, (int, float)) else [float(a) for a in np.ravel(self.alpha)]
        return {"alpha": alpha, "gamma": self.gamma} | super().get_config()


class SparseCategoricalCrossentropy(CategoricalCrossentropy):
    """Categorical cross-entropy with integer labels. Positions whose label is ignore_class do not count.

    Raises ValueError for labels outside 0..classes-1.
    """

    sparse = True
    function_name = "sparse_categorical_crossentropy"
    _plain, _softmax = categorical.CROSSENTROPY_SPARSE, softmax.SOFTMAX_CE_SPARSE

    def __init__(
        self, from_logits: bool = False, ignore_class: int | None = None, reduction: str | None = "sum_over_batch_size", axis: int = -1,
        name: str | None = None, dtype: Any = None,
    ):
        super().__init__(from_logits, 0.0, axis, reduction, name, dtype)
        self.ignore_class = ignore_class

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        self.check_axis(len(output_shape))
        return targets.labels(y, output_shape, f"Loss {self.name}", self.axis, self.ignore_class)

    @property
    def reweighs(self) -> bool:
        return self.ignore_class is not None or super().reweighs

    def weigh(self, ops: Any, y: Any, weight: Any) -> Any:
        if self.ignore_class is None:
            return super().weigh(ops, y, weight)
        out, keep = ops.empty(weight.shape, weight.dtype), self.kept(ops, y, weight.dtype)[0]
        mean, by_weight = self.reduction not in ("sum", *LEFT), self.reduction == "mean_with_sample_weight"
        ops.launch(weighing.WEIGH, weight, keep, int(mean), int(by_weight), out)
        return out

    def kept(self, ops: Any, y: Any, dtype: Any) -> tuple[Any, Any]:
        """(1 where there is a label that counts, labels that may be used as indices)."""
        labels = y.reshape(-1)
        keep, safe = ops.empty(labels.shape, dtype), ops.empty(labels.shape, "int32")
        ops.launch(weighing.KEEP, labels, keep, safe)
        return keep, safe

    def record(self, ops: Any, y: Any, p: Any, weight: Any, scale: float) -> tuple[Any, Any]:
        if self.ignore_class is None:
            return super().record(ops, y, p, weight, scale)
        keep, safe = self.kept(ops, y, p.dtype)
        values, gradient = super().record(ops, safe, p, weight, scale)
        ops.launch(weighing.mask, values, keep)
        return values, gradient

    def record_fused(self, ops: Any, y: Any, z: Any, weight: Any, scale: float) -> tuple[Any, Any, Any]:
        if self.ignore_class is None:
            return super().record_fused(ops, y, z, weight, scale)
        keep, safe = self.kept(ops, y, z.dtype)
        values, gradient, p = super().record_fused(ops, safe, z, weight, scale)
        ops.launch(weighing.mask, values, keep)
        return values, gradient, p

    def get_config(self) -> dict[str, Any]:
        own: dict[str, Any] = {"from_logits": self.from_logits, "ignore_class": self.ignore_class}
        return own | ({} if self.axis == -1 else {"axis": self.axis}) | Loss.get_config(self)


class CategoricalGeneralizedCrossEntropy(BuiltIn):
    """(1 - p^q) / q of the label's probability, 0 < q < 1: between cross-entropy (q to 0) and absolute error (q to 1), for labels that
    may be wrong (Zhang & Sabuncu 2018). Targets are integer labels."""

    kernel = loss_formulas.GENERALIZED_CROSSENTROPY
    function_name = "categorical_generalized_cross_entropy"

    def __init__(self, q: float = 0.5, reduction: str | None = "sum_over_batch_size", name: str | None = None, dtype: Any = None):
        super().__init__(reduction, name, dtype)
        if not 0 < q < 1:
            raise ValueError(f"Loss {self.name}: q must be in the interval (0, 1). Received: q={q!r}.")
        self.q = float(q)

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        labels = targets.labels(y, output_shape, f"Loss {self.name}")
        return np.eye(int(output_shape[-1] or 0), dtype=dtype)[labels]

    @property
    def numbers(self) -> tuple[float, ...]:
        return (self.q,)

    def get_config(self) -> dict[str, Any]:
        return {"q": self.q, **super().get_config()}


class KLDivergence(BuiltIn):
    """sum_j t_j log(t_j / p_j), both clipped to [1e-7, 1] (Kullback & Leibler 1951)."""

    kernel = loss_formulas.KL_DIVERGENCE
    function_name = "kl_divergence"


class Poisson(BuiltIn):
    """mean_j p_j - t_j log(p_j + 1e-7): the negative log-likelihood of counts t with rates p, less its constant."""

    kernel = loss_formulas.POISSON
    function_name = "poisson"


def share(name: str, value: Any, loss: str) -> float:
    """A number from 0 to 1. Raises ValueError naming the argument."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"Loss {loss}: {name} must be in [0, 1]. Received: {name}={value!r}.")
    return float(value)


def _warn_of_one_class(loss: Loss, output_shape: tuple[int | None, ...]) -> None:
    if output_shape[-1] == 1:
        warnings.warn(
            f"In loss {loss.name}, expected y_pred.shape to be (batch_size, num_classes) with num_classes > 1. Received: "
            f"y_pred.shape={output_shape}. Consider using 'binary_crossentropy' if you only have 2 classes.", SyntaxWarning, stacklevel=4,
        )
