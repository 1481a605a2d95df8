"""Normalizations: by the batch, by moving numbers, or within rows."""

import math
from typing import Any

from gpunn import layers as L
from gpunn.layers.tensor import Tensor
from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import shaping
from gpunn.ops.rules.activations import applied
from gpunn.training.opened.base import Opened, constant, opens, weight


def _scaled(x: Any, gamma: Any, beta: Any) -> Any:
    x = x if gamma is None else a.multiply(x, gamma)
    return x if beta is None else a.add(x, beta)


def _normalized(x: Any, axis: Any, epsilon: float, centered: bool = True) -> Any:
    """x less its mean, over its deviation, both along the axes."""
    x = a.subtract(x, along.mean(x, axis=axis, keepdims=True)) if centered else x
    return a.multiply(x, a.rsqrt(a.add(along.mean(a.square(x), axis=axis, keepdims=True), epsilon)))


@opens(L.BatchNormalization)
def batch_normalization(call: Opened, inputs: list[Tensor]) -> Any:
    (x,), layer = inputs, call.layer
    axis = layer.axis % len(x.shape)
    wide = [-1 if i == axis else 1 for i in range(len(x.shape))]

    def along_axis(v: Any) -> Any:
        return None if v is None else shaping.reshape(v, wide)

    gamma, beta = along_axis(weight(layer.gamma)), along_axis(weight(layer.beta))
    if call.training and layer.trainable:
        y = _normalized(x, [i for i in range(len(x.shape)) if i != axis], layer.epsilon)
    else:
        mean, variance = (along_axis(constant(p.value, x)) for p in (layer.moving_mean, layer.moving_variance))
        y = a.multiply(a.subtract(x, mean), a.rsqrt(a.add(variance, layer.epsilon)))
    y = _scaled(y, gamma, beta)
    return y if call.stage.activation is None else applied(call.stage.activation, y)


@opens(L.LayerNormalization, L.RMSNormalization)
def within_rows(call: Opened, inputs: list[Tensor]) -> Any:
    (x,), layer = inputs, call.layer
    axes = layer.axes(x.shape)
    wide = [x.shape[i] if i in axes else 1 for i in range(len(x.shape))]
    gamma, beta = (None if v is None else shaping.reshape(v, wide) for v in (weight(layer.gamma), weight(layer.beta)))
    return _scaled(_normalized(x, axes, layer.epsilon, bool(layer.centered)), gamma, beta)


@opens(L.GroupNormalization)
def group_normalization(call: Opened, inputs: list[Tensor]) -> Any:
    (x,), layer = inputs, call.layer
    axis = layer.axes(x.shape)[0]
    last = shaping.moveaxis(x, axis, -1)
    channels = last.shape[-1]
    grouped = shaping.reshape(last, (x.shape[0], math.prod(last.shape[1:-1]), layer.groups, channels // layer.groups))
    y = shaping.reshape(_normalized(grouped, [1, 3], layer.epsilon), last.shape)
    return shaping.moveaxis(_scaled(y, weight(layer.gamma), weight(layer.beta)), -1, axis)


@opens(L.UnitNormalization)
def unit_normalization(call: Opened, inputs: list[Tensor]) -> Any:
    (x,), layer = inputs, call.layer
    order = layer.order(x.shape) or list(range(len(x.shape)))
    last = shaping.transpose(x, order)
    rows = shaping.reshape(last, (-1, math.prod(layer.trailing(x.shape))))
    unit = shaping.reshape(along.normalize(rows, axis=-1, epsilon=layer.epsilon), last.shape)
    return shaping.transpose(unit, [order.index(a) for a in range(len(order))])
