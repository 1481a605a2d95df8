"""Angles, hyperbolas and other curves that are made of others, under the names of ``keras.ops``."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.ops import arithmetic as a
from gpunn.ops.one_type import of_one_type
from gpunn.ops.operation import has_part, operand


def or_numpy(numpy: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """What is made of others, on tensors; on arrays NumPy's own function."""

    def decorate(made: Callable[..., Any]) -> Callable[..., Any]:
        def function(*values: Any) -> Any:
            if has_part(*values):
                return made(*values)
            with np.errstate(all="ignore"):
                return numpy(*of_one_type([operand(v) for v in values], numpy not in (np.trunc, np.heaviside)))

        function.__name__, function.__qualname__, function.__doc__ = made.__name__, made.__qualname__, made.__doc__
        return function

    return decorate


@or_numpy(np.arcsin)
def arcsin(x: Any) -> Any:
    """The angle, from -pi/2 to pi/2, whose sine this is."""
    return a.arctan(a.multiply(x, a.rsqrt(a.multiply(a.subtract(1.0, x), a.add(1.0, x)))))


@or_numpy(np.arccos)
def arccos(x: Any) -> Any:
    """The angle, from 0 to pi, whose cosine this is."""
    return a.subtract(math.pi / 2, arcsin(x))


@or_numpy(np.arctan2)
def arctan2(x1: Any, x2: Any) -> Any:
    """The angle of the point (x2, x1) from the first axis, from -pi to pi."""
    near = a.arctan(a.divide(x1, a.where(a.equal(x2, 0.0), a.ones_like(x2), x2)))
    half = a.multiply(math.pi / 2, a.sign(x1))
    behind = a.where(a.less(x1, 0.0), -math.pi, math.pi)
    return a.where(a.equal(x2, 0.0), half, a.add(near, a.where(a.less(x2, 0.0), behind, 0.0)))


@or_numpy(np.arcsinh)
def arcsinh(x: Any) -> Any:
    """log(x + sqrt(x^2 + 1)), by the size of x, where nothing cancels."""
    size = a.abs(x)
    more = a.divide(a.square(size), a.add(1.0, a.sqrt(a.add(a.square(size), 1.0))))
    return a.multiply(a.sign(x), a.log1p(a.add(size, more)))


@or_numpy(np.arccosh)
def arccosh(x: Any) -> Any:
    """log(x + sqrt(x^2 - 1))."""
    return a.log(a.add(x, a.sqrt(a.multiply(a.subtract(x, 1.0), a.add(x, 1.0)))))


@or_numpy(np.arctanh)
def arctanh(x: Any) -> Any:
    """log((1 + x) / (1 - x)) / 2."""
    return a.multiply(0.5, a.subtract(a.log1p(x), a.log1p(a.negative(x))))


@or_numpy(np.deg2rad)
def deg2rad(x: Any) -> Any:
    """Degrees as radians."""
    return a.multiply(x, math.pi / 180)


@or_numpy(np.rad2deg)
def rad2deg(x: Any) -> Any:
    """Radians as degrees."""
    return a.multiply(x, 180 / math.pi)


@or_numpy(np.hypot)
def hypot(x1: Any, x2: Any) -> Any:
    """sqrt(x1^2 + x2^2)."""
    return a.sqrt(a.add(a.square(x1), a.square(x2)))


@or_numpy(np.exp2)
def exp2(x: Any) -> Any:
    """2 to the power of x."""
    return a.exp(a.multiply(x, math.log(2.0)))


@or_numpy(np.logaddexp2)
def logaddexp2(x1: Any, x2: Any) -> Any:
    """log2(2^x1 + 2^x2), without overflow."""
    gap = a.abs(a.subtract(x1, x2))
    return a.add(a.maximum(x1, x2), a.divide(a.softplus(a.multiply(gap, -math.log(2.0))), math.log(2.0)))


@or_numpy(np.trunc)
def trunc(x: Any) -> Any:
    """Towards zero. No gradient."""
    return a.multiply(a.sign(x), a.floor(a.abs(x)))


@or_numpy(np.heaviside)
def heaviside(x1: Any, x2: Any) -> Any:
    """0 below 0, 1 above, x2 at 0."""
    return a.where(a.equal(x1, 0.0), x2, a.cast(a.greater(x1, 0.0), x1.dtype if has_part(x1) else "float32"))


def divide_no_nan(x1: Any, x2: Any) -> Any:
    """x1 / x2; 0 where x2 is."""
    empty = a.equal(x2, 0)
    return a.where(empty, 0.0, a.divide(x1, a.where(empty, 1.0, x2)))


def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """Numbers in the place of what is none: `nan`, and for infinities these or the largest there are."""
    if not has_part(x):
        return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)
    limits = np.finfo(x.dtype)
    x = a.where(a.isnan(x), nan, x)
    x = a.where(a.equal(x, math.inf), float(limits.max) if posinf is None else posinf, x)
    return a.where(a.equal(x, -math.inf), float(limits.min) if neginf is None else neginf, x)


def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Whether they differ by no more than atol + rtol * |x2|."""
    if not has_part(x1, x2):
        return np.isclose(x1, x2, rtol, atol, equal_nan)
    near = a.less_equal(a.abs(a.subtract(x1, x2)), a.add(atol, a.multiply(rtol, a.abs(x2))))
    near = a.logical_or(near, a.equal(x1, x2))
    return a.logical_or(near, a.logical_and(a.isnan(x1), a.isnan(x2))) if equal_nan else near
