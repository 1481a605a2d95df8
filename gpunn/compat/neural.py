"""``tf.nn``: functions whose arguments are others than those of `gpunn.ops`."""

from typing import Any, NamedTuple

import numpy as np

from gpunn import activations, ops
from gpunn.ops import blocks, drawing, sorting
from gpunn.results import dressed


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None) -> Any:
    """x divided by the root of the sum of its squares, which is taken as at least `epsilon`."""
    return dressed(ops.multiply(x, ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis, keepdims=True), epsilon))))


def dropout(x: Any, rate: float, noise_shape: Any = None, seed: Any = None, name: str | None = None) -> Any:
    """A share of the elements set to zero, the others divided by what is left."""
    return dressed(drawing.dropout(x, rate, noise_shape, seed))


def embedding_lookup(params: Any, ids: Any, max_norm: Any = None, name: str | None = None) -> Any:
    """The rows of a table at these places."""
    return dressed(ops.take(params, ids, axis=0))


def sigmoid_cross_entropy_with_logits(labels: Any = None, logits: Any = None, name: str | None = None) -> Any:
    """Binary cross-entropy, element by element."""
    return dressed(ops.binary_crossentropy(labels, logits, from_logits=True))


def softmax_cross_entropy_with_logits(labels: Any, logits: Any, axis: int = -1, name: str | None = None) -> Any:
    """Cross-entropy along an axis."""
    return dressed(ops.categorical_crossentropy(labels, logits, from_logits=True, axis=axis))


def sparse_softmax_cross_entropy_with_logits(labels: Any, logits: Any, name: str | None = None) -> Any:
    """Cross-entropy of labels."""
    return dressed(ops.sparse_categorical_crossentropy(labels, logits, from_logits=True))


def moments(x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """(mean, variance)."""
    return dressed(ops.moments(x, axes, keepdims))


def l2_loss(t: Any, name: str | None = None) -> Any:
    """Half the sum of the squares."""
    return dressed(ops.divide(ops.sum(ops.square(t)), 2.0))


def bias_add(value: Any, bias: Any, data_format: Any = None, name: str | None = None) -> Any:
    """A number for each channel added."""
    return dressed(ops.add(value, bias))


def gelu(features: Any, approximate: bool = False, name: str | None = None) -> Any:
    """x times the normal distribution function."""
    return dressed(ops.gelu(features, approximate))


def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Any:
    """alpha * x below 0."""
    return dressed(activations.leaky_relu(features, alpha))


def _window(value: Any) -> Any:
    """One length for each axis of an image, from those of all axes."""
    return value if np.ndim(value) == 0 else tuple(value)[1:-1] if len(value) > 2 else tuple(value) if len(value) == 2 else value[0]


def conv2d(input: Any, filters: Any, strides: Any, padding: str, data_format: str = "NHWC", dilations: Any = None, name: Any = None) -> Any:
    """``tf.nn.conv2d``."""
    return dressed(ops.conv(input, filters, _window(strides), padding.lower(), None, _window(1 if dilations is None else dilations)))


def max_pool(input: Any, ksize: Any, strides: Any, padding: str, data_format: Any = None, name: str | None = None) -> Any:
    """``tf.nn.max_pool`` and ``max_pool2d``."""
    return dressed(ops.max_pool(input, _window(ksize), _window(strides), padding.lower()))


def avg_pool(input: Any, ksize: Any, strides: Any, padding: str, data_format: Any = None, name: str | None = None) -> Any:
    """``tf.nn.avg_pool`` and ``avg_pool2d``."""
    return dressed(ops.average_pool(input, _window(ksize), _window(strides), padding.lower()))


def depth_to_space(input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None) -> Any:
    """Channels laid out as blocks of pixels."""
    return dressed(blocks.depth_to_space(input, block_size))


def space_to_depth(input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None) -> Any:
    """Blocks of pixels as channels."""
    return dressed(blocks.space_to_depth(input, block_size))


class TopKV2(NamedTuple):
    """What `top_k` gives."""

    values: Any
    indices: Any


def top_k(input: Any, k: int = 1, sorted: bool = True, name: str | None = None) -> Any:
    """(the largest along the last axis, their places)."""
    return TopKV2(*(dressed(part) for part in sorting.top_k(input, k, sorted)))
