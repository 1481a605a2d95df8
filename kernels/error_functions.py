"""What error functions leave: the complement to one, and the inverse."""

from gpunn.kernels.arithmetic import TWO_BY_ROOT_PI
from gpunn.kernels.elementwise import elementwise

FAMILY = "error_functions"
WINITZKI = 0.147  # the constant of his estimate
MIDDLE = 4.330746750799873  # 2 / (pi * WINITZKI)
SMALL = 0.1  # up to here the series has no error that a float64 sees


@elementwise("x -> y", family=FAMILY)
def error_function_rest(x):
    rest = exp(-x * x) * erfcx(abs(x))  # noqa: F821
    return rest if x >= 0.0 else 2.0 - rest


@elementwise("dy, x -> dx", family=FAMILY)
def error_function_rest_bwd(dy, x):
    return -TWO_BY_ROOT_PI * dy * exp(-x * x)  # noqa: F821


@elementwise("y, logarithm -> step", family=FAMILY)
def step_of_newton(y, logarithm):
    """Towards the y whose log(erfc(y)) this is: a function that is nearly a parabola, whatever y."""
    rest = erfcx(y)  # noqa: F821
    return (log(rest) - y * y - logarithm) * rest / TWO_BY_ROOT_PI  # noqa: F821


@elementwise("x -> y", family=FAMILY)
def inverse_error_near(x):
    """The series in z = sqrt(pi) x / 2, for small x."""
    z = x / TWO_BY_ROOT_PI
    q = z * z
    high = 0.19263668430335096 + q * (0.19532547699214367 + q * (0.20593586454697566 + q * 0.22320975741875212))
    return z * (1.0 + q * (0.3333333333333333 + q * (0.23333333333333333 + q * (0.2015873015873016 + q * high))))


@elementwise("x -> y", family=FAMILY)
def inverse_error_far(x):
    """For 0 < x < 1: from Winitzki's estimate (2008), good to a five-hundredth, by Newton's steps, each of which squares the error."""
    rest = log(1.0 - x)  # noqa: F821
    low = rest + log(1.0 + x)  # noqa: F821
    half = MIDDLE + 0.5 * low
    y0 = sqrt(sqrt(half * half - low / WINITZKI) - half)  # noqa: F821
    y1 = y0 + step_of_newton(y0, rest)
    y2 = y1 + step_of_newton(y1, rest)
    return y2 + step_of_newton(y2, rest)


@elementwise("x -> y", family=FAMILY)
def inverse_error_function(x):
    size = abs(x)
    far = 1.0 / (1.0 - size) if size == 1.0 else inverse_error_far(size)
    large = far if x >= 0.0 else -far
    return inverse_error_near(x) if size < SMALL else large


@elementwise("dy, y -> dx", family=FAMILY)
def inverse_error_function_bwd(dy, y):
    return dy * exp(y * y) / TWO_BY_ROOT_PI  # noqa: F821
