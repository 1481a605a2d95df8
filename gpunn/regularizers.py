"""Regularizers: what is added to the loss for the size of weights or outputs. Names, defaults and sums are Keras 3's.

`L1`, `L2` and `L1L2` sum over the elements; `Lasso`, `Ridge` and `ElasticNet` take means, as statistics courses write them. A regularizer
of your own is one of three things:

* two formulas (`FromFormula`), for a sum over elements: fused with the others, and recorded;
* a subclass of `Regularizer` whose ``__call__(w)`` returns ``(value, gradient)`` of the weight array ``w``;
* a function of ``w`` that returns the same. Nothing is differentiated for you.

The last two are called from Python in every step, which is then not recorded.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn import lookup
from gpunn.backend import get_backend
from gpunn.kernels import penalties, unit
from gpunn.kernels.record import REGISTRY, Kernel

STEEPEST = 1e7  # rows shorter than its inverse are not made any longer


class Regularizer:
    """Base class. A subclass gives ``__call__(w) -> (value, gradient)``; one of gpunn's own returns the value alone, as Keras's do.

    Attributes: ``penalty``, the kernels of a sum over elements, or None; ``recordable``, whether it only launches kernels.
    """

    penalty: penalties.Penalty | None = None
    recordable = False

    def __call__(self, w: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} gives no __call__(w) that returns (value, gradient).")

    def coefficients(self, size: int) -> tuple[float, ...]:
        """The numbers the formulas take after the element, for a parameter of `size` elements."""
        return ()

    def threshold(self, size: int) -> float:
        """What the proximal step after each update shrinks every element by, times the learning rate."""
        return 0.0

    def check(self, name: str, w: Any) -> None:
        """Raises ValueError when it cannot be applied to the weights `w`."""
        if not self.recordable:
            value_and_gradient(self, w, name)

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if not k.startswith("_")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Regularizer":
        return cls(**config)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_config().items())})"


class _Elements(Regularizer):
    """A sum over elements, by formulas."""

    recordable = True
    penalty: penalties.Penalty

    def __call__(self, w: Any) -> float:
        """The value for an array of weights."""
        w = np.asarray(w)
        w = np.ascontiguousarray(w, "float64" if w.dtype == np.float64 else "float32").reshape(1, -1)
        ops = get_backend()
        value = ops.empty((1,), w.dtype)
        ops.launch(self.penalty.rows, ops.asarray(w), 1.0, *self.coefficients(w.size), value)
        return float(ops.to_numpy(value)[0])


class L1L2(_Elements):
    """l1 * sum |w| + l2 * sum w^2. The gradient of |w| at 0 is 0.

    With `proximal` the l1 part gives no gradient; instead every update is followed by the soft threshold
    w -> sign(w) max(|w| - learning_rate * l1, 0), which ends at exact zeros, as gradient steps do not (with plain SGD this is the proximal
    gradient method, Daubechies, Defrise & De Mol 2004; with other optimizers a heuristic that uses their learning rate).
    Raises ValueError for factors that are not finite and at least 0.
    """

    penalty = penalties.L1_L2

    def __init__(self, l1: float = 0.0, l2: float = 0.0, proximal: bool = False):
        self.l1, self.l2 = _factor("l1", 0.0 if l1 is None else l1), _factor("l2", 0.0 if l2 is None else l2)
        self.proximal = bool(proximal)

    def _pair(self, size: int) -> tuple[float, float]:
        return self.l1, self.l2

    def coefficients(self, size: int) -> tuple[float, ...]:
        l1, l2 = self._pair(size)
        return l1, l2, 0.0 if self.proximal else l1

    def threshold(self, size: int) -> float:
        return self._pair(size)[0] if self.proximal else 0.0

    def _config(self, *names: str) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names} | ({"proximal": True} if self.proximal else {})

    def get_config(self) -> dict[str, Any]:
        return self._config("l1", "l2")


class L1(L1L2):
    """l1 * sum |w|; see `L1L2`."""

    def __init__(self, l1: float = 0.01, proximal: bool = False):
        super().__init__(0.01 if l1 is None else l1, 0.0, proximal)

    def get_config(self) -> dict[str, Any]:
        return self._config("l1")


class L2(L1L2):
    """l2 * sum w^2, without a half: its gradient is 2 * l2 * w."""

    def __init__(self, l2: float = 0.01):
        super().__init__(0.0, 0.01 if l2 is None else l2)

    def get_config(self) -> dict[str, Any]:
        return self._config("l2")


class ElasticNet(L1L2):
    """alpha * (r * mean |w| + (1 - r) * mean w^2 / 2): `r` is the share of L1 (Zou & Hastie 2005), means are over the n elements of w.

    ``scale="sum"`` takes sums in place of means. Raises ValueError for alpha below 0, r outside [0, 1] or another scale.
    """

    def __init__(self, alpha: float = 0.01, r: float = 0.5, scale: str = "mean", proximal: bool = False):
        if scale not in ("mean", "sum"):
            raise ValueError(f"Invalid value for argument scale: expected 'mean' or 'sum'. Received: scale={scale!r}")
        if not 0 <= _factor("r", r) <= 1:
            raise ValueError(f"Invalid value for argument r: expected a share from 0 to 1. Received: r={r!r}")
        self.alpha, self.r, self.scale = _factor("alpha", alpha), float(r), scale
        super().__init__(self.alpha * self.r, 0.5 * self.alpha * (1.0 - self.r), proximal)

    def _pair(self, size: int) -> tuple[float, float]:
        share = 1.0 / max(size, 1) if self.scale == "mean" else 1.0
        return self.l1 * share, self.l2 * share

    def get_config(self) -> dict[str, Any]:
        return self._config("alpha", "r", "scale")


class Lasso(ElasticNet):
    """alpha * mean |w| (Tibshirani 1996, with the mean in place of the sum)."""

    def __init__(self, alpha: float = 0.01, scale: str = "mean", proximal: bool = False):
        super().__init__(alpha, 1.0, scale, proximal)

    def get_config(self) -> dict[str, Any]:
        return self._config("alpha", "scale")


class Ridge(ElasticNet):
    """alpha * mean w^2 / 2: the half mean of the squares (1/(2n) times their sum)."""

    def __init__(self, alpha: float = 0.01, scale: str = "mean"):
        super().__init__(alpha, 0.0, scale)

    def get_config(self) -> dict[str, Any]:
        return self._config("alpha", "scale")


class FromFormula(_Elements):
    """A sum over elements of your own, from two elementwise kernels: the value and the gradient of one element, and of any constants.

    ::

        @gpunn.elementwise("w, width:const -> value")
        def cauchy(w, width):
            return log(1.0 + w * w / width)

        @gpunn.elementwise("w, width:const -> slope")
        def cauchy_slope(w, width):
            return 2.0 * w / (width + w * w)

        Dense(8, kernel_regularizer=FromFormula(cauchy, cauchy_slope, 0.1))

    Constants are given after the kernels. Raises ValueError when kernels and constants do not fit each other.
    """

    def __init__(self, value: Kernel, gradient: Kernel, *constants: float):
        self.penalty = penalties.penalty(value, gradient)
        if len(constants) != self.penalty.coefficients:
            raise ValueError(f"FromFormula: the kernels take {self.penalty.coefficients} constants. Received: {constants}.")
        self._value, self._constants = value, tuple(float(c) for c in constants)

    def coefficients(self, size: int) -> tuple[float, ...]:
        return self._constants

    def get_config(self) -> dict[str, Any]:
        raise ValueError(f"{self!r} cannot be saved: give it a class, a subclass of FromFormula with a get_config.")

    def __repr__(self) -> str:
        return f"FromFormula({', '.join([self._value.name, *map(str, self._constants)])})"


class OrthogonalRegularizer(Regularizer):
    """factor * mean |cosine| over the pairs of rows (or columns, by `mode`) of a matrix: they are pushed to right angles.

    Raises ValueError for a factor that is not finite and at least 0, another mode, or a weight that is no matrix of two rows (columns).
    """

    recordable = True

    def __init__(self, factor: float = 0.01, mode: str = "rows"):
        if mode not in ("rows", "columns"):
            raise ValueError(f'Invalid value for argument `mode`. Expected one of {{"rows", "columns"}}. Received: mode={mode}')
        self.factor, self.mode = _factor("factor", factor), mode

    def check(self, name: str, w: Any) -> None:
        if len(w.shape) != 2 or self.slots(w.shape) < 2:
            raise ValueError(
                f"OrthogonalRegularizer of {name}: expected a matrix with at least two {self.mode}. Received: shape {w.shape}."
            )

    def record(self, ops: Any, w: Any, gradient: Any, value: Any, scale: float = 1.0) -> None:
        """Launch value (one a row, or column, into `value`) and `scale` times the gradient, added to `gradient` (None: the value alone)."""
        size = self.slots(w.shape)
        columns = self.mode == "columns"
        if columns:
            turned = ops.empty(w.shape[::-1], w.dtype)
            ops.launch(unit.TRANSPOSE, w, 0.0, turned)
            w = turned
        rows, inverse, slope = ops.empty(w.shape, w.dtype), ops.empty((size,), w.dtype), ops.empty((size, size), w.dtype)
        ops.launch(unit.UNIT_ROWS, w, STEEPEST, rows, inverse)
        ops.launch(unit.ANGLES, ops.matmul(rows, rows, tb=True), self.factor / (size * (size - 1) / 2), scale, slope, value)
        if gradient is None:
            return
        d = ops.matmul(slope, rows)
        ops.launch(unit.UNIT_ROWS_BWD, d, rows, inverse, STEEPEST, d)
        if columns:
            ops.launch(unit.TRANSPOSE, d, 1.0, gradient)
        else:
            ops.launch(REGISTRY["add"], gradient, d)

    def slots(self, shape: tuple[int, ...]) -> int:
        """How many values `record` writes."""
        return shape[self.mode == "columns"]

    def __call__(self, w: Any) -> float:
        w = np.asarray(w)
        w = np.ascontiguousarray(w, "float64" if w.dtype == np.float64 else "float32")
        self.check("an array", w)
        ops = get_backend()
        value = ops.empty((self.slots(w.shape),), w.dtype)
        self.record(ops, ops.asarray(w), None, value)
        return float(ops.to_numpy(value).sum())


class FromFunction(Regularizer):
    """Any function ``f(w) -> (value, gradient)``."""

    def __init__(self, function: Callable[..., Any]):
        if not callable(function):
            raise ValueError(
                f"Could not interpret regularizer. Expected a name, a Regularizer or a function of w. Received: {function!r}."
            )
        self.function = function

    def __call__(self, w: Any) -> Any:
        return self.function(w)

    def __repr__(self) -> str:
        return getattr(self.function, "__name__", repr(self.function))


def value_and_gradient(regularizer: Regularizer, w: Any, name: str) -> tuple[Any, Any]:
    """What a regularizer of the user's gives for the weights `w`. Raises ValueError when it is not (value, gradient)."""
    out = regularizer(w)
    if not isinstance(out, tuple) or len(out) != 2 or np.shape(out[0]) not in ((), (1,)) or getattr(out[1], "shape", None) != w.shape:
        shape = getattr(out, "shape", None) if not isinstance(out, tuple) else [getattr(o, "shape", ()) for o in out]
        raise ValueError(
            f"Regularizer {regularizer!r} of {name}: expected (value, gradient), a number and an array of shape {w.shape}, as nothing is "
            f"differentiated for it. Received: {type(out).__name__}{'' if shape is None else f' of shape {shape}'}."
        )
    return out


def value_of(regularizer: Regularizer, w: np.ndarray) -> float:
    """What a regularizer adds to the loss for these weights."""
    return float(regularizer(w) if regularizer.recordable else value_and_gradient(regularizer, w, "an array")[0])


def _factor(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not math.isfinite(value) or value < 0:
        raise ValueError(f"Invalid value for argument {name}: expected a non-negative float. Received: {name}={value!r}")
    return float(value)


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer
NAMES: dict[str, Any] = {
    "L1": L1, "l1": L1, "L2": L2, "l2": L2, "L1L2": L1L2, "l1l2": L1L2, "l1_l2": L1L2, "Lasso": Lasso, "lasso": Lasso, "Ridge": Ridge,
    "ridge": Ridge, "ElasticNet": ElasticNet, "elastic_net": ElasticNet, "OrthogonalRegularizer": OrthogonalRegularizer,
    "orthogonal_regularizer": OrthogonalRegularizer,
}


def get(identifier: Any) -> Regularizer | None:
    """A regularizer from its name, itself, its configuration, a function ``f(w) -> (value, gradient)``, or None.

    Raises ValueError listing the names.
    """
    if identifier == "l1_l2":
        return L1L2(0.01, 0.01)  # what Keras says of the string; the class has zeros
    return lookup.optional("regularizer", identifier, NAMES, Regularizer, FromFunction)


def of_output(identifier: Any, layer: str) -> Regularizer | None:
    """A regularizer for what a layer gives. Raises ValueError for one that is for weights only."""
    regularizer = get(identifier)
    if regularizer is not None and regularizer.recordable and (regularizer.penalty is None or regularizer.threshold(1)):
        raise ValueError(f"Layer {layer!r}: activity_regularizer cannot be {regularizer!r}, which is for weights.")
    return regularizer


def serialize(regularizer: Regularizer | None) -> dict[str, Any] | None:
    """Its configuration, for `deserialize`."""
    return lookup.serialize(regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Regularizer | None:
    """A regularizer from its configuration; classes of your own are found in `custom_objects`."""
    with lookup.custom_objects(custom_objects):
        return get(config)
