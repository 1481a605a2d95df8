"""Update formulas: one pass over the flat parameter vector, its gradient and its moments. Forms are Keras 3's."""

from gpunn.kernels.elementwise import elementwise


@elementwise("p, g, rate:scalar -> p")
def sgd(p, g, rate):
    return p - rate * g


@elementwise("p, m, g, rate:scalar, momentum:const -> p, m")
def sgd_momentum(p, m, g, rate, momentum):
    velocity = momentum * m - rate * g
    return p + velocity, velocity


@elementwise("p, m, g, rate:scalar, momentum:const -> p, m")
def sgd_nesterov(p, m, g, rate, momentum):
    velocity = momentum * m - rate * g
    return p + momentum * velocity - rate * g, velocity


@elementwise("rate:scalar, step:scalar:i8, beta_1:const, beta_2:const -> alpha:scalar")
def adam_rate(rate, step, beta_1, beta_2):
    """Both bias corrections, folded into the rate (Kingma & Ba 2015, section 2, last paragraph). `step` counts finished steps."""
    return rate * sqrt(1.0 - pow(beta_2, step + 1.0)) / (1.0 - pow(beta_1, step + 1.0))  # noqa: F821


@elementwise("p, m, v, g, alpha:scalar, share_1:const, share_2:const, epsilon:const -> p, m, v")
def adam(p, m, v, g, alpha, share_1, share_2, epsilon):
    """Shares are 1 - beta: worked out in double, since 1 - 0.999 in float32 is off in the fifth digit."""
    second = v + (g * g - v) * share_2
    root = sqrt(second) + epsilon  # noqa: F821
    first = m + (g - m) * share_1
    return p - alpha * first / root, first, second
