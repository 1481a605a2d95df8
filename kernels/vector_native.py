"""`vector_math` for Numba: polynomials and selections only, so that LLVM turns a loop over them into vectors. Imported only with Numba.

Method and coefficients of tanh: Cephes (S. L. Moshier, 1992), tanhf.c and tanh.c. exp: reduction by multiples of ln 2 in two parts (Cody &
Waite 1980), Taylor's polynomial on the rest, 2^n made from its bits in two factors, so that overflow, underflow and subnormals come out as
the C library's. Errors: below 2 units in the last place for exp, 4 for tanh (tested).
"""

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from gpunn.kernels import vector_math

_OPTIONS: Any = {"fastmath": {"contract"}, "error_model": "numpy"}  # not reassoc: it would undo the two-part reduction
_TAYLOR = tuple(1.0 / math.factorial(k) for k in range(14))
_SINGLE = tuple(np.float32(c) for c in _TAYLOR[:8])
_HALF = np.float32(0.5)


def _exp_single(x):
    y = min(max(x, np.float32(-104.0)), np.float32(89.0))
    n = np.floor(y * np.float32(1.44269504088896341) + _HALF)
    r = y - n * np.float32(0.693359375)
    r = r - n * np.float32(-2.12194440e-4)
    p = _SINGLE[7]
    p = p * r + _SINGLE[6]
    p = p * r + _SINGLE[5]
    p = p * r + _SINGLE[4]
    p = p * r + _SINGLE[3]
    p = p * r + _SINGLE[2]
    p = p * r + _SINGLE[1]
    p = p * r + _SINGLE[0]
    whole = np.int32(n)
    half = whole >> np.int32(1)
    a = np.int32((half + np.int32(127)) << np.int32(23)).view(np.float32)
    b = np.int32((whole - half + np.int32(127)) << np.int32(23)).view(np.float32)
    return p * a * b if x == x else x


def _exp_double(x):
    y = min(max(x, -746.0), 710.0)
    n = np.floor(y * 1.4426950408889634 + 0.5)
    r = y - n * 6.93145751953125e-1
    r = r - n * 1.42860682030941723212e-6
    p = _TAYLOR[13]
    p = p * r + _TAYLOR[12]
    p = p * r + _TAYLOR[11]
    p = p * r + _TAYLOR[10]
    p = p * r + _TAYLOR[9]
    p = p * r + _TAYLOR[8]
    p = p * r + _TAYLOR[7]
    p = p * r + _TAYLOR[6]
    p = p * r + _TAYLOR[5]
    p = p * r + _TAYLOR[4]
    p = p * r + _TAYLOR[3]
    p = p * r + _TAYLOR[2]
    p = p * r + _TAYLOR[1]
    p = p * r + _TAYLOR[0]
    whole = np.int64(n)
    half = whole >> 1
    a = np.int64((half + 1023) << 52).view(np.float64)
    b = np.int64((whole - half + 1023) << 52).view(np.float64)
    return p * a * b if x == x else x


@overload(vector_math.exp, jit_options=_OPTIONS)
def _exp(x):
    return {types.float32: _exp_single, types.float64: _exp_double}.get(x)


def _tanh_single(x):
    z = x * x
    p = np.float32(-5.70498872745e-3)
    p = p * z + np.float32(2.06390887954e-2)
    p = p * z + np.float32(-5.37397155531e-2)
    p = p * z + np.float32(1.33314422036e-1)
    p = p * z + np.float32(-3.33332819422e-1)
    near = p * z * x + x
    e = vector_math.exp(np.float32(2.0) * abs(x))
    far = np.float32(1.0) - np.float32(2.0) / (e + np.float32(1.0))
    return near if abs(x) < np.float32(0.625) else (far if x > np.float32(0.0) else -far)


def _tanh_double(x):
    z = x * x
    p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3
    q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z + 4.84406305325125486048e3
    near = x + x * z * (p / q)
    far = 1.0 - 2.0 / (vector_math.exp(2.0 * abs(x)) + 1.0)
    return near if abs(x) < 0.625 else (far if x > 0.0 else -far)


@overload(vector_math.tanh, jit_options=_OPTIONS)
def _tanh(x):
    return {types.float32: _tanh_single, types.float64: _tanh_double}.get(x)
