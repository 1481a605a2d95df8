"""Activation formulas and their gradients. A gradient is named ``<name>_bwd`` and takes dy and what it needs of the forward: y or x."""

from gpunn.kernels.elementwise import composed, elementwise
from gpunn.kernels.record import REGISTRY, Kernel


@elementwise("x -> y")
def linear(x):
    return x


@elementwise("dy, y -> dx")
def linear_bwd(dy, y):
    return dy


@elementwise("x -> y")
def relu(x):
    return 0.0 if x < 0.0 else x  # a NaN stays a NaN


@elementwise("dy, y -> dx")
def relu_bwd(dy, y):
    return dy if y > 0.0 else 0.0  # relu'(0) = 0


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


def with_bias(forward: Kernel) -> Kernel:
    """y = f(z + b), one pass."""
    name = forward.name.rstrip("_")
    return composed(f"bias_{name}", "z, b:row -> y", "z, b", f"{forward.name}(z + b)", {forward.name: forward})


for _name in ("linear", "relu", "sigmoid", "tanh_"):
    with_bias(REGISTRY[_name])
