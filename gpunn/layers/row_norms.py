"""Normalization within each row of a batch: the same in training and inference, whatever the batch."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.kernels import group_norms, reductions, unit
from gpunn.layers.base import Layer, Pullback, positive


class _WithinRows(Layer):
    """y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, with a mean and a variance for each row and group of channels."""

    supports_masking = True
    centered = 1.0  # 0: the mean is taken for 0

    supports_masking = True

    def __init__(self, axis: Any, epsilon: float, **common: Any):
        super().__init__(**common)
        self.axis, self.epsilon = axis, float(epsilon)
        if not self.epsilon > 0:
            raise ValueError(f"Layer {self.name!r}: epsilon must be a number above 0. Received: epsilon={epsilon!r}.")
        self.gamma: Any = None
        self.beta: Any = None

    def trailing(self, input_shape: Sequence[int | None]) -> tuple[int, ...]:
        """The sizes along the axes. Raises ValueError when they are not the last ones, or not known."""
        rank = len(input_shape)
        axes = sorted(a + rank if a < 0 else a for a in (self.axis if isinstance(self.axis, list) else [self.axis]))
        sizes = tuple(n or 0 for n in input_shape[rank - len(axes) :])
        if axes != list(range(rank - len(axes), rank)) or axes[:1] == [0] or not all(sizes):
            raise ValueError(
                f"Layer {self.name!r}: expected the axis, or axes, to be the last ones, of known sizes (channels-last), for inputs of "
                f"shape {tuple(input_shape)}. Received: axis={self.axis}."
            )
        return sizes

    def layout(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """(columns of a row, channels, groups) for an input of this shape."""
        raise NotImplementedError

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        ops, (columns, channels, groups) = self.backend, self.layout(x.shape)
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
            return d.reshape(x.shape)

        return y.reshape(x.shape), pullback


def _axes(axis: Any, layer: str) -> Any:
    """As given, a tuple as a list. Raises TypeError for what is not an integer or several."""
    several = isinstance(axis, (list, tuple))
    if not all(isinstance(a, (int, np.integer)) and not isinstance(a, bool) for a in (axis if several else [axis])) or axis in ([], ()):
        raise TypeError(f"{layer}: expected an int or a list of ints for the argument axis. Received: axis={axis!r}.")
    return [int(a) for a in axis] if several else int(axis)


class LayerNormalization(_WithinRows):
    """Over the last axis, or axes, of each row (Ba, Kiros & Hinton 2016). gamma and beta have the shape of these axes.

    Raises ValueError for axes that are not the last ones, or epsilon that is not positive; TypeError for axes that are no integers.
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
        shape = self.trailing(input_shape)
        self.gamma = self.add_weight("gamma", shape) if self.scale else None
        self.beta = self.add_weight("beta", shape) if self.center else None

    def layout(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        columns = math.prod(self.trailing(shape))
        return columns, columns, 1

    def config(self) -> dict[str, Any]:
        return {"axis": self.axis, "epsilon": self.epsilon, "center": self.center, "scale": self.scale}


class GroupNormalization(_WithinRows):
    """Over groups of neighbouring channels, at all places of a row (Wu & He 2018); `groups` -1 is one a channel. gamma, beta: (channels,).

    Raises ValueError for groups that do not divide the channels, an axis other than the last, or epsilon that is not positive.
    """

    recordable = True

    def __init__(
        self, groups: int = 32, axis: int = -1, epsilon: float = 1e-3, center: bool = True, scale: bool = True,
        beta_initializer: Any = "zeros", gamma_initializer: Any = "ones", beta_regularizer: Any = None, gamma_regularizer: Any = None,
        beta_constraint: Any = None, gamma_constraint: Any = None, **common: Any,
    ):
        super().__init__(axis, epsilon, **common)
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
        self.gamma = self.add_weight("scale", self.trailing(input_shape), "ones")

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

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        ops, most = self.backend, 1.0 / self.epsilon
        rows = x.reshape(-1, math.prod(self.trailing(x.shape)))
        y, inverse = ops.empty(rows.shape, x.dtype), ops.empty((rows.shape[0],), x.dtype)
        ops.launch(unit.UNIT_ROWS, rows, most, y, inverse)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            d = dy.reshape(rows.shape)
            ops.launch(unit.UNIT_ROWS_BWD, d, y, inverse, most, d)
            return d.reshape(x.shape)

        return y.reshape(x.shape), pullback

    def config(self) -> dict[str, Any]:
        return {"axis": self.axis}
