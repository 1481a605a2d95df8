"""Operations made of others, under the names and with the arguments of ``keras.ops``."""

import math
from typing import Any

import numpy as np

from gpunn import activations, config
from gpunn.layers.graph import KerasTensor, symbolic
from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import shaping
from gpunn.ops.one_type import as_floats, narrowed, whole_kind
from gpunn.ops.operation import has_part, operand


# ---------------------------------------------------------------------- element by element
def _activation(name: str) -> Any:
    """An activation, also of parameters and of arrays that a tape watches."""
    own = getattr(activations, name)

    def function(x: Any, *arguments: Any, **parameters: Any) -> Any:
        return own(operand(x), *arguments, **parameters)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = own.__doc__
    return function


relu6, hard_sigmoid, hard_silu, softsign = map(_activation, ("relu6", "hard_sigmoid", "hard_silu", "softsign"))
celu, log_sigmoid, soft_shrink, hard_shrink = map(_activation, ("celu", "log_sigmoid", "soft_shrink", "hard_shrink"))
hard_tanh, tanh_shrink, squareplus, threshold = map(_activation, ("hard_tanh", "tanh_shrink", "squareplus", "threshold"))
sparse_plus, sparse_sigmoid, sparsemax, glu = map(_activation, ("sparse_plus", "sparse_sigmoid", "sparsemax", "glu"))
hard_swish = hard_silu


def floor_divide(x1: Any, x2: Any) -> Any:
    """x1 / x2, rounded down. No gradient."""
    if has_part(x1, x2):
        quotient = a.floor(a.divide(x1, x2))
        return a.cast(quotient, kind) if (kind := whole_kind(x1, x2)) else quotient
    return narrowed(np.floor_divide(x1, x2), [x1, x2])


def log2(x: Any) -> Any:
    """The logarithm to the base 2."""
    return a.divide(a.log(x), math.log(2.0))


def log10(x: Any) -> Any:
    """The logarithm to the base 10."""
    return a.divide(a.log(x), math.log(10.0))


def logaddexp(x1: Any, x2: Any) -> Any:
    """log(exp(x1) + exp(x2)), without overflow."""
    x1, x2 = as_floats(x1), as_floats(x2)
    return a.add(a.maximum(x1, x2), a.softplus(a.negative(a.abs(a.subtract(x1, x2)))))


def tan(x: Any) -> Any:
    """sin(x) / cos(x)."""
    return a.divide(a.sin(x), a.cos(x))


def sinh(x: Any) -> Any:
    """(exp(x) - exp(-x)) / 2."""
    x = as_floats(x)
    return a.multiply(0.5, a.subtract(a.expm1(x), a.expm1(a.negative(x))))  # near 0 nothing cancels


def cosh(x: Any) -> Any:
    """(exp(x) + exp(-x)) / 2."""
    x = as_floats(x)
    return a.multiply(0.5, a.add(a.exp(x), a.exp(a.negative(x))))


def isinf(x: Any) -> Any:
    """Whether it is infinite, of either sign."""
    return a.equal(a.abs(x), math.inf) if has_part(x) else np.isinf(x)


def isfinite(x: Any) -> Any:
    """Whether it is a number, and not infinite."""
    return a.less(a.abs(x), math.inf) if has_part(x) else np.isfinite(x)


# ---------------------------------------------------------------------- along axes
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The sums up to each place along an axis of a row; over all elements without an axis."""
    x = operand(x)
    if not isinstance(x, KerasTensor):
        found = np.cumsum(x, axis=axis, dtype=dtype)
        return found if dtype is not None else narrowed(found, [x])
    if dtype is not None or x.dtype == "bool":
        x = a.cast(x, dtype or "int32")
    if axis is None:
        x, axis = shaping.ravel(x), 0
    n = x.shape[axis]
    if n is None:
        raise ValueError(f"cumsum: expected an axis within a row. Received: axis={axis!r} of shape {x.shape}.")
    return shaping.moveaxis(along.matmul(shaping.moveaxis(x, axis, -1), np.triu(np.ones((n, n), x.dtype))), -1, axis)


def average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    """The mean, of elements that count as `weights` say."""
    if weights is None:
        return along.mean(x, axis)
    if shaping.ndim(weights) == 1 and isinstance(axis, int):  # one for each place along the axis
        weights = shaping.reshape(weights, [-1 if i == axis % shaping.ndim(x) else 1 for i in range(shaping.ndim(x))])
    return a.divide(along.sum(a.multiply(x, weights), axis), along.sum(a.multiply(a.ones_like(x), weights), axis))


def count_nonzero(x: Any, axis: Any = None) -> Any:
    """How many are not 0."""
    return along.sum(a.cast(a.not_equal(x, 0), "int32"), axis)


def outer(x1: Any, x2: Any) -> Any:
    """All products of an element of the one and one of the other."""
    return a.multiply(shaping.reshape(x1, (-1, 1)), shaping.reshape(x2, (1, -1)))


# ---------------------------------------------------------------------- shapes
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    """More elements before and after along axes within a row: `constant_values` (0), or NumPy's modes such as "reflect" and "edge".

    `pad_width`: (before, after) for each axis, or one such pair, or one number, for all.
    """
    x = operand(x)
    if not isinstance(x, KerasTensor):
        more = {} if constant_values is None else {"constant_values": constant_values}
        chosen: Any = mode
        return np.pad(x, pad_width, mode=chosen, **more)
    widths = np.broadcast_to(np.asarray(pad_width, int), (len(x.shape), 2)).tolist()
    for axis, (before, after) in enumerate(widths):
        n = x.shape[axis]
        if not (before or after):
            continue
        if n is None:
            raise ValueError(f"pad: expected (0, 0) for an axis whose length is not known. Received: {widths[axis]} of shape {x.shape}.")
        how: Any = "edge" if mode == "constant" else mode
        places = np.pad(np.arange(n), (before, after), mode=how)
        x = shaping.take(x, places, axis)
        if mode == "constant":
            inside = np.pad(np.ones(n), (before, after)).reshape([-1 if i == axis else 1 for i in range(len(x.shape))])
            x = a.where(inside, x, 0.0 if constant_values is None else constant_values)
    return x


def tril(x: Any, k: int = 0) -> Any:
    """0 above the k-th diagonal of the last two axes."""
    return a.where(_up_to_diagonal(x, k, "tril"), x, 0)


def triu(x: Any, k: int = 0) -> Any:
    """0 below the k-th diagonal of the last two axes."""
    return a.where(_up_to_diagonal(x, k - 1, "triu"), 0, x)


def _up_to_diagonal(x: Any, k: int, where: str) -> Any:
    """1 or true on the k-th diagonal of the last two axes and below it."""
    lengths = shaping.shape(x)[-2:]
    if len(lengths) < 2:
        raise ValueError(f"{where}: expected two axes or more. Received: shape {tuple(x.shape)}.")
    if not symbolic(list(lengths)):
        return np.tri(lengths[0], lengths[1], k)
    rows, columns = (shaping.arange(n) for n in lengths)
    return a.greater_equal(shaping.expand_dims(rows, -1), a.subtract(columns, k))


def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0
) -> Any:
    """Numbers at equal distances; with `retstep` the distance, too."""
    chosen: Any = retstep
    return np.linspace(start, stop, num, endpoint, chosen, dtype or config.floatx(), axis)


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10, dtype: Any = None, axis: int = 0
) -> np.ndarray:
    """`base` to the powers from `start` to `stop`, at equal distances."""
    return np.logspace(start, stop, num, endpoint, base, dtype or config.floatx(), axis)


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> np.ndarray:
    """Numbers from `start` to `stop`, each as many times the one before it."""
    return np.geomspace(start, stop, num, endpoint, dtype or config.floatx(), axis)


# ---------------------------------------------------------------------- losses, a value for each row or place
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """-t log(p) - (1 - t) log(1 - p), element by element; p is kept within 1e-7 of 0 and 1."""
    if from_logits:
        return a.subtract(a.softplus(output), a.multiply(target, output))
    p = a.clip(output, 1e-7, 1 - 1e-7)
    return a.negative(a.add(a.multiply(target, a.log(p)), a.multiply(a.subtract(1.0, target), a.log(a.subtract(1.0, p)))))


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """-sum t log(p) along the axis; probabilities are scaled to the sum 1 and kept within 1e-7 of 0 and 1."""
    if from_logits:
        logs = along.log_softmax(output, axis)
    else:
        logs = a.log(a.clip(a.divide(output, along.sum(output, axis, keepdims=True)), 1e-7, 1 - 1e-7))
    return a.negative(along.sum(a.multiply(target, logs), axis))


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """The same of labels, which are places along the axis; an axis of length one may stand behind them."""
    if (n := shaping.ndim(target)) == shaping.ndim(output) and np.shape(target)[n - 1] == 1:
        target = shaping.squeeze(target, n - 1)
    hot = shaping.one_hot(target, np.shape(output)[axis], axis)
    return categorical_crossentropy(hot, output, from_logits, axis)


def psnr(x1: Any, x2: Any, max_val: Any) -> Any:
    """The ratio of the largest value there can be to the mean squared distance, in decibels. Raises ValueError for unlike shapes."""
    if tuple(x1.shape) != tuple(x2.shape):
        raise ValueError(f"psnr: expected two of the same shape. Received: shapes {tuple(x1.shape)} and {tuple(x2.shape)}.")
    apart = a.subtract(as_floats(x1), as_floats(x2))
    return a.multiply(10.0, log10(a.divide(float(max_val) ** 2, along.mean(a.square(apart)))))
