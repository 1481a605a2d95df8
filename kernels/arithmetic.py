"""Arithmetic, element by element: what `gpunn.ops` is made of beside the activations. Gradients take dy and, by their names, inputs or y.

Truth is 1 and 0 of the floating type. What a formula does to a NaN is to let it through, but for comparisons, which are then false.
"""

from gpunn.kernels.elementwise import elementwise

FAMILY = "arithmetic"
TWO_BY_ROOT_PI = 1.1283791670955126  # 2 / sqrt(pi)
WHOLE = 4503599627370496.0  # 2^52: from here on a float is whole; Numba's floor is an integer, which infinity and NaN have none of


# ---------------------------------------------------------------------- of one array
@elementwise("x -> y", family=FAMILY)
def negative(x):
    return -x


@elementwise("dy -> dx", family=FAMILY)
def negative_bwd(dy):
    return -dy


@elementwise("x -> y", family=FAMILY)
def absolute(x):
    return abs(x)


@elementwise("dy, x -> dx", family=FAMILY)
def absolute_bwd(dy, x):
    return dy if x > 0.0 else (-dy if x < 0.0 else x)


@elementwise("x -> y", family=FAMILY)
def square(x):
    return x * x


@elementwise("dy, x -> dx", family=FAMILY)
def square_bwd(dy, x):
    return 2.0 * dy * x


@elementwise("x -> y", family=FAMILY)
def root(x):
    return sqrt(x)  # noqa: F821


@elementwise("dy, y -> dx", family=FAMILY)
def root_bwd(dy, y):
    return 0.5 * dy / y


@elementwise("x -> y", family=FAMILY)
def inverse_root(x):
    return 1.0 / sqrt(x)  # noqa: F821


@elementwise("dy, y -> dx", family=FAMILY)
def inverse_root_bwd(dy, y):
    return -0.5 * dy * y * y * y


@elementwise("x -> y", family=FAMILY)
def power_of_e(x):
    return exp(x)  # noqa: F821


@elementwise("dy, y -> dx", family=FAMILY)
def power_of_e_bwd(dy, y):
    return dy * y


@elementwise("x -> y", family=FAMILY)
def power_of_e_minus_one(x):
    return expm1(x)  # noqa: F821


@elementwise("dy, y -> dx", family=FAMILY)
def power_of_e_minus_one_bwd(dy, y):
    return dy * (y + 1.0)


@elementwise("x -> y", family=FAMILY)
def logarithm(x):
    return log(x)  # noqa: F821


@elementwise("dy, x -> dx", family=FAMILY)
def logarithm_bwd(dy, x):
    return dy / x


@elementwise("x -> y", family=FAMILY)
def logarithm_of_one_more(x):
    return log1p(x)  # noqa: F821


@elementwise("dy, x -> dx", family=FAMILY)
def logarithm_of_one_more_bwd(dy, x):
    return dy / (1.0 + x)


@elementwise("x -> y", family=FAMILY)
def sine(x):
    return sin(x)  # noqa: F821


@elementwise("dy, x -> dx", family=FAMILY)
def sine_bwd(dy, x):
    return dy * cos(x)  # noqa: F821


@elementwise("x -> y", family=FAMILY)
def cosine(x):
    return cos(x)  # noqa: F821


@elementwise("dy, x -> dx", family=FAMILY)
def cosine_bwd(dy, x):
    return -dy * sin(x)  # noqa: F821


@elementwise("x -> y", family=FAMILY)
def error_function(x):
    near = 1.0 - exp(-x * x) * erfcx(abs(x))  # noqa: F821
    return near if x >= 0.0 else -near


@elementwise("dy, x -> dx", family=FAMILY)
def error_function_bwd(dy, x):
    return TWO_BY_ROOT_PI * dy * exp(-x * x)  # noqa: F821


@elementwise("x -> y", family=FAMILY)
def sign_of(x):
    return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else x)


@elementwise("x -> y", family=FAMILY)
def rounded_down(x):
    return floor(x) if abs(x) < WHOLE else x  # noqa: F821


@elementwise("x -> y", family=FAMILY)
def rounded_up(x):
    return -floor(-x) if abs(x) < WHOLE else x  # noqa: F821


@elementwise("x -> y", family=FAMILY)
def rounded(x):
    """To the nearest integer, halves to the even one."""
    low = rounded_down(x)
    rest = x - low
    odd = low - 2.0 * rounded_down(0.5 * low)
    return low + 1.0 if rest > 0.5 or (rest == 0.5 and odd > 0.0) else low


@elementwise("x -> y", family=FAMILY)
def towards_zero(x):
    return rounded_down(x) if x >= 0.0 else -rounded_down(-x)


@elementwise("x -> y", family=FAMILY)
def no_number(x):
    return 1.0 if x != x else 0.0


@elementwise("x -> y", family=FAMILY)
def nonzero(x):
    return 1.0 if x != 0.0 else 0.0


@elementwise("x -> y", family=FAMILY)
def zero_of(x):
    return 1.0 if x == 0.0 else 0.0


# ---------------------------------------------------------------------- of two and three
@elementwise("dy, b -> da", family=FAMILY)
def multiply_two_a(dy, b):
    return dy * b


@elementwise("dy, a -> db", family=FAMILY)
def multiply_two_b(dy, a):
    return dy * a


@elementwise("a, b -> y", family=FAMILY)
def quotient_of_two(a, b):
    return a / b


@elementwise("dy, b -> da", family=FAMILY)
def quotient_of_two_a(dy, b):
    return dy / b


@elementwise("dy, a, b -> db", family=FAMILY)
def quotient_of_two_b(dy, a, b):
    return -dy * a / (b * b)


@elementwise("a, b -> y", family=FAMILY)
def remainder_of_two(a, b):
    return a - b * rounded_down(a / b)


@elementwise("a, b -> y", family=FAMILY)
def power_of_two(a, b):
    return pow(a, b)


@elementwise("dy, a, b -> da", family=FAMILY)
def power_of_two_a(dy, a, b):
    return 0.0 * a if b == 0.0 else dy * b * pow(a, b - 1.0)


@elementwise("dy, a, b, y -> db", family=FAMILY)
def power_of_two_b(dy, a, b, y):
    return 0.0 * b if a == 0.0 else dy * y * log(a)  # noqa: F821


@elementwise("dy, a, b -> d", family=FAMILY)
def where_larger(dy, a, b):
    """Where both are alike each gets half, as Keras's backends have it."""
    return dy if a > b else (0.5 * dy if a == b else 0.0 * dy)


@elementwise("dy, a, b -> d", family=FAMILY)
def where_smaller(dy, a, b):
    return dy if a < b else (0.5 * dy if a == b else 0.0 * dy)


@elementwise("a, b -> y", family=FAMILY)
def is_greater(a, b):
    return 1.0 if a > b else 0.0


@elementwise("a, b -> y", family=FAMILY)
def is_greater_equal(a, b):
    return 1.0 if a >= b else 0.0


@elementwise("a, b -> y", family=FAMILY)
def is_less(a, b):
    return 1.0 if a < b else 0.0


@elementwise("a, b -> y", family=FAMILY)
def is_less_equal(a, b):
    return 1.0 if a <= b else 0.0


@elementwise("a, b -> y", family=FAMILY)
def is_equal(a, b):
    return 1.0 if a == b else 0.0


@elementwise("a, b -> y", family=FAMILY)
def is_not_equal(a, b):
    return 1.0 if a != b else 0.0


@elementwise("a, b -> y", family=FAMILY)
def are_both(a, b):
    return 1.0 if a != 0.0 and b != 0.0 else 0.0


@elementwise("a, b -> y", family=FAMILY)
def is_either(a, b):
    return 1.0 if a != 0.0 or b != 0.0 else 0.0


@elementwise("c, a, b -> y", family=FAMILY)
def chosen(c, a, b):
    return a if c != 0.0 else b


@elementwise("dy, c -> da", family=FAMILY)
def chosen_a(dy, c):
    return dy if c != 0.0 else 0.0 * c


@elementwise("dy, c -> db", family=FAMILY)
def chosen_b(dy, c):
    return 0.0 * dy if c != 0.0 else dy


@elementwise("dy, x, best, ties -> dx", family=FAMILY)
def among_ties(dy, x, best, ties):
    """The gradient of a largest element, in equal parts where there are several."""
    return dy / ties if x == best else 0.0 * ties
