"""Activation formulas that are near 0 on one side and near x on the other, and what shrinks x; see `activations` for the conventions."""

from gpunn.kernels.activations import bias_linear, following
from gpunn.kernels.elementwise import elementwise

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # Klambauer et al. 2017
SQRT_HALF, NORMAL = 0.7071067811865476, 0.3989422804014327  # sqrt(1/2), 1 / sqrt(2 pi)
GELU_SLOPE, GELU_CUBE = 0.7978845608028654, 0.044715  # sqrt(2 / pi); Hendrycks & Gimpel 2016


@elementwise("x -> y")
def relu(x):
    return 0.0 if x < 0.0 else x


@elementwise("dy, y -> dx")
def relu_bwd(dy, y):
    return dy if y > 0.0 else 0.0


following(bias_linear, relu, "x")


@elementwise("x, top:const, threshold:const -> y", family="rectifier")
def clipped_relu(x, top, threshold):
    return 0.0 if x <= threshold else (top if x > top else x)


@elementwise("dy, y, top:const -> dx", family="rectifier")
def clipped_relu_bwd(dy, y, top):
    """For threshold >= 0, where y > 0 tells that x was above it."""
    return dy if y > 0.0 and y < top else 0.0


@elementwise("x, slope:const, top:const, threshold:const -> y", family="rectifier")
def rectifier(x, slope, top, threshold):
    return (top if x > top else x) if x > threshold else slope * (x - threshold)


@elementwise("dy, x, slope:const, top:const, threshold:const -> dx", family="rectifier")
def rectifier_bwd(dy, x, slope, top, threshold):
    return (dy if x < top else 0.0) if x > threshold else slope * dy


@elementwise("x, slope:const -> y", family="rectifier")
def leaky_relu(x, slope):
    return x if x > 0.0 else slope * x


@elementwise("dy, y, slope:const -> dx", family="rectifier")
def leaky_relu_bwd(dy, y, slope):
    """For slope > 0, where y > 0 tells that x was."""
    return dy if y > 0.0 else slope * dy


@elementwise("x, alpha:row -> y", family="rectifier")
def prelu(x, alpha):
    return x if x > 0.0 else alpha * x


@elementwise("dy, x, alpha:row -> dx", family="rectifier")
def prelu_bwd(dy, x, alpha):
    return dy if x > 0.0 else alpha * dy


@elementwise("dy, x -> dalpha", family="rectifier")
def prelu_alpha(dy, x):
    return 0.0 if x > 0.0 else dy * x


@elementwise("x, alpha:const -> y", family="elu")
def elu(x, alpha):
    return x if x > 0.0 else alpha * expm1(x)  # noqa: F821


@elementwise("dy, y, alpha:const -> dx", family="elu")
def elu_bwd(dy, y, alpha):
    return dy if y > 0.0 else dy * (y + alpha)


@elementwise("x -> y", family="elu")
def selu(x):
    return SELU_SCALE * (x if x > 0.0 else SELU_ALPHA * expm1(x))  # noqa: F821


@elementwise("dy, y -> dx", family="elu")
def selu_bwd(dy, y):
    return dy * (SELU_SCALE if y > 0.0 else y + SELU_SCALE * SELU_ALPHA)


@elementwise("x, alpha:const -> y", family="elu")
def celu(x, alpha):
    return x if x > 0.0 else alpha * expm1(x / alpha)  # noqa: F821


@elementwise("dy, y, alpha:const -> dx", family="elu")
def celu_bwd(dy, y, alpha):
    return dy if y > 0.0 else dy * (y / alpha + 1.0)


@elementwise("x -> y", family="gelu")
def gelu(x):
    tail = 0.5 * exp(-0.5 * x * x) * erfcx(SQRT_HALF * abs(x))  # noqa: F821  the normal distribution beyond |x|
    return x * (1.0 - tail if x > 0.0 else tail)


@elementwise("dy, x -> dx", family="gelu")
def gelu_bwd(dy, x):
    bell = exp(-0.5 * x * x)  # noqa: F821
    tail = 0.5 * bell * erfcx(SQRT_HALF * abs(x))  # noqa: F821
    return dy * ((1.0 - tail if x > 0.0 else tail) + NORMAL * x * bell)


@elementwise("x -> y", family="gelu")
def gelu_tanh(x):
    u = GELU_SLOPE * (x + GELU_CUBE * x * x * x)
    return x / (1.0 + exp(-2.0 * u))  # noqa: F821  (1 + tanh(u)) / 2 = 1 / (1 + exp(-2 u))


@elementwise("dy, x -> dx", family="gelu")
def gelu_tanh_bwd(dy, x):
    u = GELU_SLOPE * (x + GELU_CUBE * x * x * x)
    s = 1.0 / (1.0 + exp(-2.0 * u))  # noqa: F821
    return dy * (s + x * s * (1.0 - s) * (2.0 * GELU_SLOPE) * (1.0 + 3.0 * GELU_CUBE * x * x))


@elementwise("x -> y", family="silu")
def silu(x):
    return x / (1.0 + exp(-x))  # noqa: F821


@elementwise("dy, x -> dx", family="silu")
def silu_bwd(dy, x):
    s = 1.0 / (1.0 + exp(-x))  # noqa: F821
    return dy * s * (1.0 + x * (1.0 - s))


@elementwise("x -> y", family="mish")
def mish(x):
    """x tanh(log(1 + e)), e = exp(x), is x e (e + 2) / (e (e + 2) + 2); with u = exp(-|x|) nothing overflows (Misra 2019)."""
    u = exp(-abs(x))  # noqa: F821
    top = 1.0 + 2.0 * u if x > 0.0 else u * (u + 2.0)
    return x * top / (top + (2.0 * u * u if x > 0.0 else 2.0))


@elementwise("dy, x -> dx", family="mish")
def mish_bwd(dy, x):
    u = exp(-abs(x))  # noqa: F821
    top = 1.0 + 2.0 * u if x > 0.0 else u * (u + 2.0)
    r = 1.0 / (top + (2.0 * u * u if x > 0.0 else 2.0))
    return dy * r * (top + 4.0 * x * r * (u * u if x > 0.0 else u) * (1.0 + u))


@elementwise("x -> y", family="hard_silu")
def hard_silu(x):
    y = x / 6.0 + 0.5
    return x * (0.0 if y < 0.0 else (1.0 if y > 1.0 else y))


@elementwise("dy, x -> dx", family="hard_silu")
def hard_silu_bwd(dy, x):
    return 0.0 if x <= -3.0 else (dy if x >= 3.0 else dy * (x / 3.0 + 0.5))


@elementwise("x -> y", family="softplus")
def softplus(x):
    return log1pexp(x)  # noqa: F821


@elementwise("dy, y -> dx", family="softplus")
def softplus_bwd(dy, y):
    return -dy * expm1(-y)  # noqa: F821  sigmoid(x) = 1 - exp(-y)


@elementwise("x, smoothness:const -> y", family="squareplus")
def squareplus(x, smoothness):
    root = sqrt(x * x + smoothness)  # noqa: F821
    return 0.5 * (root + x) if x >= 0.0 else 0.5 * smoothness / (root - x)  # nothing cancels


@elementwise("dy, y, smoothness:const -> dx", family="squareplus")
def squareplus_bwd(dy, y, smoothness):
    return dy / (1.0 + 0.25 * smoothness / (y * y)) if y > 0.0 else 0.0  # (1 + x / root) / 2, with x = y - smoothness / (4 y)


@elementwise("x -> y", family="sparse_plus")
def sparse_plus(x):
    return 0.0 if x <= -1.0 else (x if x >= 1.0 else 0.25 * (x + 1.0) * (x + 1.0))


@elementwise("dy, y -> dx", family="sparse_plus")
def sparse_plus_bwd(dy, y):
    return dy * (1.0 if y >= 1.0 else sqrt(y))  # noqa: F821  sqrt(y) = (x + 1) / 2


@elementwise("x, limit:const -> y", family="shrink")
def soft_shrink(x, limit):
    return 0.0 if abs(x) <= limit else (x - limit if x > 0.0 else x + limit)


@elementwise("x, limit:const -> y", family="shrink")
def hard_shrink(x, limit):
    return 0.0 if abs(x) <= limit else x


@elementwise("dy, y -> dx", family="shrink")
def shrink_bwd(dy, y):
    return 0.0 if y == 0.0 else dy


@elementwise("x -> y", family="shrink")
def tanh_shrink(x):
    return x - tanh(x)  # noqa: F821


@elementwise("dy, x -> dx", family="shrink")
def tanh_shrink_bwd(dy, x):
    t = tanh(x)  # noqa: F821
    return dy * t * t


@elementwise("x, limit:const, value:const -> y", family="shrink")
def threshold(x, limit, value):
    return value if x <= limit else x


@elementwise("dy, x, limit:const -> dx", family="shrink")
def threshold_bwd(dy, x, limit):
    return dy if x > limit else 0.0
