"""Functions of ``tensorflow`` on tensors whose arguments are others than those of `gpunn.ops`."""

from typing import Any

import numpy as np

from gpunn import activations, ops
from gpunn.compat.numpy_results import Array
from gpunn.layers.graph import KerasTensor
from gpunn.layers.parameter import Parameter
from gpunn.ops import distributions, drawing, of_arrays
from gpunn.results import dressed

newaxis = None


def identity(input: Any, name: str | None = None) -> Any:
    """The same."""
    return dressed(ops.convert_to_tensor(input))


def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, name: str | None = None, **unused: Any) -> Any:
    """a @ b, either of them with its last two axes in each other's place."""
    a, b = (ops.swapaxes(v, -1, -2) if turned else v for v, turned in ((a, transpose_a), (b, transpose_b)))
    return dressed(ops.matmul(a, b))


def split(value: Any, num_or_size_splits: Any, axis: int = 0, num: int | None = None, name: str | None = None) -> list[Any]:
    """Parts along an axis: so many alike, or of these sizes, one of which may be -1."""
    if np.ndim(num_or_size_splits) == 0:
        return dressed(ops.split(value, int(num_or_size_splits), axis))
    lengths = [int(n) for n in num_or_size_splits]
    whole = value.shape[axis]
    lengths = [whole - sum(n for n in lengths if n != -1) if n == -1 else n for n in lengths]
    if whole is not None and sum(lengths) != whole:
        raise ValueError(f"tf.split: expected sizes whose sum is {whole}. Received: {num_or_size_splits!r}.")
    return dressed(ops.split(value, np.cumsum(lengths)[:-1].tolist(), axis))


def gather(params: Any, indices: Any, validate_indices: Any = None, axis: int | None = None, batch_dims: int = 0, name: Any = None) -> Any:
    """The elements at these places along an axis; with one batch axis each row's own."""
    if batch_dims == 0:
        return dressed(ops.take(params, indices, axis=axis or 0))
    if batch_dims != 1 or ops.ndim(params) != 2 or axis not in (None, 1, -1):
        raise ValueError("tf.gather: expected batch_dims=0, or batch_dims=1 for a matrix.")
    return dressed(ops.take_along_axis(params, indices, axis=1))


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Any:
    """In reverse order along axes."""
    axes = [int(a) for a in np.atleast_1d(axis)]
    return dressed(ops.flip(tensor, tuple(axes) if len(axes) > 1 else axes[0]))


def range_(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str | None = None) -> Any:
    """Numbers from `start` up to `limit`, without it."""
    found = ops.arange(start, limit, delta, dtype)
    kind = found.dtype.kind
    return dressed(found if dtype else found.astype("int32" if kind == "i" else "float32") if kind in "if" else found)


def fill(dims: Any, value: Any, name: str | None = None) -> Any:
    """An array of one number."""
    return dressed(ops.full(dims, value, np.asarray(value).dtype if isinstance(value, np.generic) else
                            "int32" if isinstance(value, int) else None))


def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, name: str | None = None) -> Any:
    """More elements before and after along axes."""
    mode = mode.lower()
    return dressed(ops.pad(tensor, paddings, mode, constant_values) if mode == "constant" else ops.pad(tensor, paddings, mode))


def cumsum(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None) -> Any:
    """Sums up to each place along an axis; `exclusive` of the place itself, `reverse` from the end."""
    x = ops.flip(x, axis) if reverse else x
    out = ops.cumsum(x, axis)
    out = ops.subtract(out, x) if exclusive else out
    return dressed(ops.flip(out, axis) if reverse else out)


def one_hot(
    indices: Any, depth: int, on_value: float = 1.0, off_value: float = 0.0, axis: int | None = None, dtype: Any = None, **unused: Any
) -> Any:
    """`on_value` at each label's place along a new last axis, and `off_value` elsewhere."""
    hot = ops.one_hot(indices, depth, axis=-1 if axis is None else axis, dtype=dtype)
    return dressed(hot if (on_value, off_value) == (1.0, 0.0) else ops.add(ops.multiply(hot, on_value - off_value), off_value))


def transpose(a: Any, perm: Any = None, name: str | None = None, **unused: Any) -> Any:
    """The axes in another order, by default reversed."""
    return dressed(ops.transpose(a, perm))


def sort(values: Any, axis: int = -1, direction: str = "ASCENDING", name: str | None = None) -> Any:
    """In order along an axis; of arrays."""
    found = np.sort(np.asarray(values), axis)
    return dressed(np.flip(found, axis) if direction == "DESCENDING" else found)


def argsort(values: Any, axis: int = -1, direction: str = "ASCENDING", stable: bool = False, name: str | None = None) -> Any:
    """The places in order along an axis; of arrays."""
    array = np.asarray(values)
    return dressed(np.argsort(-array if direction == "DESCENDING" else array, axis, kind="stable").astype(np.int32))


def is_tensor(x: Any) -> bool:
    """Whether it is what calls give here, a weight or a symbolic tensor. Other libraries ask this of arrays of theirs."""
    return isinstance(x, (Array, KerasTensor, Parameter))


def rank(input: Any, name: str | None = None) -> int:
    """How many axes there are."""
    return ops.ndim(input)


def tensor_shape(dims: Any) -> tuple[Any, ...]:
    """``tf.TensorShape``: a tuple."""
    return tuple(dims)


def band_part(input: Any, num_lower: int, num_upper: int, name: str | None = None) -> Any:
    """``tf.linalg.band_part``: 0 further than so far below and above the diagonal; -1 keeps all."""
    out = input if num_upper < 0 else ops.tril(input, num_upper)
    return dressed(out if num_lower < 0 else ops.triu(out, -num_lower))


def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Any:
    """Moved along axes, round their ends."""
    return dressed(ops.roll(input, shift, axis))


# ---------------------------------------------------------------------- tf.nn, tf.math
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
    _, height, width, channels = ops.shape(input)
    n = block_size
    parts = ops.reshape(input, (-1, height, width, n, n, channels // n**2))
    return dressed(ops.reshape(ops.transpose(parts, (0, 1, 3, 2, 4, 5)), (-1, height * n, width * n, channels // n**2)))


def space_to_depth(input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None) -> Any:
    """Blocks of pixels as channels."""
    _, height, width, channels = ops.shape(input)
    n = block_size
    parts = ops.reshape(input, (-1, height // n, n, width // n, n, channels))
    return dressed(ops.reshape(ops.transpose(parts, (0, 1, 3, 2, 4, 5)), (-1, height // n, width // n, n * n * channels)))


def top_k(input: Any, k: int = 1, sorted: bool = True, name: str | None = None) -> Any:
    """(the largest along the last axis, their places), of arrays."""
    return of_arrays.TABLE["top_k"](input, k, sorted)


# ---------------------------------------------------------------------- tf.random
def gamma(shape: Any, alpha: Any, beta: Any = None, dtype: Any = "float32", seed: Any = None, name: str | None = None) -> Any:
    """Numbers of the gamma distribution: so many for each `alpha`."""
    alpha = np.asarray(alpha, float)
    lengths = [shape] if np.ndim(shape) == 0 else list(shape)
    found = distributions.gamma((*(int(n) for n in lengths), *alpha.shape), alpha, dtype, seed)
    return dressed(found if beta is None else ops.divide(found, beta))


def categorical(logits: Any, num_samples: int, dtype: Any = "int64", seed: Any = None, name: str | None = None) -> Any:
    """Classes drawn by their log-probabilities, (rows, num_samples)."""
    return dressed(distributions.categorical(logits, num_samples, dtype, seed))


def shuffle(value: Any, seed: Any = None, name: str | None = None) -> Any:
    """Rows in another order."""
    return dressed(distributions.shuffle(value, 0, seed))


def truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None, name: Any = None) -> Any:
    """Normal numbers, none further from the mean than two deviations."""
    return dressed(distributions.truncated_normal(shape, mean, stddev, dtype, seed))


def uniform(shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", seed: Any = None, name: str | None = None) -> Any:
    """Numbers between two bounds, evenly; whole ones where `dtype` is of these."""
    if np.dtype(dtype).kind in "iu":
        return dressed(distributions.randint(shape, minval, maxval, dtype, seed))
    return dressed(drawing.uniform(shape, minval, 1.0 if maxval is None else maxval, dtype, seed))
