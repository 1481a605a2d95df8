"""Batch normalization (Ioffe & Szegedy 2015), with Keras's conventions."""

import warnings
from typing import Any

import numpy as np

from gpunn import activations
from gpunn.kernels import arithmetic, batch_parts, columns, reductions, weighing
from gpunn.kernels.conv import CONV_SUM
from gpunn.kernels.sequences import mask_rows
from gpunn.layers.base import Layer, Pullback
from gpunn.layers.columns import numbered, pick
from gpunn.layers.spelling import old_names


class BatchNormalization(Layer):
    """y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, a mean and a variance for each place along `axis` (channels).

    In training mean and (biased) variance are the batch's, and moving = momentum * moving + (1 - momentum) * batch; otherwise the moving
    ones are used. Weights in Keras's order: gamma, beta, moving_mean, moving_variance; the moving ones are never optimised. `synchronized`
    is about several devices: with one it changes nothing.
    An axis other than the last is brought there and back. Steps that are masked do not count for the batch's mean and variance.
    Raises ValueError for an axis that rows do not have, momentum outside [0, 1], epsilon that is not positive, or batch renormalization.
    """

    recordable = True
    takes_mask = supports_masking = True

    @old_names(gamma_init="gamma_initializer", beta_init="beta_initializer")
    def __init__(
        self, axis: int = -1, momentum: float = 0.99, epsilon: float = 1e-3, center: bool = True, scale: bool = True,
        beta_initializer: Any = "zeros", gamma_initializer: Any = "ones", moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones", beta_regularizer: Any = None, gamma_regularizer: Any = None,
        beta_constraint: Any = None, gamma_constraint: Any = None, renorm: bool = False, renorm_clipping: Any = None,
        renorm_momentum: float = 0.99, synchronized: bool = False, **common: Any,
    ):
        super().__init__(**common)
        if renorm or renorm_clipping is not None:
            raise ValueError(
                f"Layer {self.name!r}: batch renormalization is not available. Received: renorm={renorm!r}, "
                f"renorm_clipping={renorm_clipping!r}, renorm_momentum={renorm_momentum!r}."
            )
        if not 0 <= momentum <= 1 or epsilon <= 0:
            raise ValueError(
                f"Layer {self.name!r}: expected momentum in [0, 1] and epsilon > 0. Received: momentum={momentum!r}, epsilon={epsilon!r}."
            )
        self.axis, self.momentum, self.epsilon, self.center, self.scale = axis, float(momentum), float(epsilon), center, scale
        self.synchronized = bool(synchronized)
        self.weight_options("gamma", gamma_initializer, gamma_regularizer, gamma_constraint)
        self.weight_options("beta", beta_initializer, beta_regularizer, beta_constraint)
        self.weight_options("moving_mean", moving_mean_initializer)
        self.weight_options("moving_variance", moving_variance_initializer)
        self.gamma: Any = None
        self.beta: Any = None
        self.moving_mean: Any = None
        self.moving_variance: Any = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        rank = len(input_shape)
        if not -rank < self.axis < rank or self.axis % rank == 0:
            raise ValueError(
                f"Layer {self.name!r}: expected an axis of a row, for inputs of shape {tuple(input_shape)}. Received: axis={self.axis}."
            )
        shape = (input_shape[self.axis] or 0,)
        self.gamma = self.add_weight("gamma", shape) if self.scale else None
        self.beta = self.add_weight("beta", shape) if self.center else None
        self.moving_mean = self.add_weight("moving_mean", shape, trainable=False)
        self.moving_variance = self.add_weight("moving_variance", shape, trainable=False)

    def forward(self, x: Any, training: bool = False, activation: Any = None, mask: Any = None) -> tuple[Any, Pullback]:
        width = x.shape[self.axis]
        if self.moving_mean.shape != (width,):
            raise ValueError(
                f"Input of layer {self.name!r}: expected {self.moving_mean.shape[0]} features. Received: input of shape {x.shape}."
            )
        axis = self.axis % len(x.shape)
        kept = None
        if training and self.trainable and mask is not None and len(x.shape) == 3:
            kept, lines = self.backend.empty(x.shape, x.dtype), (x.shape[0] * x.shape[1], x.shape[2])
            ones = self.backend.asarray(np.ones(lines, x.dtype))
            self.backend.launch(mask_rows, ones, mask.reshape(lines[0]), kept.reshape(lines))
        return (self._last if axis == len(x.shape) - 1 else self._elsewhere)(x, training, activation, kept)

    def _elsewhere(self, x: Any, training: bool, activation: Any, kept: Any) -> tuple[Any, Pullback]:
        """The axis moved behind the others, and back."""
        ops, index = self.backend, np.moveaxis(numbered(x.shape[1:]), self.axis % len(x.shape) - 1, -1)
        back = np.argsort(index.reshape(-1))
        moved_kept = None if kept is None else pick(ops, kept, index, index.shape)
        y, pullback = self._last(pick(ops, x, index, index.shape), training, None, moved_kept)
        y, activation_pullback = (activation or activations.linear).apply(ops, pick(ops, y, back, x.shape[1:]), inplace=True, shape=x.shape)

        def moved(dy: Any, need_dx: bool = True) -> Any:
            dx = pullback(pick(ops, activation_pullback(dy), index, index.shape), need_dx)
            return pick(ops, dx, back, x.shape[1:]) if need_dx else None

        return y.reshape((activation or activations.linear).compute_output_shape(x.shape)), moved

    def _last(self, x: Any, training: bool, activation: Any, kept: Any) -> tuple[Any, Pullback]:
        ops, width = self.backend, x.shape[-1]
        rows = x.reshape(-1, width)
        training = training and self.trainable
        inverse = ops.empty((width,), x.dtype)
        counts = None if kept is None else _sums(ops, kept, 1e-7)  # the least that Keras divides by
        if training:
            mean, variance = self._moments(rows) if kept is None else self._moments_of_kept(rows, kept.reshape(rows.shape), counts)
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                ops.launch(reductions.moving_average, moving.value, batch, self.momentum)
        else:
            mean, variance = self.moving_mean.value, self.moving_variance.value
        ops.launch(reductions.inverse_deviation, variance, self.epsilon, inverse)
        gamma = self.gamma.value if self.gamma else ops.asarray(np.ones(width, x.dtype))
        beta = self.beta.value if self.beta else ops.asarray(np.zeros(width, x.dtype))
        y = ops.empty(rows.shape, x.dtype)
        fixed = (rows, mean, inverse, gamma)
        y, activation_pullback = (activation or activations.linear).after(ops, reductions.normalize, (*fixed, beta), y, x.shape)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            dz = activation_pullback(dy.reshape(y.shape)).reshape(rows.shape)
            dbeta, dgamma = ops.empty((width,), x.dtype), ops.empty((width,), x.dtype)
            self._gradient_sums(dz, rows, mean, inverse, dbeta, dgamma)
            for parameter, gradient in ((self.beta, dbeta), (self.gamma, dgamma)):
                if parameter is not None and parameter.learns:
                    ops.launch(reductions.COLUMN_SUM, gradient.reshape(1, width), float(parameter.claim()), parameter.gradient)
            if not need_dx:
                return None
            if kept is not None:
                for total in (dbeta, dgamma):
                    ops.launch(arithmetic.quotient_of_two, total, counts, total)
                part = ops.empty(rows.shape, x.dtype)
                ops.launch(reductions.normalize_bwd, ops.zeros(rows.shape, x.dtype), *fixed, dbeta, dgamma, 1.0, part)
                ops.launch(columns.multiply_two, part, kept.reshape(rows.shape), part)
                ops.launch(reductions.normalize_fixed_bwd, dz, inverse, gamma, dz)
                ops.launch(reductions.add, dz, part)
            elif training:
                ops.launch(reductions.normalize_bwd, dz, *fixed, dbeta, dgamma, 1.0 / rows.shape[0], dz)
            else:
                ops.launch(reductions.normalize_fixed_bwd, dz, inverse, gamma, dz)
            return dz.reshape(x.shape)

        return y.reshape((activation or activations.linear).compute_output_shape(x.shape)), pullback

    def _moments_of_kept(self, rows: Any, kept: Any, counts: Any) -> tuple[Any, Any]:
        """Of the elements where `kept` is 1, so many in each column."""
        ops, found = self.backend, []
        less = ops.zeros(counts.shape, rows.dtype)
        for power in (1, 2):
            part = ops.empty(rows.shape, rows.dtype)
            ops.launch(reductions.normalize, rows, less, *(ops.asarray(np.full(less.shape, v, rows.dtype)) for v in (1.0, 1.0, 0.0)), part)
            ops.launch(weighing.mask, part, kept)
            if power == 2:
                ops.launch(columns.multiply_two, part, part, part)
            total = _sums(ops, part)
            ops.launch(arithmetic.quotient_of_two, total, counts, total)
            found.append(total)
            less = total
        return found[0], found[1]

    def _moments(self, rows: Any) -> tuple[Any, Any]:
        ops, width = self.backend, rows.shape[1]
        if rows.shape[0] == 1:
            warnings.warn(f"Layer {self.name!r}: a batch of one row has no variance; its output is beta.", stacklevel=2)
        mean, variance = ops.empty((width,), rows.dtype), ops.empty((width,), rows.dtype)
        if ops.chains and rows.shape[0] >= batch_parts.MANY:
            part, parts = self._parts(rows)
            ops.launch(batch_parts.MOMENT_PARTS, rows, part, parts)
            ops.launch(batch_parts.MOMENT_JOIN, parts, part, rows.shape[0], mean, variance)
        else:
            ops.launch(reductions.MOMENTS, rows, mean, variance)
        return mean, variance

    def _gradient_sums(self, dz: Any, rows: Any, mean: Any, inverse: Any, dbeta: Any, dgamma: Any) -> None:
        ops, width = self.backend, rows.shape[1]
        if not ops.chains or rows.shape[0] < batch_parts.MANY:
            ops.launch(reductions.NORMALIZE_SUMS, dz, rows, mean, inverse, dbeta, dgamma)
            return
        part, parts = self._parts(rows)
        ops.launch(batch_parts.NORMALIZE_PARTS, dz, rows, mean, inverse, part, parts)
        for first, total in ((0, dbeta), (width, dgamma)):
            ops.launch(CONV_SUM, parts, first, 0.0, total.reshape(1, width))

    def _parts(self, rows: Any) -> tuple[int, Any]:
        part = batch_parts.part_of(rows.shape[0])
        return part, self.backend.empty((-(-rows.shape[0] // part), 2 * rows.shape[1]), rows.dtype)

    def config(self) -> dict[str, Any]:
        config = {"axis": self.axis, "momentum": self.momentum, "epsilon": self.epsilon, "center": self.center, "scale": self.scale}
        return config | ({"synchronized": True} if self.synchronized else {})


def _sums(ops: Any, x: Any, more: float = 0.0) -> Any:
    """The sums of the columns, and so much more."""
    total, out = ops.empty((x.shape[-1],), x.dtype), ops.empty((x.shape[-1],), x.dtype)
    ops.launch(reductions.COLUMN_SUM, x.reshape(-1, x.shape[-1]), 0.0, total)
    ops.launch(columns.add_two, total, ops.asarray(np.full(total.shape, more, x.dtype)), out)
    return out
