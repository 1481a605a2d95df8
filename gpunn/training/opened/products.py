"""Layers that multiply by weights: Dense, convolutions of every kind, Embedding."""

from typing import Any

from gpunn import layers as L
from gpunn.kernels.windows import Volume, Windows
from gpunn.layers.tensor import Tensor
from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import shaping
from gpunn.ops.at_once import operate
from gpunn.ops.gather import GATHER
from gpunn.ops.rules.activations import applied
from gpunn.ops.rules.products import convolved, transposed
from gpunn.training.opened.base import Opened, opens, weight
from gpunn.training.opened.plain import max_pooled


def _ended(call: Opened, z: Any) -> Any:
    """With the bias, the activation and the pooling of the call."""
    bias = weight(call.layer.bias)
    y = applied(call.stage.activation or call.layer.activation, z if bias is None else a.add(z, bias))
    return y if call.stage.pool is None else max_pooled(call.stage.pool, y)


@opens(L.Dense)
def dense(call: Opened, inputs: list[Tensor]) -> Any:
    return _ended(call, along.matmul(inputs[0], weight(call.layer.kernel)))


def _slid(x: Tensor, kernel: Any, g: Windows | Volume) -> Any:
    return convolved(x, kernel, g, (x.shape[0], *g.sizes_out(len(x.shape) - 2), g.filters))


@opens(L.Conv1D, L.Conv2D, L.Conv3D, L.DepthwiseConv1D, L.DepthwiseConv2D)
def conv(call: Opened, inputs: list[Tensor]) -> Any:
    (x,) = inputs
    return _ended(call, _slid(x, weight(call.layer.kernel), call.layer.windows(x.shape)))


@opens(L.SeparableConv1D, L.SeparableConv2D)
def separable_conv(call: Opened, inputs: list[Tensor]) -> Any:
    (x,), layer = inputs, call.layer
    g = layer.windows(x.shape)
    middle, size = _slid(x, weight(layer.kernel), g), (g.out_height, g.out_width)
    return _ended(call, _slid(middle, weight(layer.pointwise_kernel), Windows(*size, g.filters, *size, layer.filters, 1, 1)))


@opens(L.Conv1DTranspose, L.Conv2DTranspose, L.Conv3DTranspose)
def conv_transpose(call: Opened, inputs: list[Tensor]) -> Any:
    (x,), g = inputs, call.layer.windows(inputs[0].shape)
    shape = (x.shape[0], *g.sizes_in(len(x.shape) - 2), g.channels)
    return _ended(call, transposed(x, weight(call.layer.kernel), g, shape))


@opens(L.Embedding)
def embedding(call: Opened, inputs: list[Tensor]) -> Any:
    return operate(GATHER, [weight(call.layer.embeddings), inputs[0]], {})


@opens(L.ReversibleEmbedding)
def reversible_embedding(call: Opened, inputs: list[Tensor]) -> Any:
    layer = call.layer
    if not call.stage.options.get("reverse"):
        return embedding(call, inputs)
    kernel = shaping.transpose(weight(layer.embeddings)) if layer.tie_weights else weight(layer.reverse_embeddings)
    z, cap = along.matmul(inputs[0], kernel), layer.logit_soft_cap
    return z if cap is None else a.multiply(a.tanh(a.multiply(z, 1.0 / cap)), float(cap))
