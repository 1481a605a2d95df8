"""Functions of Keras 2's ``keras.backend`` under its own names and arguments, made of `gpunn.ops`."""

import math
from typing import Any

import numpy as np

from gpunn import layers, ops
from gpunn.layers.variable import Variable
from gpunn.ops import distributions, drawing, sorting
from gpunn.results import dressed


# ---------------------------------------------------------------------- shapes
def dtype(x: Any) -> str:
    """The name of the type."""
    return str(getattr(x, "dtype", np.asarray(x).dtype))


def ndim(x: Any) -> int:
    """How many axes there are."""
    return ops.ndim(x)


def flatten(x: Any) -> Any:
    """All elements in one axis."""
    return dressed(ops.reshape(x, (-1,)))


def batch_flatten(x: Any) -> Any:
    """The elements of each row in one axis."""
    return dressed(ops.reshape(x, (-1, math.prod(x.shape[1:]))))


def repeat_elements(x: Any, rep: int, axis: int) -> Any:
    """Each element along an axis so many times."""
    return dressed(ops.repeat(x, rep, axis))


def reverse(x: Any, axes: Any) -> Any:
    """In reverse order along axes."""
    return dressed(ops.flip(x, axes))


def gather(reference: Any, indices: Any) -> Any:
    """The rows at these places."""
    return dressed(ops.take(reference, indices, axis=0))


# ---------------------------------------------------------------------- arithmetic
def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all are true."""
    return dressed(ops.all(x, axis, keepdims))


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether some are true."""
    return dressed(ops.any(x, axis, keepdims))


def cumsum(x: Any, axis: int = 0) -> Any:
    """Sums up to each place along an axis."""
    return dressed(ops.cumsum(x, axis))


def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    """Products of each row with the same row of another array, summed along an axis of each; by default as of matrices."""
    return dressed(layers.Dot((ops.ndim(x) - 1, max(ops.ndim(y) - 2, 1)) if axes is None else axes)([x, y]))


def hard_sigmoid(x: Any) -> Any:
    """0.2 x + 0.5, from 0 to 1: Keras 3's is x / 6 + 0.5."""
    return dressed(ops.clip(ops.add(ops.multiply(x, 0.2), 0.5), 0.0, 1.0))


def softsign(x: Any) -> Any:
    """x / (1 + |x|)."""
    return dressed(ops.softsign(x))


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """Where the condition holds the one, else the other, tensors or functions that give these."""
    then, other = (v() if callable(v) else v for v in (then_expression, else_expression))
    while 0 < ops.ndim(condition) < ops.ndim(then):
        condition = ops.expand_dims(condition, -1)
    return dressed(ops.where(condition, then, other))


# ---------------------------------------------------------------------- losses, element by element
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """A value for each element."""
    return dressed(ops.binary_crossentropy(target, output, from_logits))


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """A value for each row, or each position."""
    return dressed(ops.categorical_crossentropy(target, output, from_logits, axis))


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """The same of whole numbers as labels."""
    return dressed(ops.sparse_categorical_crossentropy(target, output, from_logits, axis))


def in_top_k(predictions: Any, targets: Any, k: int) -> Any:
    """Whether each label is among its row's k largest."""
    return dressed(sorting.in_top_k(targets, predictions, k))


# ---------------------------------------------------------------------- numbers drawn, variables
def eval(x: Any) -> Any:
    """The value, as NumPy has it."""
    return np.asarray(x)[()]


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = "int32") -> Any:
    """Numbers from `start` up to `stop`, without it."""
    return dressed(ops.arange(start, stop, step, dtype))


def dropout(x: Any, level: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """A share of the elements set to zero, the others divided by what is left."""
    return dressed(drawing.dropout(x, level, noise_shape, seed))


def truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Normal numbers, none further from the mean than two deviations."""
    return dressed(distributions.truncated_normal(shape, mean, stddev, dtype, seed))


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Variable:
    """A variable of this value."""
    return Variable(value, name=name, dtype=dtype, constraint=constraint)


def update(x: Any, new_x: Any) -> Any:
    """Set a variable."""
    return x.assign(new_x)


def update_add(x: Any, increment: Any) -> Any:
    """Add to a variable."""
    return x.assign_add(increment)


def update_sub(x: Any, decrement: Any) -> Any:
    """Take away from a variable."""
    return x.assign_sub(decrement)


def moving_average_update(x: Any, value: Any, momentum: float) -> Any:
    """Set a variable to the mean of it, weighed by `momentum`, and a value."""
    return x.assign(x * momentum + np.asarray(value) * (1.0 - momentum))
