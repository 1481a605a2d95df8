"""Normalization within each row of a batch: the same in training and inference, whatever the batch."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.kernels import group_norms, reductions, unit
from gpunn.layers.base import Layer, Pullback, positive
from gpunn.layers.columns import numbered, pick


class _WithinRows(Layer):
    """y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, with a mean and a variance for each row and group of channels."""

    supports_masking = True
    centered = 1.0  # 0: the mean is taken for 0

    def __init__(self, axis: Any, epsilon: float, **common: Any):
        super().__init__(**common)
        self.axis, self.epsilon = axis, float(epsilon)
        if not self.epsilon > 0:
            raise ValueError(f"Layer {self.name!r}: epsilon must be a number above 0. Received: epsilon={epsilon!r}.")
        self.gamma: Any = None
        self.beta: Any = None

    def axes(self, input_shape: Sequence[int | None]) -> list[int]:
        """The axes, counted from the first, in order. Raises ValueError for those that a row has not."""
        rank = len(input_shape)
        axes = sorted(a + rank if a < 0 else a for a in (self.axis if isinstance(self.axis, list) else [self.axis]))
        if len({*axes}) != len(axes) or not 0 < axes[0] <= axes[-1] < rank:
            raise ValueError(f"Layer {self.name!r}: expected axes of a row of shape {tuple(input_shape)}. Received: axis={self.axis}.")
        return axes

    def trailing(self, input_shape: Sequence[int | None]) -> tuple[int, ...]:
        """The sizes along the axes, which are, or are brought, behind the others. Raises ValueError where they are not known."""
        sizes = tuple(input_shape[a] or 0 for a in self.axes(input_shape))
        if not all(sizes):
            raise ValueError(
                f"Layer {self.name!r}: expected axes of known sizes, for inputs of shape {tuple(input_shape)}. Received: axis={self.axis}."
            )
        return sizes

    def weight_shape(self, input_shape: Sequence[int | None]) -> tuple[int, ...]:
        """The sizes along the axes in Keras's order, which sorts negative ones as they are."""
        self.trailing(input_shape)
        return tuple(input_shape[a] or 0 for a in (sorted(self.axis) if isinstance(self.axis, list) else [self.axis]))

    def order(self, shape: tuple[int, ...]) -> list[int] | None:
        """The axes of a row in the order that has these behind the others; None where they are there."""
        axes = self.axes(shape)
        order = [*(a for a in range(len(shape)) if a not in axes), *axes]
        return None if order == list(range(len(shape))) else order

    def layout(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """(columns of a row, channels, groups) for an input of this shape."""
        raise NotImplementedError

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        ops, order = self.backend, self.order(x.shape)
        if order is None:
            y, pullback = self.of_rows(x, x.shape)
            return y.reshape(x.shape), lambda dy, need_dx=True: pullback(dy).reshape(x.shape) if need_dx else pullback(dy, False)
        index = numbered(x.shape[1:]).transpose([a - 1 for a in order[1:]])
        back = np.argsort(index.reshape(-1))
        y, pullback = self.of_rows(pick(ops, x, index, index.shape), x.shape)

        def moved(dy: Any, need_dx: bool = True) -> Any:
            dx = pullback(pick(ops, dy, index, index.shape), need_dx)
            return pick(ops, dx.reshape(x.shape[0], -1), back, x.shape[1:]) if need_dx else None

        return pick(ops, y.reshape(x.shape[0], -1), back, x.shape[1:]), moved

    def of_rows(self, x: Any, shape: tuple[int, ...]) -> tuple[Any, Pullback]:
        """The same of an input of this shape whose axes were brought behind the others; rows."""
        ops, (columns, channels, groups) = self.backend, self.layout(shape)
        rows = x.reshape(-1, columns)
        gamma = ops.asarray(np.ones(channels, x.dtype)) if self.gamma is None else self.gamma.value.reshape(channels)
        beta = ops.asarray(np.zeros(channels, x.dtype)) if self.beta is None else self.beta.value.reshape(channels)
        y = ops.empty(rows.shape, x.dtype)
        mean, inverse = (ops.empty((rows.shape[0], groups), x.dtype) for _ in range(2))
        sizes = (channels, groups)
        ops.launch(group_norms.GROUP_NORMALIZE, rows, gamma, beta, *sizes, self.epsilon, self.centered, y, mean, inverse)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            d = dy.reshape(rows.shape)
            learning = [p for p in (self.beta, self.gamma) if p is not None and p.learns]
            if learning:
                wide = [a.reshape(-1, channels) for a in (d, rows)]
                total = [ops.empty((channels,), x.dtype) for _ in range(2)]
                ops.launch(group_norms.GROUP_SUMS, *wide, mean, inverse, columns // channels, groups, *total)
                for p, gradient in zip((self.beta, self.gamma), total, strict=True):
                    if p in learning:
                        ops.launch(reductions.COLUMN_SUM, gradient.reshape(1, channels), float(p.claim()), p.gradient.reshape(channels))
            if not need_dx:
                return None
            ops.launch(group_norms.GROUP_NORMALIZE_BWD, d, rows, gamma, mean, inverse, *sizes, self.centered, d)
            return d

        return y, pullback


def _axes(axis: Any, layer: str) -> Any:
    """As given, a tuple as a list. Raises TypeError for what is not an integer or several."""
    several = isinstance(axis, (list, tuple))
    if not all(isinstance(a, (int, np.integer)) and not isinstance(a, bool) for a in (axis if several else [axis])) or axis in ([], ()):
        raise TypeError(f"{layer}: expected an int or a list of ints for the argument axis. Received: axis={axis!r}.")
    return [int(a) for a in axis] if several else int(axis)


class LayerNormalization(_WithinRows):
    """Over an axis of each row, or several (Ba, Kiros & Hinton 2016). gamma and beta have the shape of these axes.

    Raises ValueError for axes that rows have not, or epsilon that is not positive; TypeError for axes that are no integers.
    """

    recordable = True

    def __init__(
        self, axis: Any = -1, epsilon: float = 1e-3, center: bool = True, scale: bool = True, beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones", beta_regularizer: Any = None, gamma_regularizer: Any = None, beta_constraint: Any = None,
        gamma_constraint: Any = None, **common: Any,
    ):
        super().__init__(_axes(axis, "LayerNormalization"), epsilon, **common)
        self.center, self.scale = bool(center), bool(scale)
        self.weight_options("gamma", gamma_initializer, gamma_regularizer, gamma_constraint)
        self.weight_options("beta", beta_initializer, beta_regularizer, beta_constraint)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = self.weight_shape(input_shape)
        self.gamma = self.add_weight("gamma", shape) if self.scale else None
        self.beta = self.add_weight("beta", shape) if self.center else None

    def layout(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        columns = math.prod(self.trailing(shape))
        return columns, columns, 1

    def config(self) -> dict[str, Any]:
        return {"axis": self.axis, "epsilon": self.epsilon, "center": self.center, "scale": self.scale}


class GroupNormalization(_WithinRows):
    """Over groups of neighbouring channels, at all places of a row (Wu & He 2018); `groups` -1 is one a channel. gamma, beta: (channels,).

    Raises ValueError for groups that do not divide the channels, an axis that rows have not, or epsilon that is not positive.
    """

    recordable = True

    def __init__(
        self, groups: int = 32, axis: int = -1, epsilon: float = 1e-3, center: bool = True, scale: bool = True,
        beta_initializer: Any = "zeros", gamma_initializer: Any = "ones", beta_regularizer: Any = None, gamma_regularizer: Any = None,
        beta_constraint: Any = None, gamma_constraint: Any = None, **common: Any,
    ):
        super().__init__(_axes(axis, "GroupNormalization"), epsilon, **common)
        if isinstance(self.axis, list):
            raise TypeError(f"Layer {self.name!r}: expected one axis, that of the channels. Received: axis={axis!r}.")
        self.groups = -1 if groups == -1 else positive("groups", groups, self.name)
        self.center, self.scale = bool(center), bool(scale)
        self.weight_options("gamma", gamma_initializer, gamma_regularizer, gamma_constraint)
        self.weight_options("beta", beta_initializer, beta_regularizer, beta_constraint)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = self.trailing(input_shape)[0]
        if self.groups == -1:
            self.groups = channels
        if channels % self.groups:
            raise ValueError(f"Layer {self.name!r}: groups must divide the {channels} channels. Received: groups={self.groups}.")
        self.gamma = self.add_weight("gamma", (channels,)) if self.scale else None
        self.beta = self.add_weight("beta", (channels,)) if self.center else None

    def layout(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        return math.prod(shape[1:]), self.trailing(shape)[0], self.groups

    def config(self) -> dict[str, Any]:
        return {"groups": self.groups, "axis": self.axis, "epsilon": self.epsilon, "center": self.center, "scale": self.scale}


class RMSNormalization(_WithinRows):
    """y = x / sqrt(mean of x^2 + epsilon) * scale, over the last axis or axes (Zhang & Sennrich 2019). Raises as `LayerNormalization`."""

    recordable = True
    supports_masking = False
    centered = 0.0

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **common: Any):
        super().__init__(_axes(axis, "RMSNormalization"), epsilon, **common)

    @property
    def scale(self) -> Any:
        return self.gamma

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.gamma = self.add_weight("scale", self.weight_shape(input_shape), "ones")

    def layout(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        columns = math.prod(self.trailing(shape))
        return columns, columns, 1

    def config(self) -> dict[str, Any]:
        return {"axis": self.axis, "epsilon": self.epsilon}


class UnitNormalization(_WithinRows):
    """y = x / max(norm of x, 1e-12), over the last axis or axes: rows of length one. Raises as `LayerNormalization`."""

    recordable = True

    def __init__(self, axis: Any = -1, **common: Any):
        super().__init__(_axes(axis, "UnitNormalization"), 1e-12, **common)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        self.trailing(input_shape)
        return input_shape

    def of_rows(self, x: Any, shape: tuple[int, ...]) -> tuple[Any, Pullback]:
        ops, most = self.backend, 1.0 / self.epsilon
        rows = x.reshape(-1, math.prod(self.trailing(shape)))
        y, inverse = ops.empty(rows.shape, x.dtype), ops.empty((rows.shape[0],), x.dtype)
        ops.launch(unit.UNIT_ROWS, rows, most, y, inverse)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            d = dy.reshape(rows.shape)
            ops.launch(unit.UNIT_ROWS_BWD, d, y, inverse, most, d)
            return d

        return y, pullback

    def config(self) -> dict[str, Any]:
        return {"axis": self.axis}
