"""`vector_math` for Numba: polynomials and selections only, so that LLVM turns a loop over them into vectors. Imported only with Numba.

exp and expm1: x is brought near 0 by multiples of ln 2 in two parts (Cody & Waite 1980); 2^n is made from its bits, which adding a large
number leaves in the sum's lowest places. log and log1p: exponent and mantissa from the bits (as in fdlibm, Sun 1993), with what 1 + x has
lost added back. atan: of x, (x - 1) / (x + 1) or -1 / x. The polynomials stand in `coefficients`; errors, a few units in the last place,
are tested. Comparisons are written so that a NaN comes through.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import intrinsic, overload, register_jitable

from gpunn.kernels import coefficients, vector_math
from gpunn.kernels.linked import PLAIN

# not reassoc: it would undo the two-part reduction
_OPTIONS: Any = {"fastmath": {"contract"}, "error_model": "numpy", "forceinline": True, **PLAIN}


class Kind(NamedTuple):
    """A floating type, with its place in the pairs of `coefficients`."""

    place: int
    real: Any
    whole: Any  # the integer of its size
    places: int  # of the mantissa
    bias: int  # of the exponent
    ln2: tuple[float, float]  # in two parts, the first with zeros at its end
    low: float  # exp is 0 below
    high: float  # exp is infinite above

    def bits(self, value: float) -> Any:
        return self.real(value).view(self.whole)

    def magic(self, bias: int) -> Any:
        """Added to a small number it leaves the nearest integer, plus `bias`, in the lowest bits."""
        return self.real(1.5 * 2.0**self.places + bias)


KINDS = {
    types.float32: Kind(0, np.float32, np.int32, 23, 127, (0.693359375, -2.12194440e-4), -104.0, 89.0),
    types.float64: Kind(1, np.float64, np.int64, 52, 1023, (6.93145751953125e-1, 1.42860682030941723212e-6), -746.0, 710.0),
}


@intrinsic
def recast(typingctx, value, like):
    """The bits of `value` as a number of the type of `like`."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], context.get_value_type(like))

    return like(value, like), codegen


def _polynomial(kind: Kind, pairs: Any) -> Callable:
    """x -> c0 + c1 x + ...: one expression."""
    names = [f"c{i}" for i in range(len(pairs[kind.place]))]
    text = names[-1]
    for name in reversed(names[:-1]):
        text = f"({text}) * x + {name}"
    space = {name: kind.real(c) for name, c in zip(names, pairs[kind.place], strict=True)}
    exec(f"def polynomial(x):\n    return {text}\n", space)
    return register_jitable(**_OPTIONS)(space["polynomial"])


def _exp(kind: Kind) -> Callable:
    """x = 2 h ln 2 + r, exp(x) = exp(r) 2^h 2^h: infinity, 0 and the numbers below the smallest normal one come out as they should."""
    real, whole, places = kind.real, kind.whole, kind.whole(kind.places)
    one, low, high, magic = real(1), real(kind.low), real(kind.high), kind.magic(kind.bias)
    half, first, second = real(0.5 / np.log(2)), real(2 * kind.ln2[0]), real(2 * kind.ln2[1])
    polynomial = _polynomial(kind, coefficients.EXP)

    def exp(x):
        y = low if x < low else x  # a NaN stays one
        y = high if y > high else y
        shifted = y * half + magic
        h = shifted - magic
        r = y - h * first
        r = r - h * second
        p = (polynomial(r) * r + one) * r + one
        factor = recast(whole(recast(shifted, places) << places), one)
        return p * factor * factor

    return exp


def _expm1(kind: Kind) -> Callable:
    """x = n ln 2 + r, expm1(x) = 2^n expm1(r) + (2^n - 1); half of it first, so that 2^n does not overflow before the result does."""
    real, whole, places = kind.real, kind.whole, kind.whole(kind.places)
    one, two, half, low, high = real(1), real(2), real(0.5), real(-60), real(kind.high)
    magic, n_of, first, second = kind.magic(kind.bias - 1), real(1 / np.log(2)), real(kind.ln2[0]), real(kind.ln2[1])
    polynomial = _polynomial(kind, coefficients.EXPM1)

    def expm1(x):
        y = low if x < low else x
        y = high if y > high else y
        shifted = y * n_of + magic
        n = shifted - magic
        r = y - n * first
        r = r - n * second
        p = polynomial(r) * r * r + r
        factor = recast(whole(recast(shifted, places) << places), one)
        return (p * factor + (factor - half)) * two

    return expm1


def _tanh(kind: Kind) -> Callable:
    """expm1(2 x) / (expm1(2 x) + 2), which is accurate near 0 too."""
    real, whole, places = kind.real, kind.whole, kind.whole(kind.places)
    one, two, limit = real(1), real(2), real(10 if kind.place == 0 else 20)
    magic, n_of, first, second = kind.magic(kind.bias), real(2 / np.log(2)), real(kind.ln2[0] / 2), real(kind.ln2[1] / 2)
    polynomial = _polynomial(kind, coefficients.EXPM1)

    def tanh(x):
        y = -limit if x < -limit else x
        y = limit if y > limit else y
        shifted = y * n_of + magic
        n = shifted - magic
        r = y - n * first
        r = r - n * second
        r = r + r
        p = polynomial(r) * r * r + r
        factor = recast(whole(recast(shifted, places) << places), one)
        e = p * factor + (factor - one)
        return e / (e + two)

    return tanh


def _log_parts(kind: Kind) -> tuple[Callable, Callable]:
    """(u -> k, f with u = 2^k (1 + f) and 1 + f from sqrt(1/2) to sqrt(2)), (k, f -> log u)."""
    real, whole = kind.real, kind.whole
    root, one, two, half = kind.bits(0.5**0.5), kind.bits(1.0), real(2), real(0.5)
    places, mantissa, bias = whole(kind.places), whole(2**kind.places - 1), whole(kind.bias)
    first, second = real(kind.ln2[0]), real(kind.ln2[1])
    polynomial = _polynomial(kind, coefficients.LOG)

    def split(u):
        shifted = whole(recast(u, bias) + (one - root))
        return whole(shifted >> places) - bias, recast(whole(whole(shifted & mantissa) + root), two) - real(1)

    def single(k, f):
        n, z = real(k), f * f
        return (f + (polynomial(f) * f * z + n * second - half * z)) + n * first

    def double(k, f):
        n, s = real(k), f / (two + f)
        z = s * s
        return n * first + (s * two + (polynomial(z) * z * s + n * second))

    return register_jitable(**_OPTIONS)(split), register_jitable(**_OPTIONS)(single if kind.place == 0 else double)


def _log(kind: Kind) -> Callable:
    real = kind.real
    zero, tiny, up, down = real(0), real(np.finfo(real).smallest_normal), real(2.0**54), real(54 * np.log(2))
    infinite, none = real(np.inf), real(np.nan)
    split, join = _log_parts(kind)

    def log(x):
        k, f = split(x * up if x < tiny else x)
        y = join(k, f) - (down if x < tiny else zero)
        y = y if x > zero else (-infinite if x == zero else none)
        return y if x < infinite else x

    return log


def _log1p(kind: Kind) -> Callable:
    real, whole, places, bias = kind.real, kind.whole, kind.whole(kind.places), kind.whole(kind.bias)
    one, infinite, none = real(1), real(np.inf), real(np.nan)
    split, join = _log_parts(kind)

    def log1p(x):
        u = one + x
        v = u - x
        lost = (x - (u - v)) + (one - v)  # exactly 1 + x - u
        k, f = split(u)
        y = join(k, f + lost * recast(whole(max(whole(bias - k), whole(0)) << places), one))
        y = y if x > -one else (-infinite if x == -one else none)
        return y if x < infinite else x

    return log1p


def _log1pexp(kind: Kind) -> Callable:
    """max(x, 0) + log(1 + u), u = exp(-|x|)."""
    real, exp = kind.real, register_jitable(**_OPTIONS)(_exp(kind))
    zero, two = real(0), real(2)
    polynomial = _polynomial(kind, coefficients.LOG1P_UNIT)

    def single(x):
        u = exp(-abs(x))
        return (zero if x < zero else x) + polynomial(u) * u

    def double(x):
        u = exp(-abs(x))
        s = u / (two + u)
        z = s * s
        return (zero if x < zero else x) + (polynomial(z) * z * s + two * s)

    return single if kind.place == 0 else double


def _atan(kind: Kind) -> Callable:
    real = kind.real
    zero, one, low, high = real(0), real(1), real(np.tan(np.pi / 8)), real(np.tan(3 * np.pi / 8))
    quarter, right = real(np.pi / 4), real(np.pi / 2)
    polynomial = _polynomial(kind, coefficients.ATAN)

    def atan(x):
        a = abs(x)
        above, below = (-one, a) if a > high else ((a - one, a + one) if a > low else (a, one))
        base = right if a > high else (quarter if a > low else zero)
        t = above / below
        z = t * t
        y = base + (polynomial(z) * z * t + t)
        return -y if x < zero else y

    return atan


def _erfcx(kind: Kind) -> Callable:
    real = kind.real
    one, two, scale = real(1), real(2), real(coefficients.ERFCX_SCALE[kind.place])
    polynomial = _polynomial(kind, coefficients.ERFCX)

    def erfcx(x):
        t = one / (one + scale * x)
        return t * polynomial(two * t - one)

    return erfcx


def _offer(function: Callable, make: Callable) -> None:
    """Let compiled code call `function` for both floating types."""
    made = {numba_type: make(kind) for numba_type, kind in KINDS.items()}

    def typed(x):
        return made.get(x)

    overload(function, jit_options=_OPTIONS)(typed)


for _function, _make in (
    (vector_math.exp, _exp), (vector_math.expm1, _expm1), (vector_math.log, _log), (vector_math.log1p, _log1p), (vector_math.tanh, _tanh),
    (vector_math.log1pexp, _log1pexp), (vector_math.atan, _atan), (vector_math.erfcx, _erfcx),
):
    _offer(_function, _make)


@overload(vector_math.largest, jit_options=_OPTIONS)
def _largest(row):
    """As integers in the same order, which LLVM compares a vector at a time: of floats it would not, for a NaN's sake."""
    kind = KINDS[row.dtype]
    whole, sign, rest = kind.whole, kind.whole(8 * kind.real(0).itemsize - 1), kind.whole(np.iinfo(kind.whole).max)
    least, one = kind.whole(np.iinfo(kind.whole).min), kind.real(1)

    def largest(row):
        top = least
        for j in range(row.size):
            bits = whole(recast(row[j], rest))
            bits = whole(bits ^ whole(whole(bits >> sign) & rest))
            top = bits if bits > top else top
        return recast(whole(top ^ whole(whole(top >> sign) & rest)), one)

    return largest
