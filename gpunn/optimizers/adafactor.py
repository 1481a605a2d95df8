"""Adafactor: squared gradients remembered by the rows and columns of matrices (Shazeer & Stern 2018)."""

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from gpunn.optimizers.base import Common, Optimizer
from gpunn.optimizers.checks import finite, number, positive

LINES = ("rows", "columns")  # the slots with one number for each


class Adafactor(Optimizer):
    """w -= max(epsilon_2, rms(w)) * rho * u / max(1, rms(u) / clip_threshold), where u = g / sqrt(v) and rho = min(rate, 1 / sqrt(t)).

    Of parameters with two axes or more v is r / mean(r) * c, with r and c the means of s = g^2 + epsilon_1 along the last axis and along
    the one before, averaged over the steps t as v itself is of the others: v = b * v + (1 - b) * s, b = 1 - t^beta_2_decay. The rate is
    at most 1 / sqrt(t) with `relative_step`, where it is no schedule. Here r and c take as much room as the parameter; files hold them as
    Keras's do. Raises ValueError for numbers out of range.
    """

    def __init__(
        self, learning_rate: Any = 0.001, beta_2_decay: float = -0.8, epsilon_1: float = 1e-30, epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0, relative_step: bool = True, **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)
        self.beta_2_decay, self.relative_step = finite("beta_2_decay", beta_2_decay, "Adafactor"), bool(relative_step)
        self.epsilon_1, self.epsilon_2 = (number(n, v, "Adafactor") for n, v in (("epsilon_1", epsilon_1), ("epsilon_2", epsilon_2)))
        self.clip_threshold = positive("clip_threshold", clip_threshold, "Adafactor")
        self._kept: Any = None

    def build(self, variables: Sequence[Any]) -> None:
        super().build(variables)
        if self._own is not None and self._own.asking:
            self._kept = list(zip(*self.add_optimizer_variables(variables, ["rows", "columns", "velocity"]), strict=True))

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """As Keras's: the update of one variable, traced."""
        from gpunn import ops  # which is made of what optimizers are made of

        def rms(x: Any) -> Any:
            return ops.sqrt(ops.mean(ops.square(x)))

        rows, columns, velocity = self._kept[self._get_variable_index(variable)]
        t = ops.add(self.iterations, 1.0)
        rate = ops.minimum(learning_rate, ops.rsqrt(t))  # which `relative_step` changes nothing of: Keras takes the least twice
        kept = ops.subtract(1.0, ops.power(t, self.beta_2_decay))
        squares = ops.add(ops.square(gradient), self.epsilon_1)

        def averaged(before: Any, now: Any) -> Any:
            return ops.add(ops.multiply(kept, before), ops.multiply(ops.subtract(1.0, kept), now))

        if len(variable.shape) > 1:
            r, c = (  # one number a row, and a column: all along the axis are alike
                averaged(ops.max(v, axis=axis, keepdims=True), ops.mean(squares, axis=axis, keepdims=True))
                for v, axis in ((rows, -1), (columns, -2))
            )
            self.assign(rows, ops.broadcast_to(r, variable.shape))
            self.assign(columns, ops.broadcast_to(c, variable.shape))
            v = ops.multiply(ops.divide(r, ops.mean(r, axis=-2, keepdims=True)), c)
        else:
            v = averaged(velocity, squares)
        self.assign(velocity, v)
        u = ops.divide(gradient, ops.sqrt(v))
        size = ops.multiply(ops.maximum(rms(variable), self.epsilon_2), rate)
        self.assign_sub(variable, ops.multiply(size, ops.divide(u, ops.maximum(1.0, ops.divide(rms(u), self.clip_threshold)))))

    # ------------------------------------------------------------------ in files
    def stored_shape(self, slot: str, name: str, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        if slot not in LINES:
            return shape
        if len(shape) < 2:
            return ()  # Keras keeps a number that nobody reads
        return shape[:-1] if slot == "rows" else (*shape[:-2], shape[-1])

    def stored(self, slot: str, array: np.ndarray) -> np.ndarray:
        if slot not in LINES:
            return array
        if array.ndim < 2:
            return np.zeros((), array.dtype)
        return array[..., 0] if slot == "rows" else array[..., 0, :]

    def unstored(self, slot: str, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        if slot not in LINES or len(shape) < 2:
            return np.broadcast_to(array, shape)
        return np.broadcast_to(np.expand_dims(array, -1 if slot == "rows" else -2), shape)

    def get_config(self) -> dict[str, Any]:
        names = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")
        return super().get_config() | {n: getattr(self, n) for n in names}
