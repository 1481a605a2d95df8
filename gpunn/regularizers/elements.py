"""Sums over elements: L1, L2 and their mixtures, with sums or means, and formulas of the user's."""

from typing import Any

import numpy as np

from gpunn.backend import get_backend
from gpunn.kernels import penalties
from gpunn.kernels.record import Kernel
from gpunn.regularizers.base import Regularizer, factor_of
from gpunn.results import dressed


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
        ops.launch(self.penalty.rows, ops.asarray(w), *self.coefficients(w.size), 1.0, value)
        return dressed(float(ops.to_numpy(value)[0]))


class L1L2(_Elements):
    """l1 * sum |w| + l2 * sum w^2. The gradient of |w| at 0 is 0 (in Keras, too, but for JAX, which takes 1).

    With `proximal` the l1 part gives no gradient; instead every update is followed by the soft threshold
    w -> sign(w) max(|w| - learning_rate * l1, 0), which ends at exact zeros, as gradient steps do not (with plain SGD this is the proximal
    gradient method, Daubechies, Defrise & De Mol 2004; with other optimizers a heuristic that uses their learning rate).
    Raises ValueError for factors that are not finite and at least 0.
    """

    penalty = penalties.L1_L2

    def __init__(self, l1: float = 0.0, l2: float = 0.0, proximal: bool = False):
        self.l1, self.l2 = factor_of("l1", 0.0 if l1 is None else l1), factor_of("l2", 0.0 if l2 is None else l2)
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
        if not 0 <= factor_of("r", r) <= 1:
            raise ValueError(f"Invalid value for argument r: expected a share from 0 to 1. Received: r={r!r}")
        self.alpha, self.r, self.scale = factor_of("alpha", alpha), float(r), scale
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
