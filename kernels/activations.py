"""Activation formulas and their gradients: sigmoids, steps and the identity. (`rectifiers` has the others.)

A gradient is named ``<name>_bwd`` and takes dy and what it needs of the forward: the output y where that is enough, so that a layer may
write y in the place of x, and x where it is not. A ``:const`` is a parameter of the activation. At a kink a gradient is that of the flat
side. What a formula does to a NaN is to let it through.
"""

from gpunn.kernels.elementwise import chained, elementwise
from gpunn.kernels.record import REGISTRY, Kernel


@elementwise("x -> y")
def linear(x):
    return x


@elementwise("dy, y -> dx")
def linear_bwd(dy, y):
    return dy


@elementwise("x -> y", family="step")
def step(x):
    return 1.0 if x >= 0.0 else (0.0 if x < 0.0 else x)


@elementwise("dy, y -> dx", family="step")
def step_bwd(dy, y):
    return 0.0


@elementwise("x -> y")
def sigmoid(x):
    return 1.0 / (1.0 + exp(-x))  # noqa: F821  exp(-x) may overflow to infinity: the quotient is then exactly 0


@elementwise("dy, y -> dx")
def sigmoid_bwd(dy, y):
    return dy * y * (1.0 - y)


@elementwise("x -> y", name="tanh_")
def tanh_(x):
    return tanh(x)  # noqa: F821


@elementwise("dy, y -> dx", name="tanh__bwd")
def tanh_bwd(dy, y):
    return dy * (1.0 - y * y)


@elementwise("x -> y", family="bipolar_sigmoid")
def bipolar_sigmoid(x):
    return tanh(0.5 * x)  # noqa: F821  2 sigmoid(x) - 1


@elementwise("dy, y -> dx", family="bipolar_sigmoid")
def bipolar_sigmoid_bwd(dy, y):
    return dy * 0.5 * (1.0 - y * y)


@elementwise("x -> y", family="hard_sigmoid")
def hard_sigmoid(x):
    y = x / 6.0 + 0.5
    return 0.0 if y < 0.0 else (1.0 if y > 1.0 else y)


@elementwise("dy, y -> dx", family="hard_sigmoid")
def hard_sigmoid_bwd(dy, y):
    return dy / 6.0 if y > 0.0 and y < 1.0 else 0.0


@elementwise("x -> y", family="sparse_sigmoid")
def sparse_sigmoid(x):
    y = 0.5 * x + 0.5
    return 0.0 if y < 0.0 else (1.0 if y > 1.0 else y)


@elementwise("dy, y -> dx", family="sparse_sigmoid")
def sparse_sigmoid_bwd(dy, y):
    return dy * 0.5 if y > 0.0 and y < 1.0 else 0.0


@elementwise("x -> y", family="hard_tanh")
def hard_tanh(x):
    return -1.0 if x < -1.0 else (1.0 if x > 1.0 else x)


@elementwise("dy, y -> dx", family="hard_tanh")
def hard_tanh_bwd(dy, y):
    return dy if y > -1.0 and y < 1.0 else 0.0


@elementwise("x -> y", family="log_sigmoid")
def log_sigmoid(x):
    return -log1pexp(-x)  # noqa: F821


@elementwise("dy, y -> dx", family="log_sigmoid")
def log_sigmoid_bwd(dy, y):
    return -dy * expm1(y)  # noqa: F821  1 - sigmoid(x) = 1 - exp(y)


@elementwise("x -> y", family="arctan")
def arctan(x):
    return atan(x)  # noqa: F821


@elementwise("dy, x -> dx", family="arctan")
def arctan_bwd(dy, x):
    return dy / (1.0 + x * x)


@elementwise("x -> y", family="softsign")
def softsign(x):
    return x / (1.0 + abs(x))


@elementwise("dy, y -> dx", family="softsign")
def softsign_bwd(dy, y):
    r = 1.0 - abs(y)  # 1 / (1 + |x|)
    return dy * r * r


@elementwise("x -> y", family="exponential")
def exponential(x):
    return exp(x) if x == x else x  # noqa: F821  the condition changes nothing; without it NVRTC 13 spills registers (float64, sm_90)


@elementwise("dy, y -> dx", family="exponential")
def exponential_bwd(dy, y):
    return dy * y


@elementwise("z, b:row -> y")
def bias_linear(z, b):
    return z + b


def following(inner: Kernel, outer: Kernel, operand: str) -> Kernel:
    """The activation (or its gradient) `outer` with its `operand` made by `inner`, in one pass; made once."""
    return chained(f"{inner.name.removesuffix('_linear')}_{outer.name.rstrip('_')}", outer, operand, inner)


for _name in ("sigmoid", "tanh_"):
    following(bias_linear, REGISTRY[_name], "x")
