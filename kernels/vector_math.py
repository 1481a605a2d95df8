"""Functions that a loop can take a vector at a time: NumPy's here; `vector_native` gives Numba versions without branches."""

import numpy as np

from gpunn.kernels.coefficients import ERFCX, ERFCX_SCALE


def exp(x):
    return np.exp(x)


def expm1(x):
    return np.expm1(x)


def log(x):
    return np.log(x)


def log1p(x):
    return np.log1p(x)


def log1pexp(x):
    """log(1 + exp(x)), without overflow and without loss for large negative x."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def tanh(x):
    return np.tanh(x)


def atan(x):
    return np.arctan(x)


def largest(row):
    """The largest of some numbers; which one, where a NaN is among them, is not said."""
    return np.max(row)


def erfcx(x):
    """exp(x^2) erfc(x), the scaled complementary error function, for x >= 0.

    With t = 1 / (1 + c x) it is t times a polynomial in 2 t - 1 (the form of Hastings 1955; the polynomial interpolates at Chebyshev's
    points). Error below 4 units in the last place.
    """
    t = 1.0 / (1.0 + ERFCX_SCALE[1] * x)
    s = 2.0 * t - 1.0
    p = ERFCX[1][-1]
    for c in ERFCX[1][-2::-1]:
        p = p * s + c
    return t * p
