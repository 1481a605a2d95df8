"""Roots, error functions and other curves; the larger of two where one is no number: the names of ``keras.ops``."""

import math
from typing import Any

import numpy as np

from gpunn.ops import arithmetic as a
from gpunn.ops import elementwise as e
from gpunn.ops.one_type import floats_of
from gpunn.ops.operation import apply, has_part
from gpunn.ops.trigonometry import or_numpy

__all__ = ["cbrt", "erfc", "erfinv", "fabs", "fmax", "fmin", "isneginf", "isposinf", "ldexp", "signbit", "sinc"]


def erfc(x: Any) -> Any:
    """1 - erf(x), without what cancels in that for large x."""
    return apply(e.ERFC, x)


def erfinv(x: Any) -> Any:
    """The number whose `erf` this is: infinite at -1 and 1, none beyond."""
    return apply(e.ERFINV, x)


@or_numpy(np.cbrt)
def cbrt(x: Any) -> Any:
    """The cube root, of negative numbers too."""
    return a.multiply(a.sign(x), a.power(a.abs(x), 1 / 3))


@or_numpy(np.sinc)
def sinc(x: Any) -> Any:
    """sin(pi x) / (pi x), and 1 at 0."""
    empty = a.equal(x, 0.0)
    angle = a.multiply(a.where(empty, 1.0, x), math.pi)
    return a.where(empty, 1.0, a.divide(a.sin(angle), angle))


def ldexp(x1: Any, x2: Any) -> Any:
    """x1 times 2 to the power of x2, which is whole. Raises TypeError for an x2 that is not."""
    kind = str(getattr(x2, "dtype", np.asarray(x2).dtype if not has_part(x2) else "int32"))
    if np.dtype(kind).kind not in "iu":
        raise TypeError(f"ldexp: expected whole exponents. Received: x2 of type {kind}.")
    return a.multiply(x1, a.power(2.0, x2)) if has_part(x1, x2) else np.ldexp(np.asarray(x1, floats_of(x1)), x2)


@or_numpy(np.fabs)
def fabs(x: Any) -> Any:
    """The size of a number, as a float."""
    return a.abs(x)


def fmax(x1: Any, x2: Any) -> Any:
    """The larger of two; where one is no number, the other."""
    return a.where(a.isnan(x1), x2, a.where(a.isnan(x2), x1, a.maximum(x1, x2)))


def fmin(x1: Any, x2: Any) -> Any:
    """The smaller of two; where one is no number, the other."""
    return a.where(a.isnan(x1), x2, a.where(a.isnan(x2), x1, a.minimum(x1, x2)))


def signbit(x: Any) -> Any:
    """Whether the sign is minus, that of -0 too."""
    if not has_part(x):
        return np.signbit(x)
    return a.less(a.where(a.equal(x, 0.0), a.divide(1.0, x), x), 0.0)


def isposinf(x: Any) -> Any:
    """Whether it is infinite and positive."""
    return a.equal(x, math.inf)


def isneginf(x: Any) -> Any:
    """Whether it is infinite and negative."""
    return a.equal(x, -math.inf)
