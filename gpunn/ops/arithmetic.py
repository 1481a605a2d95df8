"""Arithmetic of arrays and of symbolic tensors, element by element, under the names of ``keras.ops``. NumPy's rules of broadcasting."""

import functools
from typing import Any

import numpy as np

from gpunn import config
from gpunn.layers.graph import KerasTensor
from gpunn.ops import elementwise as e
from gpunn.ops.operation import Definition, apply, has_part, operand


def _one(definition: Definition, name: str = "") -> Any:
    def function(x: Any) -> Any:
        return apply(definition, x)

    return _named(function, name or definition.name, f"{definition.name}(x), element by element.")


def _two(definition: Definition) -> Any:
    def function(x1: Any, x2: Any) -> Any:
        return apply(definition, x1, x2)

    return _named(function, definition.name, f"{definition.name}(x1, x2), element by element, broadcast to each other.")


def _named(function: Any, name: str, text: str) -> Any:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = text
    return function


negative, absolute, square, sqrt, rsqrt = map(_one, (e.NEGATIVE, e.ABSOLUTE, e.SQUARE, e.SQRT, e.RSQRT))
exp, expm1, log, log1p, sin, cos, arctan, erf = map(_one, (e.EXP, e.EXPM1, e.LOG, e.LOG1P, e.SIN, e.COS, e.ARCTAN, e.ERF))
tanh, sigmoid, relu, selu, softplus, silu = map(_one, (e.TANH, e.SIGMOID, e.RELU, e.SELU, e.SOFTPLUS, e.SILU))
sign, floor, ceil, isnan, logical_not, stop_gradient = map(_one, (e.SIGN, e.FLOOR, e.CEIL, e.ISNAN, e.LOGICAL_NOT, e.STOP_GRADIENT))
add, subtract, multiply, divide, mod = map(_two, (e.ADD, e.SUBTRACT, e.MULTIPLY, e.DIVIDE, e.MOD))
maximum, minimum = map(_two, (e.MAXIMUM, e.MINIMUM))
greater, greater_equal, less, less_equal = map(_two, (e.GREATER, e.GREATER_EQUAL, e.LESS, e.LESS_EQUAL))
equal, not_equal, logical_and, logical_or = map(_two, (e.EQUAL, e.NOT_EQUAL, e.LOGICAL_AND, e.LOGICAL_OR))
abs, true_divide, swish = absolute, divide, silu


def power(x1: Any, x2: Any) -> Any:
    """x1 to the power of x2; the powers 1, 2, 3, 1/2 and -1/2 by products and roots."""
    if isinstance(x2, (int, float)) and isinstance(x1, KerasTensor):
        if x2 == 1:
            return x1
        if x2 == 3:
            return multiply(square(x1), x1)
        if (quick := {2: square, 0.5: sqrt, -0.5: rsqrt}.get(x2)) is not None:
            return quick(x1)
    return apply(e.POWER, x1, x2)


def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """x, at least x_min and at most x_max."""
    return minimum(maximum(x, x_min), x_max)


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """x1 where the condition holds, x2 elsewhere; without these the places where it does, of an array, one array an axis.

    Raises ValueError for one of them alone, and TypeError for a symbolic condition alone: nobody knows how many places there will be.
    """
    if (x1 is None) != (x2 is None):
        raise ValueError("where: expected both x1 and x2, or neither. Received: one of them.")
    if x1 is None:
        if isinstance(condition, KerasTensor) and not condition.has_values:
            raise TypeError("where: expected x1 and x2 with a symbolic condition. Received: the condition alone.")
        return tuple(places.astype(np.int32) for places in np.nonzero(np.asarray(condition)))
    return apply(e.WHERE, condition.astype(bool) if isinstance(condition, np.ndarray) else condition, x1, x2)


def logical_xor(x1: Any, x2: Any) -> Any:
    """Whether one of both holds and the other does not."""
    return not_equal(cast(x1, "bool"), cast(x2, "bool"))


def round(x: Any, decimals: int = 0) -> Any:
    """x to so many places behind the point, halves to even digits."""
    if not has_part(x):
        return np.round(x, decimals)
    return apply(e.ROUND, x) if decimals == 0 else divide(apply(e.ROUND, multiply(x, 10.0**decimals)), 10.0**decimals)


def zeros_like(x: Any, dtype: Any = None) -> Any:
    """An array of x's shape, all of whose elements are 0."""
    return apply(e.ZEROS_LIKE, x) if dtype is None else cast(apply(e.ZEROS_LIKE, x), dtype)


def ones_like(x: Any, dtype: Any = None) -> Any:
    """An array of x's shape, all of whose elements are 1."""
    return apply(e.ONES_LIKE, x) if dtype is None else cast(apply(e.ONES_LIKE, x), dtype)


def reciprocal(x: Any) -> Any:
    """1 / x."""
    return divide(1.0, x)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """x where it is positive, negative_slope * x elsewhere."""
    return apply(e.LEAKY_RELU, x, float(negative_slope))


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, alpha * (exp(x) - 1) elsewhere."""
    return apply(e.ELU, x, float(alpha))


def gelu(x: Any, approximate: bool = True) -> Any:
    """x times the normal distribution at x; `approximate`: by a hyperbolic tangent."""
    return apply(e.GELU_TANH if approximate else e.GELU, x)


def cast(x: Any, dtype: Any) -> Any:
    """x in another type. In a graph all floats are of the graph's own type; integers and truths have no gradient."""
    kind = np.dtype(getattr(dtype, "name", dtype))
    if isinstance(x, (bool, int, float)):
        return np.asarray(x, kind)
    if isinstance(x, KerasTensor) and kind.kind == "f" and np.dtype(x.dtype).kind == "f":
        return x
    return apply(e.CAST, x, dtype=kind.name)


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """An array of x's shape and type, or another type, all of whose elements are `fill_value`."""
    if not has_part(x, fill_value):
        return np.full_like(x, fill_value, None if dtype is None else np.dtype(getattr(dtype, "name", dtype)))
    filled = multiply(ones_like(x), fill_value)
    return filled if dtype is None else cast(filled, dtype)


def convert_to_tensor(x: Any, dtype: Any = None, **unused: Any) -> Any:
    """x as a NumPy array, or itself where it is a tensor; Python's floats become `gpunn.config.floatx`. A parameter is a tensor where its
    layer's `call` is being traced or a tape records; of a list of tensors it is their `stack`."""
    if isinstance(x, (list, tuple)) and has_part(*x):
        from gpunn.ops.shaping import stack  # which is made of this

        x = stack(x)
    if has_part(x) and isinstance(found := operand(x), KerasTensor):
        return found if dtype is None else cast(found, dtype)
    array = np.asarray(x)
    if dtype is None and not hasattr(x, "dtype"):
        dtype = {"f": config.floatx(), "i": "int32"}.get(array.dtype.kind)
    return array if dtype is None else array.astype(getattr(dtype, "name", dtype))


def convert_to_numpy(x: Any) -> np.ndarray:
    """x as a NumPy array. Raises TypeError for a symbolic tensor, which has no values yet."""
    return np.asarray(x)


def add_n(inputs: Any) -> Any:
    """The sum of several arrays."""
    return functools.reduce(add, inputs)
